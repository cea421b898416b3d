"""Long work as generators that may be cancelled between two steps."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Cancellable: TypeAlias = Generator[None, None, T]
"""Work that yields between its steps, and returns its result."""


class Cancelled(Exception):
    """The work was cancelled."""


def never_cancelled() -> bool:
    """Return False: the default of callers that cannot cancel."""
    return False


def run(work: Cancellable[T], cancelled: Callable[[], bool] = never_cancelled) -> T:
    """Run some work to its end and return its result.

    Raises
    ------
    Cancelled
        If ``cancelled()`` is true before a step.
    """
    while not cancelled():
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result
    work.close()
    raise Cancelled
