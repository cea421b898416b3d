"""The wish to stop a training: a signal, or what a parent process says."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

STDIN = 0

PATIENCE = 0.3
"""Seconds for a training to notice, before it is ended from outside: a step may take longer."""


class Stopping:
    """Whether somebody has asked to stop."""

    def __init__(self) -> None:
        self._asked, self._over = threading.Event(), threading.Event()

    def asked(self) -> bool:
        """Tell whether somebody has."""
        return self._asked.is_set()

    def over(self) -> None:
        """Say that the work has ended: nobody needs to be waited for any more."""
        self._over.set()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Turn the first Ctrl+C (or a polite kill) into a wish to stop; the second interrupts."""

        def ask(_number: int, _frame: object) -> None:
            if self.asked():
                raise KeyboardInterrupt
            self._asked.set()

        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, ask) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def listen(self, overdue: Callable[[], None]) -> None:
        """Take a line ``stop`` on stdin, or its end, for a wish to stop.

        Parameters
        ----------
        overdue : callable
            Called in another thread if the work has not ended `PATIENCE` seconds after the wish.
        """
        thread = threading.Thread(target=self._listen, args=(overdue,), daemon=True)
        thread.start()

    def _listen(self, overdue: Callable[[], None]) -> None:
        # Unbuffered: a thread that waits in sys.stdin would hold its lock when the program ends.
        with suppress(OSError), open(STDIN, "rb", buffering=0, closefd=False) as stdin:
            for line in stdin:
                if line.strip() == b"stop":
                    break
        self._asked.set()
        if not self._over.wait(PATIENCE):
            overdue()
