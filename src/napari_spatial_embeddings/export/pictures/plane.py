"""Plane of a segmented image that its pictures show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.image_data import Part, PixelArray, sliced
from napari_spatial_embeddings.core.sampling import all_blocks
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export.colours import RGB, image_colours
from napari_spatial_embeddings.export.segmented import Segmented

EDGE = 512
"""Edge of the blocks that are read at once, in pixels of the picture."""


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


def shown_values(
    image: PixelArray, shape: tuple[int, ...], at: int | None, step: int
) -> NDArray[np.float32]:
    """Return the pixels of a plane that are shown; no others are read.

    Parameters
    ----------
    image : (C, *S), real
    shape : Y, X
        Of a plane.
    at : int, optional
        Which slice, of a volume.
    step : int
        Every how many pixels one is shown.

    Returns
    -------
    values : float32 (C, rows, columns)
    """
    plane: tuple[Part, ...] = (slice(None),) if at is None else (slice(None), at)
    shown = sliced(image, (*plane, slice(None, None, step), slice(None, None, step)))
    rows, columns = (len(range(0, n, step)) for n in shape)
    values = np.empty((image.shape[0], rows, columns), np.float32)
    for block in all_blocks((rows, columns), EDGE):
        values[(slice(None), *block)] = shown[(slice(None), *block)]
    return values


def shown_colours(
    image: PixelArray | None,
    shape: tuple[int, ...],
    at: int | None,
    step: int,
    limits: Sequence[tuple[float, float]] | None,
) -> RGB:
    """Return a plane as `shown_values` reads it, painted as `image_colours` does.

    Returns
    -------
    colours : uint8 (rows, columns, 3)
        Black if there is no image.
    """
    if image is None:
        return np.zeros((*(len(range(0, n, step)) for n in shape), 3), np.uint8)
    colours = image_colours(shown_values(image, shape, at, step), limits)
    return (255 * colours).round().astype(np.uint8)
