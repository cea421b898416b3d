"""Visibility of several images' layers: those of one image at a time, as they would overlap."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.state.open_image import OpenImage

from .tags import image_key, role_of
from .viewport import look_at
from .world import extent


class ImageSwitcher:
    """Shows the layers of one image, and hides those of the others.

    A layer that the user hid is hidden when its image comes back. Layers of no image are left
    alone.

    Parameters
    ----------
    viewer : ViewerModel
    images : mapping of OpenImage
        The open images; their ``hidden_layers`` and ``slice`` are kept here.
    """

    def __init__(self, viewer: ViewerModel, images: Mapping[str, OpenImage]) -> None:
        self._viewer, self._images = viewer, images
        self._front: str | None = None

    def bring_to_front(self, key: str) -> None:
        """Show an image, and hide the one that was shown."""
        before, self._front = self._front, key
        if before is None or before == key:
            return
        old, new = self._images.get(before), self._images.get(key)
        if old is not None:
            old.slice = self._viewer.dims.point
            own = [x for x in self._viewer.layers if image_key(x) == before]
            old.hidden_layers = [x for x in own if x.visible]
            for layer in own:
                layer.visible = False
        if new is None:
            return
        hidden, new.hidden_layers = new.hidden_layers, []
        for layer in (*hidden, new.layer):
            if not layer.visible:  # napari draws the whole layer again, even if it was
                layer.visible = True
        if old is None or not np.allclose(self._corners(old), self._corners(new)):
            look_at(self._viewer, new.layer)
            self._restore_slice(new)

    def _restore_slice(self, image: OpenImage) -> None:
        """Go to the slice of an image that was in view, or to the middle one."""
        point = image.slice or tuple(extent(self._viewer, image.layer).mean(0))
        ndim = self._viewer.dims.ndim
        for axis, at in zip(range(ndim - 1, -1, -1), reversed(point), strict=False):
            if axis not in self._viewer.dims.displayed:
                self._viewer.dims.set_point(axis, at)

    def arrived(self, layer: Layer) -> None:
        """Hide a layer that was added, if it belongs to an image that is not in front."""
        key = image_key(layer)
        if key is None or key == self._front or role_of(layer) == "image":
            return
        image = self._images.get(key)
        if self._front is not None and image is not None and layer.visible:
            image.hidden_layers.append(layer)
            layer.visible = False

    def left(self, layer: Layer) -> None:
        """Forget a layer that was removed."""
        for image in self._images.values():
            if layer in image.hidden_layers:
                image.hidden_layers.remove(layer)

    def _corners(self, image: OpenImage) -> NDArray[np.float64]:
        """Return the start and end of the two axes that are displayed first."""
        return extent(self._viewer, image.layer)[:, -2:]
