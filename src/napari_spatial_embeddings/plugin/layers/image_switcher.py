"""One image at a time: the layers of several would lie on top of each other."""

from __future__ import annotations

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from numpy.typing import NDArray

from . import tags as _layers


class Stage:
    """Shows the layers of one image, and hides those of the others.

    A layer that a person hid is hidden when its image comes back. Layers that belong to no image
    of ours are left alone.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._front: str | None = None
        self._waiting: dict[str, list[Layer]] = {}
        """The layers of each hidden image that are seen when it comes back."""
        self._slices: dict[str, tuple[float, ...]] = {}
        """Where the sliders below the canvas were when an image was hidden."""

    def turn(self, key: str) -> None:
        """Bring an image to the front."""
        before, self._front = self._front, key
        if before is None or before == key:
            return
        old, new = self._image(before), self._image(key)
        if old is not None:
            self._slices[before] = self._viewer.dims.point
            mine = [x for x in self._viewer.layers if _layers.image_key(x) == before]
            self._waiting[before] = [x for x in mine if x.visible]
            for layer in mine:
                layer.visible = False
        for layer in self._waiting.pop(key, []):
            layer.visible = True
        if new is not None:
            new.visible = True
            if old is None or not np.allclose(_corners(old), _corners(new)):
                look_at(self._viewer, new)
                self._turn_pages(key, new)

    def _turn_pages(self, key: str, image: Layer) -> None:
        """Go to the slice of an image that was in view, or to the middle one."""
        point = self._slices.get(key) or tuple(np.asarray(image.extent.world).mean(0))
        ndim = self._viewer.dims.ndim
        for axis, at in zip(range(ndim - 1, -1, -1), reversed(point), strict=False):
            if axis not in self._viewer.dims.displayed:
                self._viewer.dims.set_point(axis, at)

    def arrived(self, layer: Layer) -> None:
        """Hide a layer that was added, if it belongs to an image that is not in front."""
        key = _layers.image_key(layer)
        if key is None or key == self._front or _layers.role(layer) == "image":
            return
        if self._front is not None and self._image(key) is not None and layer.visible:
            self._waiting.setdefault(key, []).append(layer)
            layer.visible = False

    def left(self, layer: Layer) -> None:
        """Forget a layer that was removed."""
        for waiting in self._waiting.values():
            if layer in waiting:
                waiting.remove(layer)

    def _image(self, key: str) -> Layer | None:
        found: Layer | None = _layers.find(self._viewer, "image", key)
        return found


def look_at(viewer: Viewer, layer: Layer) -> None:
    """Show a layer whole, whatever others there are."""
    viewer.reset_view()  # shows all of them whole, hidden ones too
    seen = [axis - viewer.dims.ndim + layer.ndim for axis in viewer.dims.displayed]
    if len(seen) > 2 or min(seen) < 0:
        return
    low, high = np.asarray(layer.extent.world)[:, seen]
    camera = getattr(viewer, "scene", viewer).camera  # napari 0.9 moved it, and the canvas' size
    canvas = viewer.canvas.size if hasattr(viewer, "canvas") else viewer._canvas_size
    camera.center = (0.0, *((low + high) / 2))
    size = high - low + np.abs(np.asarray(layer.scale))[seen]
    camera.zoom = 0.95 * float(np.min(np.asarray(canvas) / size))


def _corners(layer: Layer) -> NDArray[np.float64]:
    """Return where the two axes begin and end that a person sees first."""
    return np.asarray(layer.extent.world)[:, -2:]
