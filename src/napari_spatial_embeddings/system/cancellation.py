"""Long work in pieces, so that it can be given up between two of them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Pieces: TypeAlias = Generator[None, None, T]
"""Work that yields between its pieces, and returns what it found."""


class Stopped(Exception):
    """The work was given up, as somebody asked for."""


def never() -> bool:
    """Say that nobody asks to stop."""
    return False


def whole(work: Pieces[T], stop: Callable[[], bool] = never) -> T:
    """Do all of some work and return what it found.

    Raises
    ------
    Stopped
        If ``stop`` says so between two pieces.
    """
    while not stop():
        try:
            next(work)
        except StopIteration as end:
            found: T = end.value
            return found
    work.close()
    raise Stopped
