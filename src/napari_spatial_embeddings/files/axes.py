"""Arrays as decoders return them, the meaning of their axes, and their arrangement as images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_spatial_embeddings.core.image_data import PixelArray, arranged, sliced
from napari_spatial_embeddings.core.units import Size, is_time, seconds

from .errors import FileError, log

UNKNOWN = "QI?"
"""Letters of axes that a file does not name."""

AXIS_NAMES = {
    **dict.fromkeys(("t", "time", "frame", "frames", "timepoint", "timepoints"), "T"),
    **dict.fromkeys(("c", "ch", "channel", "channels", "colour", "colours"), "C"),
    **dict.fromkeys(("color", "colors", "wavelength", "band", "bands"), "C"),
    **dict.fromkeys(("z", "depth", "slice", "slices", "plane", "planes"), "Z"),
    **dict.fromkeys(("y", "row", "rows", "height"), "Y"),
    **dict.fromkeys(("x", "col", "column", "columns", "width"), "X"),
}
"""Names of axes in files and layers."""

FEW_PLANES = 4
"""Planes up to which unnamed ones may well be channels."""

NARROW = 8
"""An unnamed last axis so many times shorter than the others is no width."""

WITH_ALPHA = (2, 4)
"""Numbers of colours of a pixel of which the last is transparency."""

NO_IMAGE = "{name} holds no image: its shape is {shape}"

TIME_SERIES = "{name} is a time series of {frames} frames; save each frame as a file of its own"

HINT = "name them with axes, such as axes=ZYX"


@dataclass(frozen=True, slots=True)
class Raw:
    """An array as it is in its file.

    Parameters
    ----------
    array : any shape and dtype
        Of NumPy where it was read whole.
    axes : str
        One letter per axis, see `as_image`.
    sizes : mapping from T, Z, Y, X to (length, unit)
        Size of a pixel along the axes for which it is known; along T, the time between two frames.
    levels : tuple of arrays
        Coarser copies of it, with the same axes.
    """

    array: PixelArray
    axes: str
    sizes: Mapping[str, Size]
    levels: tuple[PixelArray, ...] = ()


def as_image(
    array: PixelArray, axes: str, name: str, given: str | None = None, *, time: bool = False
) -> tuple[PixelArray, str]:
    """Return a view of an array as (C, *S), channels first, without its transparency.

    A time series is (T, C, *S) if it may be one; a single frame is an image.

    Parameters
    ----------
    array : any shape
        Not read, but for its shape and type.
    axes : str
        One letter per axis as the file names them: Z, Y, X, C for channels, S for the colours
        of a pixel, T for time; `UNKNOWN` otherwise.
    name : str
        For messages.
    given : str, optional
        What the axes are instead: Y and X, and perhaps Z and C, or T.
    time : bool
        Whether it may be a time series.

    Returns
    -------
    array : (C, *S) or (T, C, *S)
    axes : one of `core.image_data.ORDERS`

    Raises
    ------
    FileError
        If there is an axis of time and may be none, or there are too many axes, or their meaning
        is unknown.
    """
    if array.ndim < 2 or 0 in array.shape:
        raise FileError(NO_IMAGE.format(name=name, shape=array.shape))
    if given:
        array, axes = _with_given_axes(array, axes, given.upper(), name, time=time)
    else:
        array, axes = without_singletons(array, axes)
        named, axes = axes, guess(array, axes, name)
        if axes != named and "Z" in axes and (n := array.shape[axes.index("Z")]) <= FEW_PLANES:
            log.warning(
                "%s: its %d planes are taken for slices; if they are channels, set axes=CYX",
                name,
                n,
            )
        _check(array, axes, name, time=time)
    if "T" in axes and array.shape[axes.index("T")] == 1:
        array = sliced(array, (*(slice(None),) * axes.index("T"), 0))
        axes = axes.replace("T", "")
    if "S" in axes:
        colours = axes.index("S")
        if array.shape[colours] in WITH_ALPHA:
            opaque = slice(array.shape[colours] - 1)
            array = sliced(array, (*(slice(None),) * colours, opaque))
        axes = axes.replace("S", "C")
    letters = {*axes, *(given or "").upper(), "C"} - ({"T"} - {*axes})
    order = "".join(a for a in "TCZYX" if a in letters)
    return arranged(array, axes, order), order


def named_by_units(axes: str, sizes: Mapping[str, Size]) -> str:
    """Return the letters of a file's axes, where slices that are seconds apart are frames.

    Parameters
    ----------
    axes : str
        As the file names them.
    sizes : mapping from axis to (length, unit)
        As the file gives them.
    """
    units = {axis: unit for axis, (_, unit) in sizes.items()}
    if "Z" in axes and is_time(units.get("Z")) and not is_time(units.get("X")):
        return axes.translate(str.maketrans("ZT", "TZ"))
    return axes


def interval_of(sizes: Mapping[str, Size]) -> float | None:
    """Return the seconds between two frames; the slices of some files are seconds apart."""
    return seconds(sizes.get("T")) or seconds(sizes.get("Z"))


def _with_given_axes(
    array: PixelArray, axes: str, given: str, name: str, *, time: bool
) -> tuple[PixelArray, str]:
    """Return the array and the letters of its axes; Z is missing where a plane is a volume."""
    known = "TCZYX" if time else "CZYX"
    if not {"Y", "X"} <= set(given) <= set(known) or len(set(given)) != len(given):
        others = "Z, C and T" if time else "Z and C"
        raise FileError(
            f"axes={given}: expected Y and X, and perhaps {others}, each once and in the file's"
            " order, such as ZYX, CYX or YXC"
        )
    if array.ndim == len(given):
        return array, given
    core, _ = without_singletons(array, axes)
    if core.ndim == len(given) - 1 and "T" in given:
        given = given.replace("T", "")  # of a single frame
    if core.ndim == len(given):
        return core, given
    if core.ndim == len(given) - 1 and "Z" in given and (core.ndim == 2 or core.ndim < array.ndim):
        return core, given.replace("Z", "")
    raise FileError(
        f"{name} has shape {core.shape}; axes={given} names {len(given)} axes, expected {core.ndim}"
    )


def without_singletons(array: PixelArray, axes: str) -> tuple[PixelArray, str]:
    """Drop the axes of length one, but keep the plane of a one-pixel-wide image."""
    kept = [n > 1 or a in "YX" for a, n in zip(axes, array.shape, strict=True)]
    view = sliced(array, tuple(slice(None) if keep else 0 for keep in kept))
    return view, "".join(a for a, keep in zip(axes, kept, strict=True) if keep)


def guess(array: PixelArray, axes: str, name: str) -> str:
    """Name the axes that the file does not name."""
    unknown = [i for i, a in enumerate(axes) if a in UNKNOWN]
    if not unknown:
        return axes
    if array.ndim == 3 and array.shape[-1] in (3, 4) and array.dtype in (np.uint8, np.uint16):
        return "YXS"
    if array.ndim == 3 and array.shape[-1] * NARROW <= min(array.shape[:2]):
        return "YXC"  # no volume is that narrow
    if len(unknown) > 1 or "Z" in axes:
        raise FileError(
            f"{name} has shape {array.shape} and its axes are unknown; {HINT.replace('Z', 'CZ')}"
        )
    return axes.replace(axes[unknown[0]], "Z")


def _check(array: PixelArray, axes: str, name: str, *, time: bool) -> None:
    if "T" in axes and not time:
        frames = array.shape[axes.index("T")]
        slices = axes.replace("T", "Z").replace("S", "C")
        but = f"; if they are slices of a volume, set axes={slices}" if "Z" not in axes else ""
        raise FileError(TIME_SERIES.format(name=name, frames=frames) + but)
    letters = set(axes)
    colours = len(letters & {"C", "S"})
    if not {"Y", "X"} <= letters <= set("TCSZYX") or len(letters) != len(axes) or colours > 1:
        raise FileError(
            f"{name} has the axes {axes} and shape {array.shape}; expected YX or ZYX, with or"
            f" without channels: save the part you need, or {HINT}"
        )
