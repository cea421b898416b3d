"""Connections of signals to slots that are undone together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any


class Connections:
    """Connects slots to signals of Qt, psygnal and napari, and disconnects them all at once."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, Callable[..., object]]] = []

    def add(self, signal: Any, slot: Callable[..., object], **how: Any) -> None:
        """Connect a slot to a signal."""
        signal.connect(slot, **how)
        self._made.append((signal, slot))

    def close(self) -> None:
        """Disconnect all slots."""
        made, self._made = self._made, []
        for signal, slot in reversed(made):
            with suppress(RuntimeError):  # the object that owns the signal is deleted already
                signal.disconnect(slot)
