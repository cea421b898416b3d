"""Places where the tasks of a segmentation by blocks are done: this process, or others."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from .block_work import BlockWork, Done, Plan, Task


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


class Here:
    """The place that this process is: one task after the other."""

    at_once = 1

    def start(self, work: BlockWork, plan: Plan) -> None:  # noqa: ARG002 - others need it
        """Take up a segmentation."""
        self._work, self._tasks = work, deque[Task]()

    def submit(self, task: Task) -> None:
        """Have a task done."""
        self._tasks.append(task)

    def next(self) -> Done | None:
        """Do the next task."""
        return self._work.do(self._tasks.popleft())
