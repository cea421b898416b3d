"""Views: windows of a large image, each an image layer of its own that lies on it."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.experimental import link_layers
from napari.layers import Image
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import sliced
from napari_spatial_embeddings.plugin.layers.axes import finest
from napari_spatial_embeddings.plugin.layers.image import place, spatial, transform_along
from napari_spatial_embeddings.plugin.layers.napari_compat import insert
from napari_spatial_embeddings.plugin.layers.tags import (
    LayerTag,
    family_of,
    image_key,
    tag_of,
)
from napari_spatial_embeddings.plugin.state.open_image import Box

STEP = {2: 512, 3: 64}
"""Multiples of this many pixels, or voxels, are where views start and end: a little more than what
is seen, so that small movements stay inside, and the chunks of files and levels are not cut."""

MAX_PIXELS = 2**24
"""Pixels or voxels of a view at most: its maps take 0.3 GB in 2D, 0.5 GB in 3D, and the network
some 20 s on two processors."""

LOOK = ("contrast_limits", "contrast_limits_range", "gamma", "colormap", "opacity", "blending")
"""What a view's layer has of its large image's, always."""


def window_around(box: Box, shape: Sequence[int]) -> Box | None:
    """Return the window of a view that shows a box of a large image of this shape.

    None if it would hold too much.
    """
    for step in (STEP[len(shape)], STEP[len(shape)] // 8):
        window = tuple(
            slice(part.start // step * step, min(-(-part.stop // step) * step, n))
            for part, n in zip(box, shape, strict=True)
        )
        if size_of(window) <= MAX_PIXELS:
            return window
    return None


def size_of(box: Box) -> int:
    """Return the number of pixels in a box."""
    return prod(part.stop - part.start for part in box)


def covers(window: Sequence[tuple[int, int]], box: Box) -> bool:
    """Return whether a window holds all of a box."""
    return all(a <= part.start and part.stop <= b for (a, b), part in zip(window, box, strict=True))


def add_view(
    viewer: ViewerModel, layers: Sequence[Image], window: Box, name: str, tag: LayerTag
) -> Image:
    """Add the layer of a view of a large image, above that and its other views.

    Parameters
    ----------
    viewer : ViewerModel
    layers : sequence of Image
        Those of the large image, each a channel if there are several.
    window : Box
        Along its spatial axes.
    name : str
    tag : LayerTag
        Of the view: its ``whole`` names the large image.

    Returns
    -------
    Image
        The first one; the others are its further channels.
    """
    axes, first = tag.axes, layers[0]
    parts = dict(zip(spatial(axes), window, strict=True))
    index = tuple(parts.get(a, slice(None)) for a in range(len(axes)))
    made = []
    for layer in layers:
        look = {key: getattr(layer, key) for key in LOOK if not (layer.rgb and key == "colormap")}
        look.pop("contrast_limits_range")
        # It is seen in the large image's layer: napari would read and draw it a second time.
        look["visible"] = False
        where = transform_along(layer, list(range(layer.ndim)))
        where["translate"] = _translate(layer, axes, window)
        title = name if layer is first else f"{name}, {layer.name}"
        one = Image(sliced(finest(layer), index), name=title, rgb=layer.rgb, **look, **where)
        one.interpolation2d = layer.interpolation2d
        made.append(one)
    channels = tuple(str(one.unique_id) for one in made[1:])
    made[0].metadata.update(
        LayerTag(
            "image",
            tag.image,
            axes=axes,
            grey=tag.grey,
            guessed=tag.guessed,
            pixel_size=tag.pixel_size,
            channels=channels,
            whole=tag.whole,
        ).metadata()
    )
    at = max(
        viewer.layers.index(x) for x in viewer.layers if isinstance(x, Image) and _in(x, layers)
    )
    for own, one in reversed(list(zip(layers, made, strict=True))):
        insert(viewer, at + 1, one)
        link_layers([own, one], LOOK if not own.rgb else ("opacity", "blending"))
    return made[0]


def _in(layer: Image, layers: Sequence[Image]) -> bool:
    """Whether an image layer is one of a large image's, or of its views."""
    tag = tag_of(layer)
    view = tag is not None and tag.whole is not None and family_of(layer) == family_of(layers[0])
    return view or layer in layers


def _translate(layer: Image, axes: str, window: Box) -> NDArray[np.float64]:
    """Return the translation of a layer that shows a window of another one."""
    first = np.zeros(layer.ndim)
    for axis, part in zip(spatial(axes), window, strict=True):
        first[axis] = part.start
    there = layer.affine.inverse(np.asarray(layer.data_to_world(first), float))
    translate: NDArray[np.float64] = np.asarray(there, float)
    return translate


def follow_large(viewer: ViewerModel, large: Image) -> None:
    """Put the views of a large image where it lies now."""
    tag = tag_of(large)
    if tag is None or not tag.axes:
        return
    for layer in list(viewer.layers):
        own = tag_of(layer)
        if own is None or own.whole is None or own.whole.layer != str(large.unique_id):
            continue
        where: dict[str, Any] = transform_along(large, list(range(large.ndim)))
        window = tuple(slice(*ends) for ends in own.whole.window)
        where["translate"] = _translate(large, tag.axes, window)
        place(layer, where)


def view_names(viewer: ViewerModel, large: Image) -> set[str]:
    """Return the names of a large image's views that are open, also of those left over."""
    return {x.name for x in viewer.layers if image_key(x) and x.name.startswith(large.name)}
