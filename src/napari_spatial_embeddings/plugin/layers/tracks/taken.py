"""Outline of the cell that the first of several clicks took, seen in all frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.layers.image import spatial_transform
from napari_spatial_embeddings.plugin.layers.napari_compat import insert
from napari_spatial_embeddings.plugin.layers.tags import LayerTag, tagged

COLOURS = np.array([[0, 0, 0, 0], [1, 1, 1, 1]], np.float32)
"""Of what is around the cell, and of its outline. A colormap by label is compiled for a second."""

WIDTH = 2
"""Pixels of the outline."""


class TakenCell:
    """Shows where the cell is that was clicked first, until the last click.

    Its layer has no axis of time, so that it is seen in the other frames too. It stays as long as
    the tool is used: napari takes a quarter of a second to remove one.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer

    def show(self, cells: Labels, axes: str, mask: NDArray[np.bool_]) -> None:
        """Outline a mask (*S) of pixels of a layer of axes ``axes``."""
        layer: Any = next(tagged(self._viewer, "taken"), None)
        data = mask.astype(np.uint8)
        if layer is not None and layer.data.shape == data.shape:
            layer.data = data
            layer.visible = True
            return
        self.clear()
        layer = Labels(
            data,
            name=f"{cells.name.removesuffix(' · tracked')} · clicked",
            opacity=1.0,
            colormap=CyclicLabelColormap(colors=COLOURS),
            metadata=LayerTag("taken").metadata(),
            **spatial_transform(cells, axes),
        )
        layer.contour = WIDTH
        layer.editable = False
        insert(self._viewer, len(self._viewer.layers), layer)

    def hide(self) -> None:
        """Hide the outline; the tool is used again."""
        for layer in tagged(self._viewer, "taken"):
            layer.visible = False

    def clear(self) -> None:
        """Remove the outline: the tool is left."""
        for layer in list(tagged(self._viewer, "taken")):
            self._viewer.layers.remove(layer)
