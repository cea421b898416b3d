"""Requests to stop a training: a signal, or a line from the parent process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

STDIN = 0


class StopRequest:
    """A request to stop, made from outside; the training asks for it between its pieces."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancelled(self) -> bool:
        """Return whether a stop was requested."""
        return self._event.is_set()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Let the first SIGINT (Ctrl+C) or SIGTERM request a stop; the second interrupts."""

        def handle(_number: int, _frame: object) -> None:
            if self.cancelled():
                raise KeyboardInterrupt
            self._event.set()

        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, handle) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def listen(self) -> None:
        """Let a line ``stop`` on stdin, or the end of stdin, request a stop."""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        # Unbuffered: a thread that waits in sys.stdin would hold its lock when the program ends.
        with suppress(OSError), open(STDIN, "rb", buffering=0, closefd=False) as stdin:
            for line in stdin:
                if line.strip() == b"stop":
                    break
        self._event.set()
