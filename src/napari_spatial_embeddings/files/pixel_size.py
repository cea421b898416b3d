"""Pixel sizes in dictionaries of metadata: TIFF tags in JSON, and JSON files beside images.

Understood are ``voxel_size``, ``pixel_size`` and ``physical_size``, in any spelling, with the axes
and the unit in the key, in either order, or the unit under a key of its own; and ``pixel_width``,
``pixel_height``, ``voxel_depth`` and ``z_step``. The value is one number for all axes, a list with
one for each, x last, or an object with a number for each axis.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from napari_spatial_embeddings.core.units import Size, unit_name

from .errors import log

SIDES = {
    ("pixel", "width"): "X",
    ("pixel", "height"): "Y",
    ("pixel", "depth"): "Z",
    ("voxel", "width"): "X",
    ("voxel", "height"): "Y",
    ("voxel", "depth"): "Z",
    ("z", "step"): "Z",
    ("z", "spacing"): "Z",
}
"""Keys of one axis each, by their first two words."""

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[µμ]m")
"""A word of a key, whether capitals, underscores or spaces part it from the others."""

NUMBER = re.compile(r"\s*([\d.]+(?:e[+-]?\d+)?)\s*([^\d\s]*)\s*", re.IGNORECASE)
"""A number and its unit, if there is one."""

EXAMPLE = '"voxel_size_zyx_um": [0.28, 0.13, 0.13]'


class _Key(NamedTuple):
    """What a key is about: the size, or the unit, of some axes; "" for all of them."""

    axes: str
    unit: str | None
    is_unit: bool


def sizes_in(facts: Mapping[str, Any], source: str) -> dict[str, Size]:
    """Return the pixel size in a dictionary of metadata.

    What looks like a size and is none is left out with a warning: no image is refused for it.

    Parameters
    ----------
    facts : mapping
    source : str
        For warnings.

    Returns
    -------
    mapping from Z, Y, X to (length, unit)
        Of the axes whose size is known.
    """
    keys = {name: found for name in facts if (found := _parsed(str(name))) is not None}
    units = {k.axes: unit for n, k in keys.items() if k.is_unit and (unit := _text(facts[n]))}
    common = units.get("") or _text(facts.get("unit")) or _text(facts.get("units"))
    of_all: dict[str, Size] = {}
    of_one: dict[str, Size] = {}
    for name, key in keys.items():
        if key.is_unit:
            continue
        values = dict(_values(facts[name], key.axes))
        if not values or not all(size > 0 and math.isfinite(size) for size, _ in values.values()):
            text = json.dumps(facts[name], default=str)[:80]
            log.warning(
                "%s: '%s' is %s, not used; expected such as %s", source, name, text, EXAMPLE
            )
            continue
        sizes = of_one if len(key.axes) == 1 else of_all
        for axis, (size, unit) in values.items():
            unit = unit or key.unit or units.get(axis) or common
            sizes.setdefault(axis, (size, unit_name(unit) if unit else None))
    sizes = {**of_all, **of_one}
    only = {unit for _, unit in sizes.values()} - {None}
    if len(only) == 1:  # what has no unit is in that of the others
        sizes = {axis: (size, unit or next(iter(only))) for axis, (size, unit) in sizes.items()}
    return sizes


def _parsed(name: str) -> _Key | None:
    """Parse a key; None if it is not about a pixel's size."""
    words = [word.lower() for word in WORD.findall(name)]
    if words and words[0] in ("pixelsize", "voxelsize"):
        words[:1] = [words[0][:5], "size"]
    axes = SIDES.get(tuple(words[:2]), "")
    if not axes and (words[1:2] != ["size"] or words[0] not in ("pixel", "voxel", "physical")):
        return None
    unit, is_unit = None, False
    for word in words[2:]:
        if word in ("unit", "units"):
            is_unit = True
        elif word in ("in", "per", "size"):
            continue
        elif set(word) <= set("zyx"):
            axes += word.upper()
        else:
            unit = word
    return _Key(axes, unit, is_unit) if len(set(axes)) == len(axes) else None


def _values(value: Any, axes: str) -> Iterator[tuple[str, tuple[float, str | None]]]:
    """Yield the size along each axis, and its unit where the value has one; nothing if unclear."""
    if isinstance(value, dict):
        unit = _text(value.get("unit")) or _text(value.get("units"))
        sizes = {
            str(k).upper(): v
            for k, v in value.items()
            if str(k).lower() in ("x", "y", "z") and v is not None
        }
        sizes = sizes or {axis: value.get("value") for axis in axes or "ZYX"}
    elif isinstance(value, list) and len(value) != 1:
        unit, order = None, axes or "ZYX"[-len(value) :]
        sizes = dict(zip(order, value, strict=False)) if len(order) == len(value) else {}
    else:
        value = value[0] if isinstance(value, list) else value
        unit, sizes = None, dict.fromkeys(axes or "ZYX", value)
    measured = {axis: _number(one) for axis, one in sizes.items()}
    for axis, found in measured.items():
        yield axis, (found[0], found[1] or unit) if found else (math.nan, None)


def _number(value: Any) -> tuple[float, str | None] | None:
    """Return a number and its unit, also those in a text such as "0.3 um"."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value), None
        found = NUMBER.fullmatch(_text(value) or "")
        return (float(found[1]), found[2] or None) if found else None
    except (OverflowError, ValueError):
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
