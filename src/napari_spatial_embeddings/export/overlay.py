"""The image with the objects' outlines on it, as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.system.atomic import write_atomically

from .colours import RGB, image_colours, instance_colours

MAX_PIXELS = 4096
"""Pixels shown along an axis; of larger images, every second, third, ..."""

MIN_PIXELS = 800
"""Smaller images are magnified, so that lines are thin beside their objects."""


def overlay(
    image: NDArray[np.generic] | None,
    labels: NDArray[np.integer],
    *,
    at: int | None = None,
    limits: Sequence[tuple[float, float]] | None = None,
) -> RGB:
    """Draw the outlines of objects over their image.

    Parameters
    ----------
    image : (C, *S), real, optional
        Three channels are red, green and blue; black if not given.
    labels : integers (*S), not negative
    at : int, optional
        Which slice of a volume; its most crowded one if not given.
    limits : sequence of C pairs, optional
        The values of each channel that are dark and bright; percentiles if not given.

    Returns
    -------
    picture : uint8 (Y, X, 3)
        Small images magnified, large ones thinned out, by a whole number.
    """
    from skimage.segmentation import find_boundaries

    if labels.ndim == 3:
        z = crowded(labels) if at is None else at
        labels, image = labels[z], None if image is None else image[:, z]
    step = math.ceil(max(labels.shape) / MAX_PIXELS)
    zoom = math.ceil(MIN_PIXELS / max(labels.shape)) if max(labels.shape) < MIN_PIXELS else 1
    labels = labels[::step, ::step]
    if image is None:
        picture = np.zeros((*labels.shape, 3), np.uint8)
    else:
        colours = image_colours(np.asarray(image[:, ::step, ::step], np.float32), limits)
        picture = (255 * colours).round().astype(np.uint8)
    picture = _magnified(picture, zoom)
    ids, dense = np.unique(np.append(0, labels), return_inverse=True)
    dense = dense[1:].reshape(labels.shape)
    if len(ids) > 1:
        names = _magnified(dense, zoom)
        lines = find_boundaries(names, mode="inner")
        picture[lines] = instance_colours(dense)[names[lines]]
    return picture


def write_overlay(path: str | Path, picture: RGB) -> Path:
    """Write a picture as PNG, whole or not at all.

    Raises
    ------
    FileError, Failure
        If the file cannot be written.
    """
    import imagecodecs

    path = Path(path)
    with writing(path):
        write_atomically(path, bytes(imagecodecs.png_encode(picture)))
    return path


def crowded(labels: NDArray[np.integer]) -> int:
    """Return the slice of a volume that shows the most objects; the middle if there are none."""
    crowd = [len(np.unique(plane)) for plane in labels]
    return crowd.index(max(crowd)) if max(crowd) > 1 else len(labels) // 2


def _magnified(array: NDArray[Any], zoom: int) -> NDArray[Any]:
    return array.repeat(zoom, 0).repeat(zoom, 1) if zoom > 1 else array
