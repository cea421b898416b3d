"""Outline of the cell that the first of several clicks took, seen in all frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.layers.image import spatial_transform
from napari_spatial_embeddings.plugin.layers.napari_compat import camera, insert
from napari_spatial_embeddings.plugin.layers.tags import LayerTag, tagged
from napari_spatial_embeddings.plugin.layers.world import pixel_lengths

COLOURS = np.array([[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1]], np.float32)
"""Of what is around the cell, and of the two parts of its outline, seen on bright and dark ground.

A colormap by label would be compiled, which takes half a second.
"""

WIDTH = 1.5
"""Pixels of the screen that each part of the outline is wide at least."""


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
        width = WIDTH / (camera(self._viewer).zoom * pixel_lengths(self._viewer, cells)[-1])
        data = outline(mask, max(1, int(np.ceil(width))))
        layer: Any = next(tagged(self._viewer, "taken"), None)
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


def outline(mask: NDArray[np.bool_], width: int) -> NDArray[np.uint8]:
    """Return the outline of a mask (*S): 1 beside it, 2 beside that; each ``width`` pixels wide.

    It lies around the mask in the last two axes.
    """
    from scipy import ndimage as ndi

    out = np.zeros(mask.shape, np.uint8)
    at = np.nonzero(mask)
    if not len(at[0]):
        return out
    room = [0] * (mask.ndim - 2) + [2 * width] * 2
    box = tuple(
        slice(max(0, int(i.min()) - r), int(i.max()) + r + 1) for i, r in zip(at, room, strict=True)
    )
    part = mask[box]
    flat = ndi.generate_binary_structure(2, 1)[(None,) * (mask.ndim - 2)]
    near = ndi.binary_dilation(part, flat, width)
    far = ndi.binary_dilation(near, flat, width)
    out[box] = np.where(near, 1, np.where(far, 2, 0)) * ~part
    return out
