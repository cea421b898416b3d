"""Interruption of a process at each change that it makes to the file system, and a full disk.

The first is for child processes only: each moment is tried in a fork of its own.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

WRITING = frozenset("wxa+")
EVENTS = frozenset({"os.rename", "os.remove", "os.truncate"})


def interrupt_each_change(
    work: Callable[[int, Callable[[], None]], int], interrupt: Callable[[str], None], code: int
) -> None:
    """Interrupt work at its first change of the file system, its second, until it gets through.

    Parameters
    ----------
    work : callable
        Gets the number of the moment, from 1 on, and a function to call before the first change
        that counts. Returns its process's exit code, 0 if it got through.
    interrupt : callable
        Called before the change, with the path; ends the process, or raises.
    code : int
        Exit code of an interrupted process, negative for a signal.
    """
    for moment in itertools.count(1):
        child = os.fork()
        if not child:
            os._exit(_work_interrupted(work, interrupt, moment))
        found = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if found == 0:
            return
        assert found == code, (moment, found)


def _work_interrupted(
    work: Callable[[int, Callable[[], None]], int], interrupt: Callable[[str], None], moment: int
) -> int:
    left: int | None = None

    def begin() -> None:
        nonlocal left
        left = moment

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if left and _changes(event, arguments):
            left -= 1
            if left == 0:
                interrupt(arguments[0])

    sys.addaudithook(watch)
    result = work(moment, begin)
    # Work that got through although it was interrupted has hidden an error.
    return 8 if result == 0 and left == 0 else result


def _changes(event: str, arguments: tuple[Any, ...]) -> bool:
    """Return whether an audit event is a change of the file system."""
    if event == "open":
        return isinstance(arguments[1], str) and bool(WRITING & set(arguments[1]))
    if event == "os.mkdir":
        return not os.path.isdir(arguments[0])  # noqa: PTH112 - called within the interpreter
    return event in EVENTS


@contextmanager
def no_room() -> Iterator[None]:
    """Make the system refuse larger files, as a full disk does in the middle of one."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
