"""Workers: generators that run in a thread, and the newest of many requests.

A worker gets frozen values and returns values; its reports are handled in the main thread.

The main thread never waits for a worker while there is a window: one that is cancelled or closed
goes on until its next report, unheard. Before the program ends, it is waited for.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any, TypeAlias

from qtpy.QtCore import QObject, Qt, Signal

from napari_spatial_embeddings.errors import to_message

SECONDS_AT_EXIT = 10.0
"""Seconds to wait at most for cancelled work before the program ends: it may be in the midst of a
file, or in code that must not outlive Python."""

Around: TypeAlias = Callable[[Callable[[object], object]], AbstractContextManager[object]]

_CANCELLED: set[threading.Thread] = set()


@atexit.register
def _wait_for_cancelled() -> None:
    end = time.monotonic() + SECONDS_AT_EXIT
    for thread in list(_CANCELLED):
        thread.join(max(0.0, end - time.monotonic()))


def _nothing_around(_report: Callable[[object], object]) -> AbstractContextManager[None]:
    return nullcontext()


class Worker(QObject):
    """A generator that runs in a thread.

    superqt's GeneratorWorker ends silently on a `RuntimeError`, and running out of memory is one;
    here every error becomes a sentence.

    Parameters
    ----------
    work : callable
        Returns the generator; called in the thread.
    around : callable, optional
        Gets a function that reports a value at any time, from any thread; returns the context that
        the work is done in.
    """

    reported = Signal(object)
    ended = Signal(object)
    failed = Signal(str)

    def __init__(
        self,
        work: Callable[[], Iterator[Any]],
        parent: QObject | None = None,
        around: Around = _nothing_around,
    ) -> None:
        super().__init__(parent)
        self._around = around
        self._stop = threading.Event()
        # The thread forgets the work when it is done: it may hold images and maps, and this object
        # lives as long as its parent.
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)

    def start(self) -> Worker:
        """Start."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Stop after the next report; nothing is reported any more."""
        self._stop.set()
        _CANCELLED.difference_update([x for x in _CANCELLED if not x.is_alive()])
        if self._thread.is_alive():
            _CANCELLED.add(self._thread)

    def _run(self, work: Callable[[], Iterator[Any]]) -> None:
        last = None
        try:
            with self._around(partial(self._emit, self.reported)):
                reports = work()
                for last in reports:
                    if self._stop.is_set():
                        return
                    self._emit(self.reported, last)
            self._emit(self.ended, last)
        except Exception as error:  # noqa: BLE001 - `explained` logs unexpected errors
            self._emit(self.failed, to_message(error))

    def _emit(self, signal: Any, value: object) -> None:
        if not self._stop.is_set():
            try:
                signal.emit(value)
            except RuntimeError:  # the window is gone
                self._stop.set()


class LatestWorker(QObject):
    """Runs the newest request in a thread; one that waits is replaced by one that comes later.

    So work never piles up behind a slider.

    Parameters
    ----------
    work : callable
        Called in the thread with a request; returns its result.
    """

    done = Signal(object, object)
    failed = Signal(str)
    _finished = Signal(object, object, object)

    def __init__(self, work: Callable[[Any], Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._work = work
        self._pool = ThreadPoolExecutor(1)
        self._busy = False
        self._next: Any = None
        self._waiting = False
        self._closed = False
        self._finished.connect(self._finish, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether a request is being worked on or waits."""
        return self._busy

    def request(self, value: Any) -> None:
        """Ask for work; ``done`` comes with the request and its result."""
        if self._closed:
            return
        self._next, self._waiting = value, True
        if not self._busy:
            self._begin()

    def close(self) -> None:
        """Take no more requests, and drop the results of those under way.

        They end by themselves; Python waits for them before it ends.
        """
        self._closed, self._next, self._busy = True, None, False
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> None:
        value, self._next, self._waiting = self._next, None, False
        self._busy = True
        self._pool.submit(self._run, value)

    def _run(self, value: Any) -> None:
        result, problem = None, None
        try:
            result = self._work(value)
        except Exception as error:  # noqa: BLE001 - `explained` logs unexpected errors
            problem = to_message(error)
        if not self._closed:
            with suppress(RuntimeError):  # the window is gone
                self._finished.emit(value, result, problem)

    def _finish(self, value: Any, result: Any, problem: str | None) -> None:
        self._busy = False
        if self._closed:
            return
        if self._waiting:
            self._begin()
        if problem is None:
            self.done.emit(value, result)
        else:
            self.failed.emit(problem)
