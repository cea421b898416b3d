"""Image layers that lie over another one, so that it is not seen."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from numpy.typing import NDArray

from .napari_compat import grid
from .tags import family_of, find_layer, image_key, shown_in, tag_of
from .world import extent

OPAQUE = ("translucent", "translucent_no_depth", "opaque")
"""Ways of blending in which an image hides what is below it; in the others both are seen."""

MIN_OPACITY = 0.6
"""Opacity below which what lies under an image is still seen well enough."""


def covering(viewer: ViewerModel, layer: Layer, hidden: Collection[Layer] = ()) -> list[Image]:
    """Return the images that lie over an image's layer, from the topmost to the lowest.

    The image's own channels and maps are not among them, nor are images beside it.

    Parameters
    ----------
    viewer : ViewerModel
    layer : Layer
    hidden : layers
        Those that are hidden, and are taken as if they were visible.
    """
    if layer not in viewer.layers or grid(viewer).enabled:
        return []
    return _lying_at(viewer, layer, _beside(viewer, layer)[1], hidden)


def seen_instead(viewer: ViewerModel, layer: Layer) -> Image | None:
    """Return the image that is seen where an image's layer lies; None if that is the layer itself.

    Where the layer is hidden that is the image below it, if there is one.
    """
    layer = layer if layer.visible else shown_in(viewer, layer)
    found = covering(viewer, layer)
    if not found and not layer.visible and layer in viewer.layers and not grid(viewer).enabled:
        found = _lying_at(viewer, layer, _beside(viewer, layer)[0])
    return found[0] if found else None


def raise_above_image(viewer: ViewerModel, layer: Layer) -> None:
    """Put a layer of an image above that, if the user put the image over it."""
    image = find_layer(viewer, "image", image_key(layer) or "")
    if image is None:
        return
    at, over = viewer.layers.index(layer), viewer.layers.index(image)
    if at < over:
        viewer.layers.move(at, over + 1)


def topmost(viewer: ViewerModel, layers: Collection[Image]) -> Image | None:
    """Return the one of some layers that is seen: the topmost visible one that hides those below.

    The topmost of all if all are hidden, or transparent.
    """
    ordered = [x for x in reversed(viewer.layers) if isinstance(x, Image) and x in layers]
    visible = [x for x in ordered if x.visible]
    opaque = [x for x in visible if hides(x)]
    return next(iter([*opaque, *visible, *ordered]), None)


def _beside(viewer: ViewerModel, layer: Layer) -> tuple[list[Layer], list[Layer]]:
    """Return the layers below another one, and those above it.

    As plain lists: a part of napari's own list is one that is connected to each of its layers,
    which takes 10 ms.
    """
    layers = list(viewer.layers)
    at = layers.index(layer)
    return layers[:at], layers[at + 1 :]


def _lying_at(
    viewer: ViewerModel, layer: Layer, others: Sequence[Layer], hidden: Collection[Layer] = ()
) -> list[Image]:
    """Return those of some layers that hide what is below them at the place of another one."""
    return [
        other
        for other in reversed(others)
        if isinstance(other, Image)
        and (other.visible or other in hidden)
        and hides(other)
        and not _belongs_to(other, layer)
        and _overlap(viewer, other, layer)
    ]


def hides(layer: Layer) -> bool:
    """Whether a layer, where it is shown, hides what is below it."""
    return str(layer.blending) in OPAQUE and float(layer.opacity) >= MIN_OPACITY


def _belongs_to(other: Layer, layer: Layer) -> bool:
    """Whether a layer is a channel, a map or a view of an image, or of the same large image."""
    tag, key = tag_of(layer), image_key(other)
    if family_of(other) == family_of(layer):
        return True
    if tag is None:
        return False
    return (key is not None and key == tag.image) or str(other.unique_id) in tag.channels


def _overlap(viewer: ViewerModel, one: Layer, other: Layer) -> bool:
    """Whether two layers share more than an edge along the two axes that are displayed first."""
    (low, high), (start, stop) = place(viewer, one), place(viewer, other)
    return bool((np.minimum(high, stop) > np.maximum(low, start)).all())


def place(viewer: ViewerModel, layer: Layer) -> NDArray[np.float64]:
    """Return the start and end of a layer along the two axes that are displayed first."""
    return extent(viewer, layer)[:, -2:]
