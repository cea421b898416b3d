"""Units of length: our names of them, and those of file formats."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TypeGuard

Size = tuple[float, str | None]
"""Size of a pixel along one axis, and its unit."""

Lengths = tuple[float | None, ...]
"""Size of a pixel along each axis; None for an axis along which it is unknown."""

METRES = {
    "pm": 1e-12,
    "angstrom": 1e-10,
    "nm": 1e-9,
    "um": 1e-6,
    "mm": 1e-3,
    "cm": 1e-2,
    "inch": 0.0254,
    "m": 1.0,
}
"""The units we know, by the names that we use."""

OME = {"um": "µm", "angstrom": "Å", "inch": "in"}
"""OME's symbols, where they differ from our names."""

NGFF = {
    "pm": "picometer",
    "nm": "nanometer",
    "um": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
}
"""OME-Zarr's names, where they differ from ours."""

_ALIASES = {
    **{symbol.lower(): name for name, symbol in OME.items()},
    **{long: name for name, long in NGFF.items()},
    **{long.replace("meter", "metre"): name for name, long in NGFF.items()},
    "micron": "um",
    "mcm": "um",
    "inche": "inch",
    "ångström": "angstrom",
    "ångstrom": "angstrom",
}
_PIXELS = {"", "pixel", "px", "voxel", "null", "none", "reference frame", "dimensionless"}
_SECONDS = {
    **dict.fromkeys(("ns", "nanosecond"), 1e-9),
    **dict.fromkeys(("us", "µs", "microsecond"), 1e-6),
    **dict.fromkeys(("ms", "msec", "millisecond"), 1e-3),
    **dict.fromkeys(("s", "sec", "second"), 1.0),
    **dict.fromkeys(("min", "minute"), 60.0),
    **dict.fromkeys(("h", "hr", "hour"), 3600.0),
    **dict.fromkeys(("d", "day"), 86400.0),
}
"""The units of time."""
_MICRO = ("μ", "âµ", "&#181;")
"""Other ways in which files write the micro sign: as a Greek letter, or decoded wrongly."""

_PER_PIXEL = re.compile(r"\s*(/|per)\s*(px|pixel|voxel)s?$")
"""What some programs write after a unit."""

_ESCAPED = re.compile(r"\\u([0-9a-f]{4})")
"""A letter as ImageJ writes it that ASCII does not have."""


def unit_name(text: str | None) -> str | None:
    """Return our name of a unit: "micron", "µm" and "micrometer" are "um".

    None for pixels and for no unit at all; a unit of time, or one that we do not know, is kept as
    it is.
    """
    plain = (text or "").strip()
    if is_time(plain):  # "ms" are no metres
        return plain
    short = _PER_PIXEL.sub("", _plain(plain))
    for key in (short, short.removesuffix("s")):
        if key in _PIXELS:
            return None
        if key in METRES:
            return key
        if key in _ALIASES:
            return _ALIASES[key]
    return plain


def is_time(unit: str | None) -> bool:
    """Whether a unit is one of time, so that what it measures is no length."""
    short = _plain(unit or "")
    return short in _SECONDS or short.removesuffix("s") in _SECONDS


def seconds(size: Size | None) -> float | None:
    """Return the time between two frames in seconds; None if it, or its unit, is unknown."""
    if size is None or not is_time(size[1]) or not (size[0] > 0 and math.isfinite(size[0])):
        return None
    short = _plain(size[1] or "")
    return float(f"{size[0] * (_SECONDS.get(short) or _SECONDS[short.removesuffix('s')]):.12g}")


def symbol(unit: str) -> str:
    """Return the symbol of a unit: "um" is "µm"."""
    return OME.get(unit, unit)


def combine(sizes: Sequence[Size | None]) -> tuple[Lengths | None, str | None]:
    """Return the pixel size along all axes in one unit.

    Parameters
    ----------
    sizes : sequence of (length, unit), one per axis
        None for an axis of unknown size.

    Returns
    -------
    lengths : tuple of floats, optional
        None along an axis whose size is unknown, or has a unit that does not go with the others';
        the other axes keep theirs. None as a whole where no axis has a size, or where all
        that is known is that pixels are square.
    unit : str, optional
        That of the last axis whose unit is known; None where none is, so that the lengths are
        ratios.
    """
    sizes = [s and (s[0], unit_name(s[1])) for s in sizes]
    units = [s[1] for s in sizes if _is_length(s) and s[1]]
    unit = next((u for u in reversed(units) if u in METRES), units[-1] if units else None)
    lengths = tuple(_converted(s, unit) if _is_length(s) else None for s in sizes)
    known = {length for length in lengths if length is not None}
    square = known == {1.0} or (len(known) == 1 and None in lengths)
    return (lengths, unit) if known and (unit or not square) else (None, None)


def spacing_of(pixel_size: Lengths | None) -> tuple[float, ...] | None:
    """Return the size of a pixel along each axis in pixels of the finest; None if unknown.

    An axis of unknown size counts as one of the finest.
    """
    finest = finest_length(pixel_size)
    if pixel_size is None or finest is None:
        return None
    return tuple(1.0 if size is None else size / finest for size in pixel_size)


def finest_length(pixel_size: Lengths | None) -> float | None:
    """Return the smallest of the sizes that are known; None if none is."""
    return min((size for size in pixel_size or () if size is not None), default=None)


def filled(pixel_size: Lengths) -> tuple[float, ...]:
    """Return pixel sizes for what cannot do without: the finest for an axis of unknown size."""
    finest = finest_length(pixel_size) or 1.0
    return tuple(size or finest for size in pixel_size)


def as_metadata(pixel_size: Lengths | None) -> dict[str, list[float]]:
    """Return pixel sizes for JSON, under a key that names the axes where not all are known."""
    if not pixel_size:
        return {}
    known = {a: s for a, s in zip("zyx"[-len(pixel_size) :], pixel_size, strict=True) if s}
    axes = "" if len(known) == len(pixel_size) else "_" + "".join(known)
    return {f"pixel_size{axes}": list(known.values())}


def length(pixel_size: Lengths | None, unit: str | None) -> float | None:
    """Return the finest pixel size in metres; None where it, or what the unit is worth, is unknown.

    It is unknown where that of Y or X is. Inches and centimetres count as unknown: files name them
    for the sake of printing.
    """
    finest = finest_length(pixel_size)
    if not pixel_size or not finest or None in pixel_size[-2:]:
        return None
    if unit not in METRES or unit in ("inch", "cm"):
        return None
    return finest * METRES[unit]


def _plain(text: str) -> str:
    short = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text.strip().lower()).lower()
    for sign in _MICRO:
        short = short.replace(sign, "µ")
    return short


def _is_length(size: Size | None) -> TypeGuard[Size]:
    return size is not None and size[0] > 0 and math.isfinite(size[0]) and not is_time(size[1])


def _converted(size: Size, unit: str | None) -> float | None:
    """Return a size in another unit; None if one cannot be converted into the other."""
    value, own = size
    if own == unit:
        return value
    if own is None or unit is None or not {own, unit} <= METRES.keys():
        return None
    return float(f"{value * METRES[own] / METRES[unit]:.12g}")  # 300 nm are 0.3 um
