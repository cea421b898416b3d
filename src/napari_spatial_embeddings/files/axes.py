"""Which axis of an array is which, and the one order that everything else works in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import FileError

UNKNOWN = "QI?"
"""Letters of axes that a file does not name."""

HINT = "say what they are with axes, such as axes=ZYX"


def arrange(
    array: NDArray[Any], axes: str, name: str, given: str | None = None
) -> tuple[NDArray[Any], str]:
    """Bring an array to (C, *S), channels first.

    Parameters
    ----------
    array : any shape
    axes : str
        One letter per axis as the file names them: Z, Y, X, C for channels, S for the colours
        of a pixel, T for time; `UNKNOWN` otherwise.
    name : str
        For messages.
    given : str, optional
        What the axes are instead: Y and X, and perhaps Z and C.

    Returns
    -------
    array : (C, Y, X) or (C, Z, Y, X)
    axes : "CYX" or "CZYX"

    Raises
    ------
    FileError
        If there is a time axis, or too many axes, or they cannot be told apart.
    """
    if array.ndim < 2 or not array.size:
        raise FileError(f"{name} holds no image: its shape is {array.shape}")
    if given:
        array, axes = _as_told(array, axes, given.upper(), name)
    else:
        array, axes = _without_singletons(array, axes)
        axes = _guess(array, axes, name)
        _check(array, axes, name)
    if "S" in axes:
        # The last of two or four samples is transparency.
        colours = axes.index("S")
        if array.shape[colours] in (2, 4):
            array = array.take(range(array.shape[colours] - 1), colours)
        axes = axes.replace("S", "C")
    if "C" not in axes:
        array, axes = array[None], "C" + axes
    order = "CZYX" if "Z" in axes else "CYX"
    return array.transpose([axes.index(a) for a in order]), order


def _as_told(array: NDArray[Any], axes: str, given: str, name: str) -> tuple[NDArray[Any], str]:
    if not {"Y", "X"} <= set(given) <= set("CZYX") or len(set(given)) != len(given):
        raise FileError(
            f"axes={given}: expected Y and X, and perhaps Z and C, each once and in the file's"
            " order, such as ZYX, CYX or YXC"
        )
    if array.ndim == len(given):
        return array, given
    core, _ = _without_singletons(array, axes)
    one_slice = core.ndim == len(given) - 1 and "Z" in given
    if one_slice and (core.ndim == 2 or core.ndim < array.ndim):
        core = np.expand_dims(core, given.index("Z"))
    if core.ndim != len(given):
        raise FileError(
            f"{name} has shape {core.shape}; axes={given} names {len(given)} axes, expected"
            f" {core.ndim}"
        )
    return core, given


def _without_singletons(array: NDArray[Any], axes: str) -> tuple[NDArray[Any], str]:
    """Drop the axes of length one, but keep the plane of a one-pixel-wide image."""
    away = [i for i, (a, n) in enumerate(zip(axes, array.shape, strict=True)) if n == 1]
    spare = [i for i in away if axes[i] not in "YX"]
    return array.squeeze(tuple(spare)), "".join(a for i, a in enumerate(axes) if i not in spare)


def _guess(array: NDArray[Any], axes: str, name: str) -> str:
    """Name the axes that the file does not name."""
    unknown = [i for i, a in enumerate(axes) if a in UNKNOWN]
    if not unknown:
        return axes
    if array.ndim == 3 and array.shape[-1] in (3, 4) and array.dtype in (np.uint8, np.uint16):
        return "YXS"
    if len(unknown) > 1 or "Z" in axes:
        raise FileError(
            f"{name} has shape {array.shape} and does not tell its axes; {HINT.replace('Z', 'CZ')}"
        )
    return axes.replace(axes[unknown[0]], "Z")


def _check(array: NDArray[Any], axes: str, name: str) -> None:
    if "T" in axes:
        frames = array.shape[axes.index("T")]
        told = axes.replace("T", "Z").replace("S", "C")
        but = f"; if they are slices of a volume, say axes={told}" if "Z" not in axes else ""
        raise FileError(
            f"{name} is a time series of {frames} frames; save each frame as a file of its own{but}"
        )
    letters = set(axes)
    colours = len(letters & {"C", "S"})
    if not {"Y", "X"} <= letters <= set("CSZYX") or len(letters) != len(axes) or colours > 1:
        raise FileError(
            f"{name} has the axes {axes} and shape {array.shape}; expected YX or ZYX, with or"
            f" without channels: save the part you need, or {HINT}"
        )
