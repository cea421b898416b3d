"""Decorator of the loops that numba compiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


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
