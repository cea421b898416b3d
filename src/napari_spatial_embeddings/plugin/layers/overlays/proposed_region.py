"""Outline of what is proposed: the region to annotate next, or the object to review."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Shapes

from napari_spatial_embeddings.plugin.layers.annotation import regions_of_box
from napari_spatial_embeddings.plugin.layers.image import transform
from napari_spatial_embeddings.plugin.layers.napari_compat import insert
from napari_spatial_embeddings.plugin.layers.tags import LayerTag, find_layer, image_key, tagged
from napari_spatial_embeddings.plugin.layers.viewport import look_at_box
from napari_spatial_embeddings.plugin.state.open_image import Box

COLOUR = "#2ee6d6"
"""Of the outline: not the yellow of complete regions, as it is not one yet."""

THICKNESS = 0.015
"""Of the outline, as a share of the region's edge."""


def new_outline(viewer: ViewerModel, key: str, part: str, name: str) -> Shapes | None:
    """Return an empty layer of shapes over an image, not in the viewer yet; None if that is closed.

    Parameters
    ----------
    viewer : ViewerModel
    key : str
        Of the image.
    part, name : str
        As of `ProposedOutline`.
    """
    image = find_layer(viewer, "image", key)
    if image is None:
        return None
    where = transform(viewer, key)
    return Shapes(
        None,
        ndim=len(where["scale"]),
        name=f"{image.name} · {name}",
        metadata=LayerTag("proposed", key, part=part).metadata(),
        **where,
    )


class ProposedOutline:
    """Shows one region at a time, in a layer of its own.

    Parameters
    ----------
    viewer : ViewerModel
    part : str
        Of the layer's tag: what is outlined, which is apart from other outlines.
    name : str
        Of the layer, after that of the image.
    """

    def __init__(
        self, viewer: ViewerModel, part: str = "region", name: str = "region to complete"
    ) -> None:
        self._viewer, self._part, self._name = viewer, part, name

    def _layers(self) -> list[Any]:
        return list(tagged(self._viewer, "proposed", part=self._part))

    def show(self, key: str, box: Box) -> None:
        """Outline a box of an image; what was outlined before is not any more."""
        shapes = [region.corners for region in regions_of_box(box)]
        width = THICKNESS * max(part.stop - part.start for part in box)
        layer = self._layer(key)
        if layer is None:
            return
        same = len(layer.data) == len(shapes) and np.array_equal(layer.data[0], shapes[0])
        if not same:
            layer.data = []
            layer.add_rectangles(
                shapes, edge_width=width, edge_color=COLOUR, face_color="transparent"
            )

    def _layer(self, key: str) -> Any:
        """Return the layer of an image's outline; None where that is closed."""
        for layer in self._layers():
            if image_key(layer) == key:
                layer.visible = True
                return layer
        self.hide()
        layer = new_outline(self._viewer, key, self._part, self._name)
        if layer is None:
            return None
        insert(self._viewer, len(self._viewer.layers), layer)
        return layer

    def look(self, box: Box, share: float = 0.5) -> None:
        """Move the view to the outlined box, which takes a share of the canvas at most."""
        for layer in self._layers():
            if layer.visible:  # those of other images are hidden
                look_at_box(self._viewer, layer, box, share)

    def hide(self) -> None:
        """Hide the outline: to remove a layer of shapes while others change ended in a crash."""
        for layer in self._layers():
            layer.visible = False

    def clear(self) -> None:
        """Remove the outline."""
        for layer in self._layers():
            self._viewer.layers.remove(layer)
