"""Frames of the layers of time series: the one in view, and what is kept of the others.

The layers of a series hold all its frames, (T, *S), and their tags have the number of the frame in
view. What works on a layer works on that frame alone, with indices of it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any, cast

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.state.open_image import Series

from .axes import frames
from .image import transform_along
from .napari_compat import add_to_paint_history, put_paint_history, take_paint_history
from .tags import KeptFrame, image_key, tag_of, update_tag
from .world import to_pixels, to_world

MAX_BYTES_IN_MEMORY = 2**28
"""Bytes of the labels of a series above which they are kept in a temporary file."""


def empty_labels(shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Return labels that are all 0; they take memory, or room in a file, where some are written.

    NumPy's own arrays, as napari paints, fills and undoes on others with less.
    """
    size = 4 * prod(shape)
    # A disk that is full would end the program, as what is written to a map cannot fail.
    if size <= MAX_BYTES_IN_MEMORY or shutil.disk_usage(tempfile.gettempdir()).free < 2 * size:
        return np.zeros(shape, np.int32)
    with tempfile.TemporaryFile(prefix="napari-spatial-embeddings-") as file:  # gone with its map
        return np.memmap(file, np.int32, "w+", shape=shape)


def frame_of(layer: Layer) -> int | None:
    """Return the number of the frame in view of a series' layer; None for other layers."""
    tag = tag_of(layer)
    return None if tag is None else tag.frame


def pixels(layer: Labels) -> NDArray[np.int32]:
    """Return the labels (*S) of a layer, or of its frame in view: a view of its array."""
    t = frame_of(layer)
    return cast(NDArray[np.int32], layer.data if t is None else layer.data[t])


def in_layer(layer: Labels, index: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the index into a layer's array of what an index means in its frame in view."""
    t = frame_of(layer)
    if t is None:
        return index
    first = slice(t, t + 1) if isinstance(index[0], slice) else np.full_like(index[0], t)
    return first, *index


def in_frame(layer: Layer, index: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return an index into a layer's array without its frame."""
    return index if frame_of(layer) is None else index[1:]


def seen_frame(viewer: ViewerModel, layer: Image, axes: str) -> int | None:
    """Return which frame of a time series' layer the viewer's sliders are at.

    None where time is one of the axes of the canvas.
    """
    at = axes.index("T")
    if viewer.dims.ndim - layer.ndim + at in viewer.dims.displayed:
        return None
    t = round(float(to_pixels(viewer, layer, viewer.dims.point)[at]))
    return min(max(t, 0), frames(layer, axes) - 1)


def go_to_frame(viewer: ViewerModel, layer: Image, axes: str, t: int) -> None:
    """Move the viewer's slider to a frame of a time series' layer."""
    at = axes.index("T")
    pixel = np.zeros(layer.ndim)
    pixel[at] = t
    axis = viewer.dims.ndim - layer.ndim + at
    if axis not in viewer.dims.displayed:
        viewer.dims.set_point(axis, float(to_world(viewer, layer, pixel)[at]))


def frame_layer(layer: Labels, t: int) -> Labels:
    """Return a layer of one frame of a layer (T, *S), at the same place; in no viewer."""
    array = layer.data[0] if layer.multiscale else layer.data
    where = transform_along(layer, list(range(1, layer.ndim)))
    return Labels(array[t], name=layer.name, visible=False, **where)  # else napari would read it


def show_frame(viewer: ViewerModel, series: Series, t: int) -> None:
    """Give the layers of a series the tag of another frame, whose record is there.

    What belongs to its annotations is exchanged.
    """
    old, key = series.shown.key, series.records[t].key
    own = [layer for layer in viewer.layers if image_key(layer) == old]
    for layer in own:
        tag = tag_of(layer)
        if tag is None:
            continue
        changes: dict[str, Any] = {"image": key}
        if tag.frame is not None:
            changes["frame"] = t
        if tag.role == "annotations" and isinstance(layer, Labels):
            history = take_paint_history(layer)
            left = KeptFrame(tag.classes, tag.scribbled, history, tag.proposed)
            kept = {**tag.kept, series.frame: left}
            new = kept.pop(t, KeptFrame(scribbled=tag.scribbled))
            put_paint_history(layer, new.history)
            changes |= {"classes": new.classes, "scribbled": new.scribbled}
            changes |= {"proposed": new.proposed, "kept": kept}
        update_tag(layer, **changes)
    series.frame = t


def add_to_frame(
    layer: Labels,
    t: int,
    box: tuple[slice, ...],
    before: NDArray[np.int32],
    after: NDArray[np.int32],
    classes: Mapping[int, str],
) -> None:
    """Replace labels of an annotation layer on a frame that is not in view; it can be undone there.

    Parameters
    ----------
    layer : Labels
    t : int
        Number of the frame.
    box : tuple of D slices
        The part of it.
    before, after : int32 (*box)
    classes : mapping
        Class of each new label.
    """
    tag = tag_of(layer)
    if tag is None:
        return
    kept, present = tag.kept.get(t, KeptFrame(scribbled=tag.scribbled)), take_paint_history(layer)
    put_paint_history(layer, kept.history)
    add_to_paint_history(layer, (slice(t, t + 1), *box), before, after)
    history = take_paint_history(layer)
    put_paint_history(layer, present)
    layer.data[t][box] = after
    new = KeptFrame({**kept.classes, **classes}, kept.scribbled, history, kept.proposed)
    update_tag(layer, kept={**tag.kept, t: new})


def rename_in_frames(layer: Labels, old: str, new: str) -> None:
    """Rename a class in what an annotation layer has of the frames that are not in view."""
    tag = tag_of(layer)
    if tag is None or not tag.kept:
        return
    kept = {
        t: replace(one, classes={k: new if c == old else c for k, c in one.classes.items()})
        for t, one in tag.kept.items()
    }
    update_tag(layer, kept=kept)
