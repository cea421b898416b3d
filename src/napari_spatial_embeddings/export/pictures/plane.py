"""Plane of a segmented image that its pictures show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.image_data import PixelArray, sliced
from napari_spatial_embeddings.core.outlines.masks import boxes_of
from napari_spatial_embeddings.core.sampling import all_blocks
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.core.units import spacing_of
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export.colours import RGB, image_colours
from napari_spatial_embeddings.export.segmented import Segmented

EDGE = 512
"""Edge of the blocks that are read at once, in pixels of the image."""

SQUARE = 0.01
"""Difference of a pixel's sides, of the shorter one, that is not seen: it counts as square."""

NOTHING = 1e-9
"""Of a pixel: what rounding adds."""

Pair = tuple[float, float]
Steps = tuple[int, int]


def crowded(labels: NDArray[np.integer]) -> int:
    """Return the slice of a volume that shows the most objects; the middle if there are none."""
    crowd = [len(np.unique(plane)) for plane in labels]
    return crowd.index(max(crowd)) if max(crowd) > 1 else len(labels) // 2


def with_slice(settings: ExportSettings, found: Segmented) -> ExportSettings:
    """Return settings with the slice of a volume that pictures show, and check that they fit.

    It is the one that was chosen, or else the most crowded one.

    Raises
    ------
    InputError
        If there is no such slice, or there are more or fewer limits of contrast than channels.
    """
    labels, at = found.instances.labels, settings.slice
    pairs = len(settings.contrast) // 2
    if pairs and found.image is not None and pairs != found.image.shape[0]:
        raise InputError(
            f"{found.name} has {plural(found.image.shape[0], 'channel')}, and --contrast is of"
            f" {pairs}; give two values for each channel, or leave it out"
        )
    if labels.ndim == 2:
        if at is not None:
            raise InputError(f"{found.name} is no volume; leave --slice out")
        return settings
    if at is None:
        return settings.updated(slice=crowded(labels))
    if at >= len(labels):
        raise InputError(
            f"{found.name} has {len(labels)} slices, counted from 0, so there is no {at}"
        )
    return settings


def limits_of(settings: ExportSettings) -> list[tuple[float, float]] | None:
    """Return the values of each channel that are dark and bright; None if they are not chosen."""
    values = settings.contrast
    return [*zip(values[::2], values[1::2], strict=True)] or None


def slice_note(at: int | None, labels: NDArray[np.integer]) -> str:
    """Return which slice of a volume is shown, as napari counts; empty for an image."""
    return "" if at is None or labels.ndim == 2 else f"slice {at} of 0 to {len(labels) - 1}"


def spacing_in_plane(found: Segmented) -> Pair:
    """Return the height and the width of a pixel, of which the shorter one is 1.

    Those of the image or, where they are not known, those that the model works with.
    """
    maps = found.maps
    known = spacing_of(found.pixel_size) or (None if maps is None else maps.spacing) or (1.0, 1.0)
    y, x = known[-2:]
    if max(y, x) <= (1 + SQUARE) * min(y, x):
        return 1.0, 1.0
    return y / min(y, x), x / min(y, x)


def steps_of(shape: tuple[int, ...], spacing: Pair, most: int) -> Steps:
    """Return of how many pixels along Y and X a mean is shown, so that a plane is no larger.

    Parameters
    ----------
    shape : Y, X
    spacing : height and width of a pixel
    most : int
        Sides of the shorter kind that the longer edge of the plane has at most.
    """
    step = math.ceil(max(n * side for n, side in zip(shape, spacing, strict=True)) / most)
    y, x = (max(1, math.ceil(step / side - NOTHING)) for side in spacing)
    return y, x


def middles(array: NDArray[Any], steps: Steps) -> NDArray[Any]:
    """Return the values (..., rows, columns) in the middle of each block of pixels."""
    if steps == (1, 1):
        return array
    y, x = (
        np.minimum(np.arange(0, n, step) + step // 2, n - 1)
        for n, step in zip(array.shape[-2:], steps, strict=True)
    )
    return np.asarray(array[..., y[:, None], x])


def thinned(labels: NDArray[np.integer], steps: Steps) -> NDArray[Any]:
    """Return the labels (rows, columns) that are shown of a plane: those amid blocks of pixels.

    An object that lies between those has a pixel all the same.

    Parameters
    ----------
    labels : integers (Y, X), not negative
    steps : pixels of a block along Y and X
    """
    shown = middles(labels, steps)
    if shown is labels:
        return labels
    seen = set(np.unique(shown).tolist())
    for label, box in boxes_of(labels):
        if label not in seen:
            mask = labels[box] == label
            inside = np.unravel_index(int(mask.argmax()), mask.shape)
            y, x = (int(n) + part.start for n, part in zip(inside, box, strict=True))
            shown[y // steps[0], x // steps[1]] = label
    return shown


def shown_values(
    image: PixelArray, shape: tuple[int, ...], at: int | None, steps: Steps
) -> NDArray[np.float32]:
    """Return the means of blocks of pixels of a plane; no other plane is read.

    Parameters
    ----------
    image : (C, *S), real
    shape : Y, X
        Of a plane.
    at : int, optional
        Which slice, of a volume.
    steps : pixels of a block along Y and X

    Returns
    -------
    values : float32 (C, rows, columns)
    """
    plane = image if at is None else sliced(image, (slice(None), at))
    rows, columns = (-(-n // step) for n, step in zip(shape, steps, strict=True))
    values = np.empty((image.shape[0], rows, columns), np.float32)
    for block in all_blocks((rows, columns), max(1, EDGE // max(steps))):
        read = (
            slice(part.start * step, min(part.stop * step, n))
            for part, step, n in zip(block, steps, shape, strict=True)
        )
        values[(slice(None), *block)] = _means(np.asarray(plane[(slice(None), *read)]), steps)
    return values


def _means(values: NDArray[Any], steps: Steps) -> NDArray[Any]:
    """Return the means of blocks of the last two axes; those at the far ends may be smaller."""
    for axis, step in zip((-2, -1), steps, strict=True):
        if step > 1:
            starts = np.arange(0, n := values.shape[axis], step)
            counts = np.diff(starts, append=n).reshape((-1, 1) if axis == -2 else -1)
            values = np.add.reduceat(values, starts, axis, np.float64) / counts
    return values


def shown_colours(
    image: PixelArray | None,
    shape: tuple[int, ...],
    at: int | None,
    steps: Steps,
    limits: Sequence[tuple[float, float]] | None,
) -> RGB:
    """Return a plane as `shown_values` reads it, painted as `image_colours` does.

    Returns
    -------
    colours : uint8 (rows, columns, 3)
        Black if there is no image.
    """
    if image is None:
        sizes = (-(-n // step) for n, step in zip(shape, steps, strict=True))
        return np.zeros((*sizes, 3), np.uint8)
    colours = image_colours(shown_values(image, shape, at, steps), limits)
    return (255 * colours).round().astype(np.uint8)
