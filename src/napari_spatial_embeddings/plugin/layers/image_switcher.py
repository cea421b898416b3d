"""Visibility of several images' layers: those of one image at a time, as they would overlap."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer

from napari_spatial_embeddings.plugin.state.open_image import OpenImage

from .covering import covering, place
from .tags import family_of, image_key, role_of, shown_in
from .viewport import in_view, look_at
from .world import extent


class ImageSwitcher:
    """Shows the layers of one image, hides those of the others, and whatever lies over it.

    A layer that the user hid is hidden when its image comes back. Layers of no image are left
    alone, unless they are images that lie over the one that is shown: those come back when it goes.

    Parameters
    ----------
    viewer : ViewerModel
    images : mapping of OpenImage
        The open images; their ``hidden_layers`` and ``slice`` are kept here.

    Attributes
    ----------
    switching : bool
        Whether layers are being shown and hidden here, not by the user.
    """

    def __init__(self, viewer: ViewerModel, images: Mapping[str, OpenImage]) -> None:
        self._viewer, self._images = viewer, images
        self._front: str | None = None
        self._over: list[Layer] = []
        self._left: list[Layer] = []
        self.switching = False

    def bring_to_front(self, key: str | None) -> None:
        """Show an image, and hide the one that was shown; no image shows what lay over that."""
        self.switching = True
        try:
            self._switch(key)
        finally:
            self.switching = False

    def _switch(self, key: str | None) -> None:
        before, self._front = self._front, key
        old = None if before is None else self._images.get(before)
        new = None if key is None else self._images.get(key)
        if before != key and new is not None and old is not None:
            for image in self._family(old):
                if image not in self._family(new):
                    self._leave(image)
        if new is not None:
            for image in self._family(new):
                shown, image.hidden_layers = image.hidden_layers, []
                for layer in shown:
                    _show(layer)
            _show(shown_in(self._viewer, new.layer))
            self._hide_left(new)
        over = [] if new is None else covering(self._viewer, new.layer, self._over)
        for layer in self._over:
            if layer not in over and layer in self._viewer.layers:
                _show(layer)
        for layer in over:
            layer.visible = False
        self._over = list(over)
        moved = old is None or new is None or not self._same_place(old, new)
        if before is not None and before != key and new is not None and moved:
            look_at(self._viewer, new.layer)
            self._restore_slice(new)

    def _family(self, image: OpenImage) -> list[OpenImage]:
        """Return an image, and all that are seen with it: a large one and its views."""
        family = family_of(image.layer)
        return [one for one in self._images.values() if family_of(one.layer) == family]

    def _leave(self, image: OpenImage) -> None:
        image.slice = self._viewer.dims.point
        own = [x for x in self._viewer.layers if image_key(x) == image.key]
        image.hidden_layers += [x for x in own if x.visible]
        for layer in own:
            layer.visible = False

    def _hide_left(self, image: OpenImage) -> None:
        """Hide what is left of images that were removed, until these are opened again."""
        for layer in list(self._viewer.layers):
            key = image_key(layer)
            if key == image.key and layer in self._left:
                self._left.remove(layer)
                _show(layer)
            elif key is not None and key not in self._images and layer.visible:
                self._left.append(layer)
                layer.visible = False

    def _same_place(self, one: OpenImage, other: OpenImage) -> bool:
        if family_of(one.layer) == family_of(other.layer) and in_view(self._viewer, other.layer):
            return True
        there = place(self._viewer, other.layer)
        return bool(np.allclose(place(self._viewer, one.layer), there))

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
        front = self._images.get(self._front or "")
        together = front is not None and image is not None and image in self._family(front)
        if self._front is not None and image is not None and layer.visible and not together:
            image.hidden_layers.append(layer)
            layer.visible = False

    def follow_frame(self, old: str, new: str) -> None:
        """Note that another frame of a series is in view: it is in front if the old one was."""
        if self._front == old:
            self._front = new

    def left(self, layer: Layer) -> None:
        """Forget a layer that was removed; what lay over an image that is gone is shown again."""
        for image in self._images.values():
            if layer in image.hidden_layers:
                image.hidden_layers.remove(layer)
        for kept in (self._over, self._left):
            if layer in kept:
                kept.remove(layer)
        if role_of(layer) == "image" and image_key(layer) == self._front:
            self.bring_to_front(None)

    def shown(self, layer: Layer) -> None:
        """Note that the user made a layer visible."""
        if layer in self._over:
            self._over.remove(layer)


def _show(layer: Layer) -> None:
    if not layer.visible:  # napari draws the whole layer again, even if it was
        layer.visible = True
