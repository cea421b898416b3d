"""Which part of an image is in view."""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_spatial_embeddings.errors import InputError

Box = tuple[slice, ...]
"""One slice per spatial axis, start and stop inside the image."""


def whole(shape: tuple[int, ...]) -> Box:
    """Return the box of all pixels."""
    return tuple(slice(0, n) for n in shape)


def grown(box: Box, by: NDArray[Any], shape: tuple[int, ...]) -> Box:
    """Return a box with a rim of pixels along each axis, cut off at the image's edges."""
    return tuple(
        slice(max(0, b.start - int(r)), min(n, b.stop + int(r)))
        for b, r, n in zip(box, by, shape, strict=True)
    )


def visible(viewer: Viewer, layer: Layer, axes: str) -> Box:
    """Return the box of an image's pixels that is on the canvas.

    Of a turned image, the box around what is seen. Of a volume seen slice by slice, the current
    slice; seen in 3D, all of it.

    Parameters
    ----------
    layer : Layer
    axes : str
        What the axes of its data mean.

    Raises
    ------
    InputError
        If no pixel of it is in view.
    """
    shape = np.asarray(layer.extent.data[1] + 1).round().astype(int)
    low, high = np.zeros(layer.ndim, int), shape
    if viewer.dims.ndisplay == 2:
        # What is seen of pixel 3 reaches from 2.5 to 3.5.
        corners = np.array([layer.world_to_data(corner) for corner in _corners(viewer)])
        low = np.maximum(0, np.floor(corners.min(0) + 0.5).astype(int))
        high = np.minimum(shape, np.floor(corners.max(0) + 0.5).astype(int) + 1)
    order = axes.removesuffix("C") if layer.ndim < len(axes) else axes
    box = tuple(slice(int(low[i]), int(high[i])) for i, axis in enumerate(order) if axis != "C")
    if any(part.start >= part.stop for part in box):
        raise InputError(f"nothing of {layer.name} is in view; press Home to see all of it")
    return box


def clear_brush(viewer: Viewer) -> None:
    """Take away the dark square that napari 0.9 draws inside its brush, and leaves behind."""
    with suppress(AttributeError, KeyError):
        viewer.canvas.overlays._brush_circle.box = False


def camera(viewer: Viewer) -> Any:
    """Return the viewer's camera, which became a part of its scene in napari 0.9."""
    return getattr(viewer, "scene", viewer).camera


def _corners(viewer: Viewer) -> list[NDArray[np.float64]]:
    """Return the corners of the canvas as points of the world."""
    # The canvas became a part of the viewer's model in napari 0.9.
    canvas = getattr(viewer, "canvas", None)
    size = np.array(viewer._canvas_size if canvas is None else canvas.size, float)
    eye = camera(viewer)
    half, centre = size / 2 / eye.zoom, np.array(eye.center[-2:], float)
    corners = []
    for sign in itertools.product((-1, 1), repeat=2):
        point = np.array(viewer.dims.point, float)
        point[list(viewer.dims.displayed[-2:])] = centre + half * sign
        corners.append(point)
    return corners
