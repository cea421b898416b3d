"""Outlines of objects that shapes layers show, and shapes layers of outlines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Layer, Shapes
from numpy.typing import NDArray

from napari_spatial_embeddings.core.outlines.masks import ObjectMask
from napari_spatial_embeddings.core.outlines.rings import joined, outlines
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.files.annotations.outlines import (
    NOWHERE,
    Outline,
    Outlines,
    Place,
    ring,
)
from napari_spatial_embeddings.plugin.layers.annotation import LayerTuple
from napari_spatial_embeddings.plugin.layers.frames import frame_of
from napari_spatial_embeddings.plugin.layers.world import factors

ENCLOSING = ("polygon", "rectangle", "ellipse")

LABEL, CLASS = "label", "class"
"""Features of a shape: the object that it is a piece of, and its class."""

CORNERS = 96
"""Corners of the polygon that stands for an ellipse."""

Points = NDArray[np.float64]


def outlines_of(layer: Shapes, target: Layer) -> Outlines:
    """Return what shapes enclose, in the pixels of another layer.

    Of a time series, the shapes of the frame in view. Shapes of the same ``label``, if the layer
    has such a feature, are pieces of one object.

    Parameters
    ----------
    layer : napari.layers.Shapes
    target : Layer
        The annotation layer of the image.
    """
    matrix, offset = _transform(layer, target)
    labels, classes = _features(layer)
    t = frame_of(target)
    pieces: list[Outline] = []
    names: dict[int, str] = {}
    left_out = {"line": 0, "shape across slices": 0, "shape of another frame": 0}
    known: dict[int, str] = {}
    for k, (kind, corners) in enumerate(zip(layer.shape_type, layer.data, strict=True)):
        if kind not in ENCLOSING:
            left_out["line"] += 1
            continue
        points = np.asarray(corners, np.float64)
        points = (_around(points) if kind == "ellipse" else points) @ matrix.T + offset
        above = points[:, :-2]
        if np.ptp(above, axis=0).max(initial=0) > 0.5:
            left_out["shape across slices"] += 1
            continue
        place = [round(float(n)) for n in above.mean(0)] if above.shape[1] else []
        if t is not None and place and layer.ndim >= target.ndim and place.pop(0) != t:
            left_out["shape of another frame"] += 1
            continue
        # The middle of a pixel is a whole number here, and a half in an outline.
        made = ring((points[:, -2:] + 0.5)[:, ::-1])
        pieces.append(Outline(labels[k], (made,), place=Place(place[-1]) if place else NOWHERE))
        names.setdefault(labels[k], f"shape {k + 1}")
        if classes[k]:
            known.setdefault(labels[k], classes[k])
    notes = tuple(f"{plural(n, what)} left out" for what, n in left_out.items() if n)
    return Outlines(pieces, names, known, (), notes)


def _transform(layer: Shapes, target: Layer) -> tuple[Points, Points]:
    """Return what brings points of a layer to pixels of another, of its last axes if it has fewer.

    Lengths with a unit are converted; a number without one has the target's unit.
    """
    ndim = min(layer.ndim, target.ndim)
    ratio = factors(layer.units[-ndim:], target.units[-ndim:])
    lacking = np.zeros(target.ndim - ndim)

    def place(point: Points) -> Points:
        world = np.asarray(layer.data_to_world(point), float)[-ndim:] * ratio
        first = np.asarray(target.data_to_world(np.zeros(target.ndim)), float)
        whole = np.concatenate([first[: len(lacking)], world])
        return np.asarray(type(target).world_to_data(target, whole), float)[-ndim:]

    zero = np.zeros(layer.ndim)
    offset = place(zero)
    return np.stack([place(axis) - offset for axis in np.eye(layer.ndim)], 1), offset


def _around(box: Points) -> Points:
    """Return corners along the ellipse in a box, which may be turned."""
    turn = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)[:, None]
    along, across = (box[1] - box[0]) / 2, (box[3] - box[0]) / 2
    return np.asarray(box.mean(0) + np.cos(turn) * along + np.sin(turn) * across, np.float64)


def _features(layer: Shapes) -> tuple[list[int], list[str]]:
    """Return the label and the class of each shape."""
    table, n = layer.features, len(layer.data)
    labels = list(range(1, n + 1))
    if LABEL in table:
        given = [_whole(value) for value in table[LABEL]]
        if all(given):
            labels = [value or 0 for value in given]
    classes = [""] * n
    if CLASS in table:
        classes = [value if isinstance(value, str) else "" for value in table[CLASS]]
    return labels, classes


def _whole(value: Any) -> int | None:
    try:
        number = int(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < 2**31 else None


def shapes_layer(found: Outlines, name: str) -> LayerTuple | None:
    """Return a layer of outlines; None if there are none.

    A hole is joined to the ring around it by a line there and back, which encloses nothing. Masks
    are outlined along the edges of their pixels; what is unknown is no object.
    """
    pieces = [part for one in found.pieces if one.label > 0 for part in _ringed(one)]
    if not pieces:
        return None
    axes = _axes([one.place for one in pieces])
    data = [_with_place(joined(one.rings) - 0.5, one.place, axes) for one in pieces]
    features: dict[str, list[Any]] = {LABEL: [one.label for one in pieces]}
    features["name"] = [found.names.get(one.label, "") for one in pieces]
    if found.classes:
        features[CLASS] = [found.classes.get(one.label, "") for one in pieces]
    options = {
        "name": name,
        "shape_type": "polygon",
        "ndim": 2 + len(axes),
        "features": features,
        "face_color": "transparent",
        "edge_color": "#f7c948",
        "edge_width": 0.5,
    }
    return data, options, "shapes"


def _ringed(one: Outline) -> Iterator[Outline]:
    """Yield an outline as rings, of a mask those around its pieces."""
    if one.mask is None:
        yield one
        return
    for made in outlines([ObjectMask(one.label, one.corner, one.mask)], edges=True):
        for piece in made.pieces:
            yield replace(one, rings=tuple(ring[:, ::-1] for ring in piece), mask=None)


def points_layer(found: Outlines, name: str) -> LayerTuple | None:
    """Return a layer of the points in a file; None if there are none."""
    if not found.dots:
        return None
    axes = _axes([one.place for one in found.dots])
    data = [_with_place(np.array([one.corner], float), one.place, axes)[0] for one in found.dots]
    return np.array(data), {"name": name, "ndim": 2 + len(axes), "size": 3}, "points"


def _axes(places: Sequence[Place]) -> tuple[str, ...]:
    if any(one.plane is not None for one in places):
        return ("plane",)
    return tuple(axis for axis in ("t", "z") if any(getattr(one, axis) for one in places))


def _with_place(points: Points, place: Place, axes: tuple[str, ...]) -> Points:
    above = [float(getattr(place, axis) or 0) for axis in axes]
    return np.column_stack([np.tile(above, (len(points), 1)), points]) if axes else points
