"""Places where the tasks of a segmentation by blocks are done: this process, or others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Hashable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any, Protocol

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.threads import in_order

from .block_work import BlockWork, Done, Plan, Task
from .cpu.threads import TileThreads, threads_for
from .model import SpatialEmbeddings


class Work(Protocol):
    """What is opened once, and does tasks."""

    def do(self, task: Any, /) -> Any:
        """Do a task; what it returns goes to the process that asked for it."""


Opening = Callable[[SpatialEmbeddings, ImageData], Work]
"""Opens the work on an image; for workers it can be pickled."""


class Place(Protocol):
    """A place where tasks are done; `segment_blocks` alone decides which, and when.

    Attributes
    ----------
    at_once : int
        Tasks that are worth being under way.
    """

    @property
    def at_once(self) -> int:
        """Number of tasks that are worth being under way."""

    def start(self, work: BlockWork, plan: Plan) -> None:
        """Take up a segmentation; tasks of an earlier one are left."""

    def submit(self, task: Task) -> None:
        """Have a task done."""

    def next(self) -> Done | None:
        """Wait for a task that is done; None after a while without one.

        Raises
        ------
        InputError, Failure
            As the task raised it.
        """

    def stop(self) -> None:
        """Leave the tasks that were not begun, and wait for the others if they are done here."""

    def each(
        self, opening: Opening, tasks: Sequence[Hashable], *, threads: int = 1
    ) -> Generator[Any, None, None]:
        """Do tasks of another work on the image, once all blocks are done.

        Parameters
        ----------
        opening : callable
        tasks : sequence
            No two are equal.
        threads : int
            How many this process may use for it: one where the image is read, as not all that
            images come from may be read by several.

        Yields
        ------
        object
            What a task returned, in the order of the tasks.

        Raises
        ------
        InputError, Failure
            As a task raised it.
        """


class Here:
    """The place that this process is: on a processor, one task for each thread of torch."""

    def __init__(self) -> None:
        self._waiting, self._active = deque[Task](), deque[Future[Done]]()
        self._threads: TileThreads | None = None
        self.at_once = 1

    def start(self, work: BlockWork, plan: Plan) -> None:  # noqa: ARG002 - others need it
        """Take up a segmentation."""
        self.stop()
        self._work, self._threads = work, TileThreads(threads_for(work.tiles.device))
        self.at_once = self._threads.count

    def submit(self, task: Task) -> None:
        """Have a task done; blocks come before tiles, as their tiles may be deleted then."""
        if task.block is None:
            self._waiting.append(task)
        else:
            self._waiting.appendleft(task)

    def do(self, task: Task) -> Done:
        """Do a task, in one of the threads."""
        return self._work.do(task)

    def next(self) -> Done | None:
        """Do the next tasks, until one of them is done."""
        assert self._threads is not None
        while self._waiting and len(self._active) < self.at_once:
            self._active.append(self._threads.submit(self.do, self._waiting.popleft()))
        done = next(iter(wait(self._active, return_when=FIRST_COMPLETED).done))
        self._active.remove(done)
        return done.result()

    def stop(self) -> None:
        """Leave the tasks that were not begun, and wait for the others."""
        self._waiting.clear()
        for future in self._active:
            with suppress(Exception):  # the first error has been raised
                future.result()
        self._active.clear()
        if self._threads is not None:
            self._threads.close()
            self._threads = None

    def each(
        self, opening: Opening, tasks: Sequence[Hashable], *, threads: int = 1
    ) -> Generator[Any, None, None]:
        """Do tasks of another work; the next ones while one is looked at."""
        work = opening(self._work.model, self._work.image)
        with ThreadPoolExecutor(threads, "tasks") as pool:
            try:
                yield from in_order(pool, threads, work.do, tasks)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
