"""Blocks of an image among workers of Dask, as a place for `segment_blocks`."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.block_record import facts_of
from napari_spatial_embeddings.inference.block_work import BlockWork, Done, Plan, Task
from napari_spatial_embeddings.inference.places import Opening, Work

from .dask_workers import DaskWorkers
from .worker import check_state, named_here, own_device, this_worker

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings


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
        self.workers.stop()
        self._plan = replace(plan, folder=plan.folder.resolve())  # they may run in another folder

    def submit(self, task: Task) -> None:
        """Have a task done; blocks come before tiles, as their tiles may be deleted then."""
        kind, opener = (
            "tile" if task.block is None else "block",
            OpenBlocks(self._image, self._plan),
        )
        name = str(self._plan.folder)
        self.workers.submit(opener, name, task, kind, priority=int(task.block is not None))

    def next(self) -> Done | None:
        """Wait for a task that is done, for a second at most."""
        finished = self.workers.next()
        if finished is None:
            return None
        if finished.error is not None:
            raise finished.error
        done: Done = finished.result
        return done

    def stop(self) -> None:
        """Cancel the tasks that are under way."""
        self.workers.stop()

    def each(
        self,
        opening: Opening,
        model: SpatialEmbeddings,  # noqa: ARG002 - workers load theirs
        image: ImageData,  # noqa: ARG002
        tasks: Sequence[Any],
        *,
        threads: int = 1,  # noqa: ARG002 - of this process
    ) -> Generator[Any, None, None]:
        """Have tasks of another work on the image done; yield what each returned, in order."""
        opener, name = OpenOther(self._image, opening), uuid.uuid4().hex
        done: dict[int, Any] = {}
        sent = 0
        try:
            for k in range(len(tasks)):
                while k not in done:
                    # What is ahead of its turn waits in memory.
                    while sent < min(len(tasks), k + 2 * self.at_once) and (
                        self.workers.under_way < self.at_once
                    ):
                        self.workers.submit(opener, name, (sent, tasks[sent]), "objects")
                        sent += 1
                    if (finished := self.workers.next()) is None:
                        continue
                    if finished.error is not None:
                        raise finished.error
                    done[finished.task[0]] = finished.result
                yield done.pop(k)
        finally:
            self.workers.stop()


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

    def __call__(self, model: SpatialEmbeddings) -> BlockWork:
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
        if not plan.folder.is_dir():
            raise InputError(
                f"{this_worker()} does not see {plan.folder}; all workers have to share the"
                " output's folder"
            )
        device = own_device(plan.prediction.device)
        plan = replace(plan, prediction=plan.prediction.updated(device=device))
        return BlockWork(model, image, plan)


@dataclass(frozen=True, slots=True)
class OpenOther:
    """Function that opens another work on an image in a worker.

    Parameters
    ----------
    image : callable
    opening : callable
    """

    image: Callable[[], ImageData]
    opening: Opening

    def __call__(self, model: SpatialEmbeddings) -> Numbered:
        """Open it."""
        with named_here():
            return Numbered(self.opening(model, self.image()))


@dataclass(frozen=True, slots=True)
class Numbered:
    """Work whose tasks have numbers.

    Parameters
    ----------
    work : Work
    """

    work: Work

    def do(self, task: tuple[int, Any]) -> Any:
        """Do a task."""
        return self.work.do(task[1])
