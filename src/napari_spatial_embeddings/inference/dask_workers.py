"""Workers of Dask, on this machine or on others, as a place where blocks are segmented.

Workers open the image and the model by their paths, once each, and share files through a folder
that all of them see. How they open them comes with each task, so that a worker that was restarted
goes on like the others.
"""

from __future__ import annotations

import logging
import queue
import signal
import socket
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_spatial_embeddings.errors import Failure, InputError, OutOfMemory, extra
from napari_spatial_embeddings.system.malloc import keep_freed_memory

from .block_record import differing, facts_of
from .block_work import BlockWork, Done, Plan, Task

if TYPE_CHECKING:
    from distributed import Client, Future

    from napari_spatial_embeddings.core.image_data import ImageData

    from .model import SpatialEmbeddings

EXTRA = "cluster"

CONNECT_SECONDS = 20
"""Time in which a scheduler has to answer."""

PATIENCE = 1.0
"""Seconds after which `DaskWorkers.next` returns without a task that is done."""

LOST_SECONDS = 0.1
"""Seconds after which a result that was lost is looked for again."""

COUNT_SECONDS = 5.0
"""Seconds after which the workers are counted again."""


@dataclass(frozen=True)
class Sources:
    """How a worker opens what it works on.

    Parameters
    ----------
    image, model : callable
        Functions that can be pickled, such as partial ones, with absolute paths.
    """

    image: Callable[[], ImageData]
    model: Callable[[], SpatialEmbeddings]


class DaskWorkers:
    """A place for `segment_blocks`: the workers of a scheduler.

    Parameters
    ----------
    client : distributed.Client
        Connected: see `local_workers` and `workers_of`.
    sources : Sources
    """

    def __init__(self, client: Client, sources: Sources) -> None:
        self._client, self._sources = client, sources
        self._done: queue.SimpleQueue[tuple[Task, Future[Done]]] = queue.SimpleQueue()
        self._futures: set[Future[Done]] = set()
        self._threads, self._counted = 0, -COUNT_SECONDS

    @property
    def dashboard(self) -> str:
        """Address of a page that shows what the workers do; empty if there is none."""
        services = self._client.scheduler_info()["services"]
        return str(self._client.dashboard_link) if "dashboard" in services else ""

    @property
    def threads(self) -> int:
        """Number of threads of all workers, counted every few seconds."""
        if time.monotonic() - self._counted >= COUNT_SECONDS:
            with _answering():
                self._threads = sum(self._client.nthreads().values())
            self._counted = time.monotonic()
        return self._threads

    @property
    def at_once(self) -> int:
        """Two tasks for each thread, so that none waits for this process."""
        return max(2, 2 * self.threads)

    def start(self, work: BlockWork, plan: Plan) -> None:  # noqa: ARG002 - they make their own
        """Take up a segmentation; tasks of an earlier one are cancelled."""
        self.stop()
        self._plan, self._done = plan, queue.SimpleQueue()

    def stop(self) -> None:
        """Cancel the tasks that are under way."""
        self._done = queue.SimpleQueue()
        with suppress(Failure), _answering():
            for future in self._futures:
                future.cancel()
        self._futures.clear()

    def submit(self, task: Task) -> None:
        """Have a task done; blocks come before tiles, as their tiles may be deleted then."""
        with _answering():
            future = self._client.submit(
                _do,
                self._sources,
                self._plan,
                task,
                key=f"{_kind(task)}-{uuid.uuid4().hex}",
                priority=int(task.block is not None),
            )
        self._futures.add(future)
        done = self._done
        future.add_done_callback(lambda future: done.put((task, future)))

    def next(self) -> Done | None:
        """Wait for a task that is done, for a second at most."""
        try:
            task, future = self._done.get(timeout=PATIENCE)
        except queue.Empty:
            return None
        if future.status in ("pending", "lost"):
            # Its worker ended before its result was fetched; the scheduler has it done again.
            time.sleep(LOST_SECONDS)
            self._done.put((task, future))
            return None
        self._futures.discard(future)
        if future.status == "finished":
            with _answering():  # what a task raises has another status
                return future.result()
        if future.status != "error":
            raise Failure(GONE)
        error = future.exception()
        assert error is not None
        if type(error).__name__ == "KilledWorker":
            raise OutOfMemory(
                f"some workers ended again and again at the same {_kind(task)}, perhaps for lack of"
                " memory; use fewer of them on a machine, or smaller tiles"
            ) from error
        raise error


GONE = (
    "the scheduler does not answer any more; start it and its workers again, and the same command"
    " goes on from what is done"
)


@contextmanager
def _answering() -> Iterator[None]:
    """Turn the errors of a connection that is lost into a sentence."""
    from distributed import client

    closed = getattr(client, "ClosedClientError", OSError)  # new versions have it
    try:
        yield
    except (OSError, TimeoutError, closed) as error:
        raise Failure(GONE) from error


def _kind(task: Task) -> str:
    return "tile" if task.block is None else "block"


# ------------------------------------------------------------- in a worker

_lock = threading.Lock()
_opened: dict[str, BlockWork] = {}
"""What this worker has opened last, by the folder of its plan."""


def _do(sources: Sources, plan: Plan, task: Task) -> Done:
    """Do a task in a worker."""
    with _lock:
        work = _opened.get(str(plan.folder))
        if work is None:
            _opened.clear()
            work = _opened[str(plan.folder)] = _open(sources, plan)
    return work.do(task)


def _open(sources: Sources, plan: Plan) -> BlockWork:
    keep_freed_memory(alone=True)
    here = f"the worker on {socket.gethostname()}"
    try:
        model, image = sources.model(), sources.image()
    except InputError as error:
        raise InputError(
            f"{error} ({here}: all workers have to see the same files, by the same paths)"
        ) from error
    source = plan.facts["the image"][0]
    own = facts_of(
        model, image, plan.scale, source, plan.clustering, plan.prediction, plan.settings
    )
    names = ("the image", "the model", "the program's version")
    if others := differing({name: own[name] for name in names}, plan.facts):
        raise InputError(
            f"{here} has another state of {' and '.join(others)}; expected the same everywhere"
        )
    if not plan.folder.is_dir():
        raise InputError(
            f"{here} does not see {plan.folder}; all workers have to share the output's folder"
        )
    device = _device(plan.prediction.device)
    return BlockWork(model, image, replace(plan, prediction=plan.prediction.updated(device=device)))


def _device(asked: str) -> str:
    """Return the device of this worker: one GPU each, where the machine has several."""
    import torch
    from distributed import get_worker

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    name = get_worker().name
    shared = asked in ("auto", "cuda") and count > 1 and isinstance(name, int)
    return f"cuda:{name % count}" if shared else asked


# -------------------------------------------------------------- connecting


@contextmanager
def local_workers(count: int, sources: Sources) -> Iterator[DaskWorkers]:
    """Yield workers on this machine, of one thread each, which end with this process.

    Raises
    ------
    InputError
        If Dask is not installed.
    """
    with extra(EXTRA):
        from distributed import Client, LocalCluster, WorkerPlugin

    class Quiet(WorkerPlugin):
        """Ctrl+C in a terminal is meant for this process, which cancels tasks, and ends workers."""

        def setup(self, worker: object) -> None:  # noqa: ARG002 - distributed calls it so
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            logging.getLogger("distributed").setLevel(logging.ERROR)

    env = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "NUMBA_NUM_THREADS": "1"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where the dashboard's port is taken, another one is used
        cluster = LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,
            dashboard_address="127.0.0.1:8787",
            env=env,
        )
    try:
        with Client(cluster) as client:
            client.register_plugin(Quiet())
            workers = DaskWorkers(client, sources)
            try:
                yield workers
            finally:
                workers.stop()
    finally:
        # Closing fails where a worker is being restarted; they all end with this process.
        with suppress(AssertionError, OSError, TimeoutError):
            cluster.close(timeout=10)


@contextmanager
def workers_of(address: str, sources: Sources) -> Iterator[DaskWorkers]:
    """Yield the workers of a scheduler, which go on when this process ends.

    Parameters
    ----------
    address : str
        Such as "tcp://192.0.2.1:8786", or the path of the scheduler's file.
    sources : Sources

    Raises
    ------
    InputError
        If Dask is not installed, or no scheduler answers.
    """
    with extra(EXTRA):
        from distributed import Client

    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(
            f"no scheduler answers at {address}; start one with 'dask scheduler', or check the"
            " address"
        ) from error
    with client:
        workers = DaskWorkers(client, sources)
        try:
            yield workers
        finally:
            workers.stop()
