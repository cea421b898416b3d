"""Sample images under File > Open Sample, most with a few annotated objects.

They are generated, so there is nothing to download.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import numpy as np

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.plugin.layers.annotation import (
    LayerTuple,
    annotation_layer,
    image_layer,
    transform_of_pixel_size,
)
from napari_spatial_embeddings.samples import Sample

UNIT = "um"


def nuclei() -> list[LayerTuple]:
    """Round nuclei of several sizes, some touching."""
    return _layers(samples.nuclei)


def crowded_nuclei() -> list[LayerTuple]:
    """Dim and bright nuclei, touching, out of focus; nothing is annotated."""
    return _layers(samples.crowded_nuclei)


def rods() -> list[LayerTuple]:
    """Long rods that touch each other, as bacteria do."""
    return _layers(samples.rods)


def blobs() -> list[LayerTuple]:
    """Balls in a volume whose slices lie twice as far apart as its pixels."""
    return _layers(samples.blobs)


def two_classes() -> list[LayerTuple]:
    """Large bright cells and small dim ones, touching."""
    return _layers(samples.two_classes)


def _layers(make: Callable[[], Sample]) -> list[LayerTuple]:
    sample = make()
    # The same sample may be opened twice.
    key = f"{sample.name.replace(' ', '_')}-{secrets.token_hex(2)}"
    axes = "CZYX" if sample.image.ndim == 4 else "CYX"
    image = ImageData(sample.image, axes, sample.pixel_size, UNIT, sample.name)
    classes = {int(k): sample.classes[int(k)] for k in np.unique(sample.annotated) if k}
    transform = transform_of_pixel_size(sample.pixel_size, UNIT)
    layer = image_layer(image, key, sample.name, None)
    if not classes:
        return [layer]
    return [
        layer,
        annotation_layer(key, sample.name, sample.annotated, classes, False, transform),
    ]
