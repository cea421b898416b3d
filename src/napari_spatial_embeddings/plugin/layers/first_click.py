"""Mark of the first of two clicks."""

from __future__ import annotations

from collections.abc import Sequence

from napari.components import ViewerModel
from napari.layers import Labels, Points

from .image import transform
from .napari_compat import camera
from .tags import LayerTag, image_key, tagged

SIZE = 10
"""Diameter of the mark, in pixels of the screen."""


class FirstClick:
    """Shows on the canvas where the first of two clicks was, until the second.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer

    def show(self, objects: Labels, pixel: Sequence[int]) -> None:
        """Mark a pixel of a layer of objects."""
        self.clear()
        key = str(image_key(objects))
        layer = Points(
            [pixel],
            name=f"{objects.name.removesuffix(' · instances')} · first click",
            face_color="white",
            border_color="black",
            border_width=0.15,
            size=SIZE / (camera(self._viewer).zoom * min(objects.scale)),
            metadata=LayerTag("click", key).metadata(),
            **transform(self._viewer, key),
        )
        selected = set(self._viewer.layers.selection)
        self._viewer.add_layer(layer)
        self._viewer.layers.selection = selected

    def clear(self) -> None:
        """Remove the mark."""
        for layer in list(tagged(self._viewer, "click")):
            self._viewer.layers.remove(layer)
