"""Work of a worker: it loads a model once, opens what it works on once, and does its tasks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.block_record import differing
from napari_spatial_embeddings.inference.block_work import Facts
from napari_spatial_embeddings.inference.places import Work
from napari_spatial_embeddings.system.malloc import keep_freed_memory

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings


Opener = Callable[["SpatialEmbeddings"], Work]
"""Opens the work in a worker, which has loaded the model; it can be pickled."""


COMPILES = "napari-spatial-embeddings-compiles"
"""Topic of the event, for Dask, that a worker compiles loops."""

_lock = threading.Lock()
_model: dict[str, SpatialEmbeddings] = {}
"""The model that this worker has loaded last, by its name."""

_work: dict[str, Work] = {}
"""What this worker has opened last, by its name."""


def do(
    model: tuple[str, Callable[[], SpatialEmbeddings]], work: tuple[str, Opener], task: Any
) -> Any:
    """Do a task in a worker."""
    (model_name, load), (name, opener) = model, work
    with _compiling_told():
        with _lock:
            if model_name not in _model:
                keep_freed_memory(alone=True)
                _model.clear()
                with named_here():
                    _model[model_name] = load()
            if name not in _work:
                _work.clear()
                _work[name] = opener(_model[model_name])
            opened = _work[name]
        return opened.do(task)


@contextmanager
def _compiling_told() -> Iterator[None]:
    """Have the process that asked for a task learn that loops are compiled first."""
    from distributed import get_worker

    from napari_spatial_embeddings.core.compiled import noticed

    worker = get_worker()
    with noticed(lambda: worker.log_event(COMPILES, worker.address)):
        yield


def this_worker() -> str:
    """Return what this worker is called in messages."""
    return f"the worker on {socket.gethostname()}"


@contextmanager
def named_here() -> Iterator[None]:
    """Name this worker in errors of what it opens, and what all workers need."""
    try:
        yield
    except InputError as error:
        raise InputError(
            f"{error} ({this_worker()}: all workers have to see the same files, by the same paths)"
        ) from error


def check_state(own: Facts, expected: Facts, names: tuple[str, ...]) -> None:
    """Refuse to work where some facts are others than in the process that asked for it.

    Raises
    ------
    InputError
    """
    if others := differing({name: own[name] for name in names}, expected):
        raise InputError(
            f"{this_worker()} has another state of {' and '.join(others)}; expected the same"
            " everywhere"
        )


def own_device(asked: str) -> str:
    """Return the device of this worker: one GPU each, where the machine has several."""
    import torch
    from distributed import get_worker

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    name = get_worker().name
    shared = asked in ("auto", "cuda") and count > 1 and isinstance(name, int)
    return f"cuda:{name % count}" if shared else asked
