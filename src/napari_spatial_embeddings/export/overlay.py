"""The image with the objects' outlines on it, as a picture."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import Part, PixelArray, sliced
from napari_spatial_embeddings.core.label_values import numbered
from napari_spatial_embeddings.core.sampling import all_blocks
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.system.atomic import write_atomically

from .colours import RGB, image_colours, instance_colours
from .record import png_notes

MAX_PIXELS = 4096
"""Pixels shown along an axis; of larger images, every second, third, ..."""

EDGE = 512
"""Edge of the blocks that are read at once, in pixels of the picture."""

MIN_PIXELS = 800
"""Smaller images are magnified, so that lines are thin beside their objects."""


def overlay(
    image: PixelArray | None,
    labels: NDArray[np.integer],
    *,
    at: int | None = None,
    limits: Sequence[tuple[float, float]] | None = None,
) -> RGB:
    """Draw the outlines of objects over their image.

    Parameters
    ----------
    image : (C, *S), real, optional
        Three channels are red, green and blue; black if not given. Only the pixels that are shown
        are read.
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

    plane: tuple[Part, ...] = (slice(None),)
    if labels.ndim == 3:
        z = crowded(labels) if at is None else at
        labels, plane = labels[z], (*plane, z)
    step = math.ceil(max(labels.shape) / MAX_PIXELS)
    zoom = math.ceil(MIN_PIXELS / max(labels.shape)) if max(labels.shape) < MIN_PIXELS else 1
    labels = labels[::step, ::step]
    if image is None:
        picture = np.zeros((*labels.shape, 3), np.uint8)
    else:
        shown = sliced(image, (*plane, slice(None, None, step), slice(None, None, step)))
        values = np.empty((image.shape[0], *labels.shape), np.float32)
        for block in all_blocks(labels.shape, EDGE):
            values[(slice(None), *block)] = shown[(slice(None), *block)]
        colours = image_colours(values, limits)
        picture = (255 * colours).round().astype(np.uint8)
    picture = _magnified(picture, zoom)
    ids, dense = numbered(labels)
    if len(ids) > 1:
        names = _magnified(dense, zoom)
        lines = find_boundaries(names, mode="inner")
        picture[lines] = instance_colours(dense)[names[lines]]
    return picture


def write_overlay(path: str | Path, picture: RGB, made: Mapping[str, Any] | None = None) -> Path:
    """Write a picture as PNG, whole or not at all.

    Parameters
    ----------
    path : path
    picture : uint8 (Y, X, 3)
    made : mapping, optional
        Of `record.record`.

    Raises
    ------
    FileError, Failure
        If the file cannot be written.
    """
    from PIL import Image

    path, content = Path(path), io.BytesIO()
    notes = None if made is None else png_notes(made)
    Image.fromarray(picture).save(content, "PNG", pnginfo=notes)
    with writing(path):
        write_atomically(path, content.getvalue())
    return path


def crowded(labels: NDArray[np.integer]) -> int:
    """Return the slice of a volume that shows the most objects; the middle if there are none."""
    crowd = [len(np.unique(plane)) for plane in labels]
    return crowd.index(max(crowd)) if max(crowd) > 1 else len(labels) // 2


def _magnified(array: NDArray[Any], zoom: int) -> NDArray[Any]:
    return array.repeat(zoom, 0).repeat(zoom, 1) if zoom > 1 else array
