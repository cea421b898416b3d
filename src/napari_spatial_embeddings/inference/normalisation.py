"""Normalisation of images by percentiles, per channel."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.image_data import ImageData, PixelArray, sliced
from napari_spatial_embeddings.core.maps import Float
from napari_spatial_embeddings.core.sampling import sample_blocks
from napari_spatial_embeddings.errors import InputError

from .image_check import NOT_FINITE, TOO_LARGE
from .model_card import ModelError

SAMPLE_PIXELS = 4_000_000
"""Values of a channel up to which percentiles are exact; above, they are those of a sample."""

EDGE = {2: 256, 3: 64}
"""Edge of the blocks of a sample, in pixels: about as large as the chunks of files."""

Scale = NDArray[np.floating[Any]]
"""Per channel what to subtract and to multiply by, (2, C)."""

LARGEST = float(np.finfo(np.float32).max)
"""The largest number of those that count as finite."""


def normalisation(image: PixelArray, settings: ModelSettings) -> Scale:
    """Return per channel what to subtract and to multiply by, float64 (2, C).

    Percentiles are taken over the whole image, volume or time series, never over a slice, a frame
    or a tile: over all its values, or over a regular grid of blocks where there are more than
    `SAMPLE_PIXELS`, the same in memory as in a file. Values that are not finite are left out, and
    so are frames of a time series that cannot be read.

    Parameters
    ----------
    image : (C, *S) or (T, C, *S), real
        Only what is sampled is read, one channel after the other.

    Raises
    ------
    ModelError
        If no value is finite.
    """
    before = (slice(None),) * (image.ndim - settings.ndim - 1)
    channels = image.shape[len(before)]
    out = np.empty((2, channels))
    for c in range(channels):
        sample = _sample(sliced(image, (*before, c)), settings.ndim)
        low, high = np.percentile(sample, (settings.low_percentile, settings.high_percentile))
        if high <= low:  # nearly all pixels are alike, as in an image of a few bright spots
            low, high = float(sample.min()), float(sample.max())
        out[:, c] = low, 1 / (high - low) if high > low else 0.0
    return out


def normalisation_of(image: ImageData, settings: ModelSettings) -> Scale:
    """Return that of an image, or of the series or large image that it is a part of.

    Raises
    ------
    InputError
        As of `normalisation`.
    """
    return normalisation(image.data if image.whole is None else image.whole, settings)


def normalise(image: NDArray[np.generic], scale: Scale) -> Float:
    """Apply `normalisation` to (C, *S); values outside the percentiles go on linearly to ±4.

    Raises
    ------
    ModelError
        If a value is not finite, or too large for float32.
    """
    exact = _exact(image.dtype)
    with np.errstate(over="ignore"):
        bias, gain = (v.astype(exact).reshape(-1, *[1] * (image.ndim - 1)) for v in scale)
        values: NDArray[np.floating] = image.astype(exact)
        if image.dtype.kind == "f" and not _is_finite(values).all():
            raise ModelError(TOO_LARGE if np.isfinite(values).all() else NOT_FINITE)
        out = np.clip((values - bias) * gain, -4, 4)
    return np.asarray(out, np.float32)


def _exact(dtype: np.dtype[Any]) -> type[np.float32 | np.float64]:
    """Return the type that holds small differences between large values of another type."""
    narrow = np.can_cast(dtype, np.float32)
    return np.float32 if narrow else np.float64


def _is_finite(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return where values are finite, and not too large for float32."""
    return np.asarray(np.abs(values) <= LARGEST)


def _sample(channel: PixelArray, ndim: int) -> NDArray[np.floating]:
    """Return finite values of a channel, (*S) or (T, *S)."""
    values = _sampled_values(channel, ndim)
    if channel.dtype.kind == "f":
        finite = _is_finite(values)
        if not finite.any():
            raise ModelError(TOO_LARGE if np.isfinite(values).any() else NOT_FINITE)
        if not finite.all():
            values = values[finite]
    return values


def _sampled_values(channel: PixelArray, ndim: int) -> NDArray[np.floating]:
    shape, exact, series = channel.shape, _exact(channel.dtype), channel.ndim > ndim
    blocks: Iterable[tuple[int | slice, ...]] = [(t,) for t in range(shape[0])] if series else [()]
    if math.prod(shape) > SAMPLE_PIXELS:
        edges = (*(1,) * (len(shape) - ndim), *(EDGE[ndim],) * ndim)
        size = math.prod(map(min, edges, shape))
        blocks = sample_blocks(shape, edges, max(1, SAMPLE_PIXELS // size))
    parts, problem = list[NDArray[Any]](), None
    for block in blocks:
        try:
            parts.append(np.asarray(channel[block], exact).ravel())
        except (InputError, OSError) as error:
            if not series:
                raise
            problem = error  # a frame that cannot be read does not stop the others
    if problem is not None and not parts:
        raise problem
    return np.concatenate(parts)
