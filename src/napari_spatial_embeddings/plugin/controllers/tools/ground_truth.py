"""Ground truth in a layer, on the pixels of an image or of a frame."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.layers.axes import order_labels
from napari_spatial_embeddings.plugin.layers.frames import frame_layer
from napari_spatial_embeddings.plugin.layers.placement import labels_on, layer_shape
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.tasks.checks.scores import Truth


def truth_on(
    images: ImageController, image: OpenImage, layer: Labels, shape: tuple[int, ...]
) -> Truth:
    """Return ground truth on the pixels of an image, or of a frame; none is read.

    Parameters
    ----------
    images : ImageController
    image : OpenImage
    layer : Labels
        The user's.
    shape : tuple of D ints
        Of the image.

    Raises
    ------
    InputError
        If the layer has other frames, is turned against the image, or lies beside it.
    """
    order_labels(layer)
    where = images.transform(image.layers_key)
    # napari reads what a visible layer shows.
    target = Labels(np.broadcast_to(np.int32(0), shape), visible=False, **where)
    source = layer
    if image.series is not None and layer.ndim == target.ndim + 1:
        if layer_shape(layer)[0] != image.series.frames:
            raise InputError(
                f"{layer.name} has {layer_shape(layer)[0]} frames, and the image"
                f" {image.series.frames}: choose labels of the same frames, or of this frame alone"
            )
        source = frame_layer(layer, image.frame)
    box, read = labels_on(target, source)
    return Truth(layer.name, shape, box, read)
