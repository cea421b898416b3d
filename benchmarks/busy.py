"""Stretches in which the main thread of a window is busy, without a turn of its event loop."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

Busy = tuple[float, float]
"""Seconds that the main thread was busy in all, and at a stretch."""

Pair = tuple[Busy | None, Busy]
"""Of napari alone, where it has something like it, and of the plugin."""


class Watch:
    """Does something in a window, and lets that live until nothing is under way.

    Parameters
    ----------
    idle : callable
        Returns whether nothing runs in the background.
    """

    def __init__(self, idle: Callable[[], bool]) -> None:
        from qtpy.QtWidgets import QApplication

        self.turn: Callable[[], None] = QApplication.processEvents
        self._idle = idle

    def busy(self, *works: Callable[[], object]) -> Busy:
        """Do one thing after another, and return how busy the main thread was."""
        gc.collect()
        spent: list[float] = []
        for work in works:
            spent.append(_timed(work))
            quiet = 0
            while quiet < 5:  # painting takes an event of its own
                spent.append(_timed(self.turn))
                quiet = quiet + 1 if self._idle() else 0
                time.sleep(1e-3)
        return sum(spent), max(spent)

    def settle(self) -> None:
        """Let the window live until nothing is under way."""
        self.busy(lambda: None)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
