"""Reader of shapes: tables that napari saves of a Shapes layer, and ours, which have labels."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.files.errors import FileError
from napari_spatial_embeddings.files.regions import KINDS, along_ellipse
from napari_spatial_embeddings.files.tables import rows

from .outlines import NOWHERE, Outline, Outlines, Place, ring

COLUMNS = ("index", "shape-type", "vertex-index", "axis-0", "axis-1")

MAX_LABEL = np.iinfo(np.int32).max

FLAT = 0.5
"""Pixels along the axes above the plane by which corners of a shape may differ."""


def read_shape_table(path: str | Path) -> Outlines:
    """Read polygons, rectangles and ellipses.

    Coordinates are pixels, the middle of the first one 0; two give no plane, three a slice or a
    frame, four a frame and a slice. Shapes of the same ``label``, where each has one, are pieces of
    one object; else each is an object. A column ``class`` counts.

    Raises
    ------
    FileError
        If it is no such table, or a shape is damaged.
    """
    path = Path(path)
    corners: dict[str, list[list[float]]] = {}
    facts: dict[str, dict[str, str]] = {}
    for line, row in rows(path, COLUMNS):
        axes = sorted(name for name in row if name.startswith("axis-"))
        try:
            point = [float(row[axis]) for axis in axes]
        except ValueError:
            point = [math.nan]
        if not all(map(math.isfinite, point)) or len(point) > 4:
            raise FileError(
                f"{path}, line {line}: expected numbers under axis-0, axis-1 and so on, two to four"
            )
        facts.setdefault(row["index"], row)
        corners.setdefault(row["index"], []).append(point)
    given = {key: _label(row.get("label", "")) for key, row in facts.items()}
    known = all(given.values())
    left_out = {"line": 0, "shape across slices": 0}
    found = Outlines()
    for number, (key, points) in enumerate(corners.items(), 1):
        kind = facts[key]["shape-type"].lower()
        if kind not in KINDS:
            left_out["line"] += 1
            continue
        if len(points) < 3 or (kind == "ellipse" and len(points) != 4):
            raise FileError(
                f"{path}: shape {key} has {len(points)} corners; it is incomplete, save it again"
            )
        array = np.array(points)
        array = along_ellipse(array) if kind == "ellipse" else array
        above = array[:, :-2]
        if np.ptp(above, axis=0).max(initial=0) > FLAT:
            left_out["shape across slices"] += 1
            continue
        label = (known and given[key]) or number
        try:
            made = ring(array[:, :-3:-1] + 0.5)
        except ValueError as error:
            raise FileError(f"{path}: shape {key}: {error}; save it again") from error
        place = _place([round(float(n)) for n in above.mean(0)])
        found.pieces.append(Outline(label, (made,), place=place))
        found.names.setdefault(label, f"shape {key}")
        if facts[key].get("class"):
            found.classes.setdefault(label, facts[key]["class"])
    notes = [f"{plural(count, what)} left out" for what, count in left_out.items() if count]
    return Outlines(found.pieces, found.names, found.classes, (), tuple(notes))


def _label(text: str) -> int:
    return int(text) if text.isdecimal() and int(text) <= MAX_LABEL else 0


def _place(above: list[int]) -> Place:
    if len(above) == 2:
        return Place(z=above[1], t=above[0])
    return Place(plane=above[0]) if above else NOWHERE
