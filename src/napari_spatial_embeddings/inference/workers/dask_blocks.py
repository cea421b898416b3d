"""Blocks of an image among workers of Dask, as a place for `segment_blocks`."""

from __future__ import annotations

import hashlib
import pickle
import uuid
from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.block_record import facts_of
from napari_spatial_embeddings.inference.block_work import BlockWork, Done, Plan, Task
from napari_spatial_embeddings.inference.places import Opening, Work
from napari_spatial_embeddings.system.atomic import write_atomically

from .dask_workers import DaskWorkers
from .worker import check_state, named_here, own_device, this_worker

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings


TOGETHER = 4
"""Tasks of `DaskBlocks.each` that a worker is given together, at most.

They are short, and handing them over costs some milliseconds here and there.
"""


class DaskBlocks:
    """A place for `segment_blocks`: the workers of a scheduler.

    Parameters
    ----------
    workers : DaskWorkers
        With nothing else to do.
    image : callable
        Opens the image; it can be pickled, such as a partial function with an absolute path.
    """

    def __init__(self, workers: DaskWorkers, image: Callable[[], ImageData]) -> None:
        self.workers, self._image = workers, image

    @property
    def at_once(self) -> int:
        """Number of tasks that are worth being under way."""
        return self.workers.at_once

    def start(self, work: BlockWork, plan: Plan) -> None:  # noqa: ARG002 - they make their own
        """Take up a segmentation; tasks of an earlier one are cancelled."""
        self.stop()
        self._plan = replace(plan, folder=plan.folder.resolve())  # they may run in another folder

    def submit(self, task: Task) -> None:
        """Have a task done; blocks come before tiles, as their tiles may be deleted then."""
        kind, name = "tile" if task.block is None else "block", str(self._plan.folder)
        opener = OpenBlocks(self._image, self._plan)
        self.workers.submit(opener, name, (task,), kind, priority=int(task.block is not None))

    def next(self) -> Done | None:
        """Wait for a task that is done, for a second at most."""
        finished = self.workers.next()
        if finished is None:
            return None
        if finished.error is not None:
            raise finished.error
        done: Done
        (done,) = finished.result
        return done

    def stop(self) -> None:
        """Cancel the tasks that are under way."""
        self.workers.stop()

    def each(
        self,
        opening: Opening,
        tasks: Sequence[Hashable],
        *,
        threads: int = 1,  # noqa: ARG002 - of this process
    ) -> Generator[Any, None, None]:
        """Have tasks of another work on the image done; yield what each returned, in order."""
        name, workers = uuid.uuid4().hex, self.workers
        path = self._plan.folder / f"{name}.pickle"
        content = pickle.dumps(opening)
        write_atomically(path, content)
        opener = OpenOther(self._image, path, hashlib.sha256(content).hexdigest())
        done, sent = dict[Hashable, Any](), 0
        try:
            for k, task in enumerate(tasks):
                while task not in done:
                    # What is ahead of its turn waits in memory.
                    ahead = min(len(tasks), k + 2 * TOGETHER * workers.at_once)
                    while sent < ahead and workers.under_way < workers.at_once:
                        # Smaller groups at the end, so that all workers end at the same time.
                        size = max(1, min(TOGETHER, (len(tasks) - sent) // workers.at_once))
                        group = tuple(tasks[sent : sent + size])
                        workers.submit(opener, name, group, "objects")
                        sent += size
                    if (finished := workers.next()) is None:
                        continue
                    if finished.error is not None:
                        raise finished.error
                    done |= zip(finished.task, finished.result, strict=True)
                yield done.pop(task)
        finally:
            workers.stop()
            path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class OpenBlocks:
    """Function that opens the blocks of an image in a worker.

    Parameters
    ----------
    image : callable
    plan : Plan
    """

    image: Callable[[], ImageData]
    plan: Plan

    def __call__(self, model: SpatialEmbeddings) -> Several:
        """Open them.

        Raises
        ------
        InputError
            If this worker does not see the same files, in the same state.
        """
        plan = self.plan
        with named_here():
            image = self.image()
        source = plan.facts["the image"][0]
        how = plan.clustering, plan.prediction, plan.settings
        own = facts_of(model, image, plan.scale, source, *how)
        check_state(own, plan.facts, ("the image", "the model", "the program's version"))
        _check_seen(plan.folder)
        device = own_device(plan.prediction.device)
        plan = replace(plan, prediction=plan.prediction.updated(device=device))
        return Several(BlockWork(model, image, plan))


@dataclass(frozen=True, slots=True)
class OpenOther:
    """Function that opens another work on an image in a worker.

    Parameters
    ----------
    image : callable
    opening : path
        Of the pickled `Opening`: it may know all blocks, and a task is about one of them.
    digest : str
        SHA-256 of that file: nothing that others have put there is unpickled.
    """

    image: Callable[[], ImageData]
    opening: Path
    digest: str

    def __call__(self, model: SpatialEmbeddings) -> Several:
        """Open it.

        Raises
        ------
        InputError
            If this worker does not see the same files.
        """
        _check_seen(self.opening.parent)
        content = self.opening.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.digest:
            raise InputError(f"{self.opening} was changed by another program; run it again")
        with named_here():
            opening: Opening = pickle.loads(content)
            return Several(opening(model, self.image()))


@dataclass(frozen=True, slots=True)
class Several:
    """Work of which several tasks are done one after the other.

    Parameters
    ----------
    work : Work
    """

    work: Work

    def do(self, tasks: Sequence[Any]) -> list[Any]:
        """Do them."""
        return [self.work.do(task) for task in tasks]


def _check_seen(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(
            f"{this_worker()} does not see {folder}; all workers have to share the output's folder"
        )
