"""Circle as large as a typical object, to be dragged to another size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer, Shapes
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.layers.napari_compat import camera, insert
from napari_spatial_embeddings.plugin.layers.tags import image_key, tag_of, tagged
from napari_spatial_embeddings.plugin.layers.world import take_world_units, to_pixels
from napari_spatial_embeddings.plugin.state.open_image import Box

from .proposed_region import new_outline

PART = "size"
"""Of the layer's tag, apart from other outlines."""

COLOUR = "#ff9f1c"
"""Not that of complete regions, nor of what is proposed to be annotated."""

THICKNESS = 0.08
"""Of the line, as a share of the diameter."""

MOVED = 0.01
"""Change of a side, as a share, up to which the circle was moved and not made larger."""

SMALLEST = 2.0
"""Diameter in pixels of the finest axis."""


class SizeCircle:
    """Shows a circle over an image, in a layer of its own whose handles the mouse can drag.

    Parameters
    ----------
    viewer : ViewerModel
    dragged : callable
        Gets the new diameter, in pixels of the image's finest axis, once the mouse lets go.
    """

    def __init__(self, viewer: ViewerModel, dragged: Callable[[float], object]) -> None:
        self._viewer, self._dragged = viewer, dragged
        self._drawing = False
        self._diameter = 0.0
        self._spacing: NDArray[np.float64] = np.ones(0)

    @property
    def active(self) -> bool:
        """Whether the mouse acts on the circle."""
        layer = self._viewer.layers.selection.active
        return layer is not None and self.is_mine(layer)

    def is_mine(self, layer: Layer) -> bool:
        """Return whether a layer is the circle's."""
        tag = tag_of(layer)
        return tag is not None and tag.role == "proposed" and tag.part == PART

    def show(self, key: str, diameter: float, spacing: tuple[float, ...], box: Box | None) -> None:
        """Show a diameter on an image: where the circle is, or else in the middle of what is seen.

        Parameters
        ----------
        key : str
            Of the image.
        diameter : float
            In pixels of the finest axis.
        spacing : tuple of D floats
            Size of the image's pixels along each axis, the finest being 1.
        box : tuple of D slices, optional
            What is seen of the image; None where nothing is.
        """
        layer = self._layer(key)
        if layer is None:
            return
        self._diameter, self._spacing = diameter, np.asarray(spacing, float)
        middle = self._middle(layer, box)
        seen = self._seen(layer)
        corners = np.tile(middle, (4, 1))
        for axis, signs in zip(seen, ((-1, -1, 1, 1), (-1, 1, 1, -1)), strict=True):
            corners[:, axis] += np.array(signs) * diameter / 2 / self._spacing[axis]
        self._drawing = True
        try:
            layer.data = []
            layer.add_ellipses(
                corners,
                edge_width=THICKNESS * diameter,
                edge_color=COLOUR,
                face_color="transparent",
            )
            layer.selected_data = {0}
        finally:
            self._drawing = False

    def take_mouse(self) -> None:
        """Have the mouse drag the circle: its layer is the active one, with napari's arrow."""
        for layer in tagged(self._viewer, "proposed", part=PART):
            self._viewer.layers.selection.active = layer
            if self._viewer.dims.ndisplay == 2:  # nothing can be dragged in 3D
                layer.mode = "select"
                layer.selected_data = {0}

    def hide(self) -> None:
        """Hide the circle: to remove a layer of shapes while others change ended in a crash."""
        for layer in tagged(self._viewer, "proposed", part=PART):
            layer.visible = False

    def clear(self) -> None:
        """Remove the circle."""
        for layer in list(tagged(self._viewer, "proposed", part=PART)):
            self._viewer.layers.remove(layer)

    def _layer(self, key: str) -> Any:
        """Return the layer of an image's circle; None where the image is closed."""
        for layer in tagged(self._viewer, "proposed", part=PART):
            if image_key(layer) == key:
                layer.visible = True
                return layer
        self.clear()
        layer = new_outline(self._viewer, key, PART, "object size")
        if layer is None:
            return None
        take_world_units(self._viewer, layer)
        layer.events.data.connect(self._changed)
        insert(self._viewer, len(self._viewer.layers), layer)
        return layer

    def _seen(self, layer: Shapes) -> list[int]:
        """Return the two axes of the layer that lie on the canvas."""
        before = self._viewer.dims.ndim - layer.ndim
        return [axis - before for axis in self._viewer.dims.displayed[-2:]]

    def _middle(self, layer: Shapes, box: Box | None) -> NDArray[np.float64]:
        """Return where the circle's middle is to be, in pixels of the layer."""
        point = np.array(self._viewer.dims.point, float)
        point[list(self._viewer.dims.displayed[-2:])] = camera(self._viewer).center[-2:]
        eye = to_pixels(self._viewer, layer, point)
        seen = self._seen(layer)
        at = eye.copy()
        if len(layer.data):
            at[seen] = np.mean(layer.data[0], 0)[seen]
        if box is not None:
            low = np.array([part.start for part in box], float)
            high = np.array([part.stop for part in box], float)
            if (at[seen] < low[seen]).any() or (at[seen] > high[seen]).any():
                at[seen] = np.clip(eye, low, high)[seen]
        for axis in set(range(layer.ndim)) - set(seen):
            at[axis] = round(at[axis])
        return at

    def _changed(self, event: Any) -> None:
        """Take over the size that the mouse gave to the shape."""
        layer = event.source
        if self._drawing or len(layer.data) != 1 or not self.is_mine(layer):
            return
        corners = np.asarray(layer.data[0])[:, -len(self._spacing) :] * self._spacing
        sides = np.linalg.norm(np.diff(corners[:3], axis=0), axis=1)
        ratios = np.maximum(sides, SMALLEST) / self._diameter
        changed = ratios[np.argmax(np.abs(np.log(ratios)))]
        if abs(changed - 1) > MOVED:
            self._dragged(round(float(max(SMALLEST, changed * self._diameter)), 1))
