"""The part of an image that is in view, and where the camera looks."""

from __future__ import annotations

import itertools

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from numpy.typing import NDArray

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.state.open_image import Box

from .napari_compat import camera, canvas_size
from .world import extent, pixel_lengths, to_pixels, to_world


def visible_box(viewer: ViewerModel, layer: Layer, axes: str) -> Box:
    """Return the box of an image's pixels that is on the canvas.

    Of a rotated image, the box around what is seen. Of a volume seen slice by slice, the current
    slice; seen in 3D, all of it.

    Parameters
    ----------
    viewer : ViewerModel
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
        corners = np.array([to_pixels(viewer, layer, corner) for corner in _corners(viewer)])
        low = np.maximum(0, np.floor(corners.min(0) + 0.5).astype(int))
        high = np.minimum(shape, np.floor(corners.max(0) + 0.5).astype(int) + 1)
    order = axes.removesuffix("C") if layer.ndim < len(axes) else axes
    box = tuple(slice(int(low[i]), int(high[i])) for i, axis in enumerate(order) if axis in "ZYX")
    if any(part.start >= part.stop for part in box):
        raise InputError(f"nothing of {layer.name} is in view; press Home to see all of it")
    return box


def show_middle(viewer: ViewerModel) -> None:
    """Show the middle slice, as napari does when the first layer is added."""
    dims = viewer.dims
    dims.set_current_step(range(dims.ndim), [n // 2 for n in dims.nsteps])


def look_at(viewer: ViewerModel, layer: Layer) -> None:
    """Fit a layer into the canvas, whatever others there are."""
    viewer.reset_view()  # fits all of them, hidden ones too
    seen = [axis - viewer.dims.ndim + layer.ndim for axis in viewer.dims.displayed]
    if len(seen) > 2 or min(seen) < 0:
        return
    low, high = extent(viewer, layer)[:, seen]
    eye = camera(viewer)
    eye.center = (0.0, *((low + high) / 2))
    size = high - low + pixel_lengths(viewer, layer)[seen]
    eye.zoom = 0.95 * float(np.min(canvas_size(viewer) / size))


def look_at_box(viewer: ViewerModel, layer: Layer, box: Box, share: float = 0.5) -> None:
    """Bring a box of a layer's pixels to the middle of the canvas, and its middle slice into view.

    Parameters
    ----------
    viewer : ViewerModel
    layer : Layer
    box : tuple of D slices
    share : float
        Of the canvas's height or width, whichever is less room, that the box takes at most.
    """
    corners = [part.start - 0.5 for part in box], [part.stop - 0.5 for part in box]
    low, high = np.sort([to_world(viewer, layer, corner) for corner in corners], axis=0)
    before, middle = viewer.dims.ndim - layer.ndim, (low + high) / 2
    slices = [axis for axis in range(before, viewer.dims.ndim) if axis not in viewer.dims.displayed]
    if slices:
        viewer.dims.set_point(slices, [float(middle[axis - before]) for axis in slices])
    if viewer.dims.ndisplay != 2:
        return
    seen = [axis - before for axis in viewer.dims.displayed]
    eye = camera(viewer)
    eye.center = (0.0, *middle[seen])
    eye.zoom = share * float(np.min(canvas_size(viewer) / (high - low)[seen]))


def in_view(viewer: ViewerModel, layer: Layer) -> bool:
    """Return whether a layer is at the middle of the canvas."""
    if viewer.dims.ndisplay != 2:
        return True
    point = np.array(viewer.dims.point, float)
    point[list(viewer.dims.displayed[-2:])] = camera(viewer).center[-2:]
    at = np.round(to_pixels(viewer, layer, point))
    low, high = np.asarray(layer.extent.data)
    return bool((at >= np.floor(low)).all() and (at <= np.ceil(high)).all())


def shows_all(viewer: ViewerModel) -> bool:
    """Return whether all layers are wholly on the canvas."""
    seen = list(viewer.dims.displayed[-2:])
    if viewer.dims.ndisplay != 2 or not viewer.layers:
        return not viewer.layers
    low, high = np.asarray(viewer.layers.extent.world)[:, seen]
    corners = np.array(_corners(viewer))[:, seen]
    return bool((corners.min(0) <= low).all() and (corners.max(0) >= high).all())


def fit_all(viewer: ViewerModel) -> None:
    """Fit all layers into the canvas, if they are not on it wholly."""
    if not shows_all(viewer):
        viewer.reset_view()


def _corners(viewer: ViewerModel) -> list[NDArray[np.float64]]:
    """Return the corners of the canvas in world coordinates."""
    eye = camera(viewer)
    half, centre = canvas_size(viewer) / 2 / eye.zoom, np.array(eye.center[-2:], float)
    corners = []
    for sign in itertools.product((-1, 1), repeat=2):
        point = np.array(viewer.dims.point, float)
        point[list(viewer.dims.displayed[-2:])] = centre + half * sign
        corners.append(point)
    return corners
