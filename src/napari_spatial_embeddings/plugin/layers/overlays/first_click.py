"""Mark of the first of two clicks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari.components import ViewerModel
from napari.layers import Labels, Points

from napari_spatial_embeddings.plugin.layers.image import transform
from napari_spatial_embeddings.plugin.layers.napari_compat import camera, insert
from napari_spatial_embeddings.plugin.layers.tags import LayerTag, find_layer, image_key, tagged

SIZE = 10
"""Diameter of the mark, in pixels of the screen."""


class FirstClick:
    """Shows on the canvas where the first of two clicks was, until the second.

    Its layer stays as long as the tool is used: napari takes a quarter of a second to remove one.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer

    def show(self, objects: Labels, pixel: Sequence[int]) -> None:
        """Mark a pixel of a layer of objects."""
        key = str(image_key(objects))
        size = SIZE / (camera(self._viewer).zoom * min(objects.scale[-len(pixel) :]))
        layer: Any = find_layer(self._viewer, "click", key)
        if layer is not None:
            layer.data = [pixel]
            layer.size = size
            layer.visible = True
            return
        self.clear()
        layer = Points(
            [pixel],
            name=f"{objects.name.removesuffix(' · instances')} · first click",
            face_color="white",
            border_color="black",
            border_width=0.15,
            size=size,
            metadata=LayerTag("click", key).metadata(),
            **transform(self._viewer, key),
        )
        insert(self._viewer, len(self._viewer.layers), layer)

    def hide(self) -> None:
        """Hide the mark; the tool is used again."""
        for layer in tagged(self._viewer, "click"):
            layer.visible = False

    def clear(self) -> None:
        """Remove the mark: the tool is left."""
        for layer in list(tagged(self._viewer, "click")):
            self._viewer.layers.remove(layer)
