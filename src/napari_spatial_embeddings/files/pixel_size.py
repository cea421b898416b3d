"""Pixel sizes in dictionaries of metadata: TIFF tags in JSON, and JSON sidecar files."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from napari_spatial_embeddings.core.units import Size, unit_name

from .errors import FileError


def sizes_in(facts: Mapping[str, Any], source: str) -> dict[str, Size]:
    """Return the pixel size in a dictionary of metadata.

    The key starts with ``voxel_size`` or ``pixel_size`` and may go on with the order of the axes
    and the unit, in either order: ``voxel_size_zyx_um``. Without an order it is that of the axes,
    x last; without a unit, it has that of the key ``unit``. The value is one number for all axes,
    or a list with one for each.

    Raises
    ------
    FileError
        If there is such a key and its value is not understood.
    """
    for key, value in facts.items():
        found = re.fullmatch(r"(?:voxel|pixel)_?size(.*)", str(key), re.IGNORECASE)
        if not found:
            continue
        order, unit = None, facts.get("unit")
        for token in found[1].strip("_").split("_"):
            if token and set(token.lower()) <= set("zyx"):
                order = token.upper()
            elif token:
                unit = token
        values = value if isinstance(value, list) else [value] * len(order or "ZYX")
        order = order or "ZYX"[-len(values) :]
        good = [isinstance(v, int | float) and math.isfinite(v) and v > 0 for v in values]
        if not all(good) or len(order) != len(values) or len(set(order)) != len(order):
            raise FileError(
                f"{source}: '{key}' is {value}; expected one positive number for each axis, such as"
                ' "voxel_size_zyx_um": [0.28, 0.13, 0.13]'
            )
        name = unit_name(str(unit)) if unit else None
        return {axis: (float(v), name) for axis, v in zip(order, values, strict=True)}
    return {}
