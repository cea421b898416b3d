"""Undo history: states that can be returned to, as many as fit in memory."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

State = TypeVar("State")

STEPS, BYTES = 100, 512 * 2**20


class UndoHistory(Generic[State]):
    """The states before and after the present one, as many as fit in memory.

    States are immutable values.

    Parameters
    ----------
    steps : int
        How many states are kept.
    room : int
        Bytes that they may need.
    """

    def __init__(self, steps: int = STEPS, room: int = BYTES) -> None:
        self._steps, self._room = steps, room
        self._past: deque[tuple[State, int]] = deque()
        self._future: list[tuple[State, int]] = []

    @property
    def can_undo(self) -> bool:
        """Whether there is a step back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether a step back can be taken back."""
        return bool(self._future)

    @property
    def previous(self) -> State | None:
        """The state that `undo` returns."""
        return self._past[-1][0] if self._past else None

    @property
    def following(self) -> State | None:
        """The state that `redo` returns."""
        return self._future[-1][0] if self._future else None

    def push(self, state: State, size: int = 0) -> None:
        """Keep a state that is being left for a new one; what was undone is forgotten.

        Parameters
        ----------
        state : object
        size : int
            Bytes that it needs.
        """
        self._future.clear()
        self._past.append((state, size))
        while len(self._past) > self._steps or self._weight() > self._room:
            self._past.popleft()

    def undo(self, present: State, size: int = 0) -> State:
        """Return the state before the present one, which can be returned to.

        Raises
        ------
        IndexError
            If there is none.
        """
        state, _ = self._past.pop()
        self._future.append((present, size))
        return state

    def redo(self, present: State, size: int = 0) -> State:
        """Return the state that was left by undoing.

        Raises
        ------
        IndexError
            If there is none.
        """
        state, _ = self._future.pop()
        self._past.append((present, size))
        return state

    def _weight(self) -> int:
        return sum(size for _, size in self._past)
