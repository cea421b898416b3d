"""Units of length: our names of them, and those of file formats."""

from __future__ import annotations

import math
from collections.abc import Sequence

Size = tuple[float, str | None]
"""Size of a pixel along one axis, and its unit."""

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
    "inche": "inch",
}
_PIXELS = {"", "pixel", "px", "voxel", "null", "none"}


def unit_name(text: str | None) -> str | None:
    """Return our name of a unit: "micron", "µm" and "micrometer" are "um".

    None for pixels and for no unit at all; a unit that we do not know is kept as it is.
    """
    plain = (text or "").strip()
    short = plain.replace("\\u00B5", "µ").replace("\\u00b5", "µ").replace("μ", "µ").lower()
    for key in (short, short.removesuffix("s")):
        if key in _PIXELS:
            return None
        if key in METRES:
            return key
        if key in _ALIASES:
            return _ALIASES[key]
    return plain


def symbol(unit: str) -> str:
    """Return the symbol of a unit: "um" is "µm"."""
    return OME.get(unit, unit)


def combine(sizes: Sequence[Size | None]) -> tuple[tuple[float, ...] | None, str | None]:
    """Return the pixel size along all axes in one unit, that of the last axis.

    None and None where an axis has no size, or where all that is known is that pixels are square.
    """
    known = [s for s in sizes if s is not None and s[0] > 0 and math.isfinite(s[0])]
    units = {unit for _, unit in known}
    if len(known) < len(sizes) or (len(units) > 1 and not units <= METRES.keys()):
        return None, None
    unit = known[-1][1]
    if unit is not None and len(units) > 1:
        known = [(s * METRES[u] / METRES[unit], unit) for s, u in known if u]
    values = tuple(s for s, _ in known)
    return (None, None) if unit is None and set(values) == {1.0} else (values, unit)


def spacing_of(pixel_size: Sequence[float] | None) -> tuple[float, ...] | None:
    """Return the size of a pixel along each axis in pixels of the finest; None if unknown."""
    return tuple(size / min(pixel_size) for size in pixel_size) if pixel_size else None


def length(pixel_size: Sequence[float] | None, unit: str | None) -> float | None:
    """Return the finest pixel size in metres; None where it, or what the unit is worth, is unknown.

    Inches and centimetres count as unknown: files name them for the sake of printing.
    """
    if not pixel_size or unit not in METRES or unit in ("inch", "cm"):
        return None
    return min(pixel_size) * METRES[unit]
