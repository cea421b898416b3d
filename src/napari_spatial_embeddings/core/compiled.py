"""Decorator of the loops that numba compiles, and word of when it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from numba import njit
from numba.core import event

Function = TypeVar("Function", bound=Callable[..., Any])

COMPILES = "numba:compile"
"""What numba calls a compilation; there is none where an earlier process has kept its result."""

_NOTICED: list[Callable[[], object]] = []
"""Functions that are called before a compilation, here or in a process that works for this one."""


def compiled(*, inline: bool = False, reorder: bool = False) -> Callable[[Function], Function]:
    """Compile a function at its first call, or load what an earlier process compiled.

    It releases the GIL, so that plain threads run it side by side; nothing depends on numba's own
    threading layers. Division by zero gives inf or NaN, as in numpy.

    Parameters
    ----------
    inline : bool
        Whether its body is copied into the compiled functions that call it.
    reorder : bool
        Whether sums may be taken in any order, several values at once; the last bits may differ.
    """
    decorate = njit(
        cache=True,
        nogil=True,
        error_model="numpy",
        inline="always" if inline else "never",
        fastmath={"reassoc", "contract", "nsz"} if reorder else False,
    )
    return cast(Callable[[Function], Function], decorate)


def _nothing() -> None:
    pass


@contextmanager
def noticed(
    compiles: Callable[[], object], compiled: Callable[[], object] = _nothing
) -> Iterator[None]:
    """Call a function before each compilation of one that is ours.

    At the first use in an installation that takes up to half a minute, without any other report.

    Parameters
    ----------
    compiles : callable
        Called in whichever thread needs the function, for whichever work.
    compiled : callable
        Called there after it.
    """
    _NOTICED.append(compiles)
    try:
        with event.install_listener(COMPILES, _Listener(compiles, compiled)):
            yield
    finally:
        _NOTICED.remove(compiles)


def notice() -> None:
    """Call what is to be called before a compilation: another process compiles for this one."""
    for compiles in tuple(_NOTICED):
        compiles()


class _Listener(event.Listener):
    """Listener to what numba compiles, which may need other functions compiled meanwhile."""

    def __init__(self, compiles: Callable[[], object], compiled: Callable[[], object]) -> None:
        self._compiles, self._compiled = compiles, compiled

    def on_start(self, event: Any) -> None:
        if _is_ours(event):
            self._compiles()

    def on_end(self, event: Any) -> None:
        if _is_ours(event):
            self._compiled()


def _is_ours(event: Any) -> bool:
    module: str = event.data["dispatcher"].py_func.__module__
    return module.partition(".")[0] == __name__.partition(".")[0]
