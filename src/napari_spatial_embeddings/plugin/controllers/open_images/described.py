"""Description of image layers: axes, colours and channels, and the image that they make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from napari.layers import Image

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers import tags
from napari_spatial_embeddings.plugin.layers.axes import (
    are_guessed,
    is_grey,
    likeliest_axes,
    possible_axes,
    space_last,
)
from napari_spatial_embeddings.plugin.layers.image import image_data
from napari_spatial_embeddings.plugin.layers.tags import Grey, LayerTag


def described(
    layer: Image,
    axes: str | None = None,
    channels: tuple[Image, ...] | None = None,
    grey: Grey | None = None,
    *,
    again: bool = False,
) -> LayerTag:
    """Return the tag of an image layer, with all that can be known of it but its key.

    Channels are put before the spatial axes, in the layer.

    Parameters
    ----------
    layer : Image
    axes, channels, grey : optional
        What the user chose; what is not given stays, as far as it is still possible.
    again : bool
        Decide what the axes mean, whatever they meant before.

    Raises
    ------
    InputError
        If the axes cannot be put in that order.
    """
    old = tags.stored_tag(layer) or LayerTag("image", grey="grey" if is_grey(layer) else "")
    stays = axes is None and not again and old.axes in possible_axes(layer)
    wanted = axes or (old.axes if stays else likeliest_axes(layer))
    guessed = old.guessed if stays else not axes and bool(wanted) and are_guessed(layer, wanted)
    return replace(
        old,
        axes=space_last(layer, wanted) if wanted else "",
        guessed=guessed,
        grey=(old.grey if grey is None else grey) if layer.rgb else "",
        channels=old.channels if channels is None else tuple(str(x.unique_id) for x in channels),
    )


def image_of(layer: Image, tag: LayerTag, others: Iterable[Image]) -> ImageData | None:
    """Return what a layer shows, described by a tag; None if it cannot be used.

    Parameters
    ----------
    layer : Image
    tag : LayerTag
    others : iterable of Image
        Among which its further channels are.
    """
    channels = [x for x in others if str(x.unique_id) in tag.channels and x is not layer]
    try:
        return image_data([layer, *channels], tag.axes, tag.grey, tag.whole)
    except InputError:
        return None
