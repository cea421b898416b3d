"""Labels layers that are series: which there are, and what is known of them."""

from __future__ import annotations

from typing import Any

from napari.components import ViewerModel
from napari.layers import Labels, Layer

from napari_spatial_embeddings.core.units import METRES, finest_length
from napari_spatial_embeddings.files.axes import AXIS_NAMES
from napari_spatial_embeddings.plugin.layers.axes import finest
from napari_spatial_embeddings.plugin.layers.image import pixel_size
from napari_spatial_embeddings.plugin.layers.tags import (
    PixelSize,
    find_layer,
    image_key,
    role_of,
    tag_of,
)


def series_axes(viewer: ViewerModel, layer: Layer) -> str:
    """Return the meaning of a layer's axes, "TYX" or "TZYX"; empty if it cannot be linked.

    The first axis of a layer of the user's own is taken for time, unless it has another name.
    """
    if not isinstance(layer, Labels) or layer.ndim not in (3, 4):
        return ""
    axes, role = "TZYX" if layer.ndim == 4 else "TYX", role_of(layer)
    if role == "instances":
        image = find_layer(viewer, "image", image_key(layer) or "")
        tag = None if image is None else tag_of(image)
        known = "" if tag is None else "".join(a for a in "TZYX" if a in tag.axes)
        return axes if known == axes else ""
    name = AXIS_NAMES.get(str(layer.axis_labels[0]).strip().lower(), "T")
    return axes if role is None and name == "T" else ""


def series_layers(viewer: ViewerModel) -> list[Labels]:
    """Return the layers that can be linked."""
    return [x for x in viewer.layers if isinstance(x, Labels) and series_axes(viewer, x)]


def label_array(layer: Labels) -> Any:
    """Return the labels of a series (T, *S); of a pyramid, the finest."""
    return finest(layer)


def size_of(layer: Labels, axes: str) -> PixelSize:
    """Return the size of a pixel along the spatial axes, and its unit; None where unknown."""
    return pixel_size(layer, axes)


def unit_of(layer: Labels, axes: str) -> str | None:
    """Return the unit of length in which steps through a series are given; None for pixels."""
    size, unit = size_of(layer, axes)
    return unit if unit in METRES and finest_length(size) else None


def shape_text(layer: Labels) -> str:
    """Return the shape of a series: "10 frames of 520 x 692 pixels"."""
    frames, *shape = label_array(layer).shape
    pixels = " × ".join(map(str, shape))  # noqa: RUF001 - it is the sign
    return f"{frames} frame{'s' * (frames != 1)} of {pixels} pixels"
