"""Normalisation of images by percentiles, per channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.maps import Float

SAMPLE = 4_000_000
"""Values that percentiles are taken from at most; more are strided over."""


def normalisation(image: NDArray[np.generic], settings: ModelSettings) -> Float:
    """Return per channel what to subtract and to multiply by, float32 (2, C).

    Percentiles are taken over the whole image or volume, never over a slice or a tile.

    Parameters
    ----------
    image : (C, *S), real
    """
    out = np.empty((2, len(image)), np.float32)
    for c, channel in enumerate(image):
        step = max(1, int((channel.size / SAMPLE) ** (1 / channel.ndim)))
        sample = np.asarray(channel[(slice(None, None, step),) * channel.ndim], np.float32)
        low, high = np.percentile(sample, (settings.low_percentile, settings.high_percentile))
        if high <= low:  # nearly all pixels are alike, as in an image of a few bright spots
            low, high = float(sample.min()), float(sample.max())
        out[:, c] = low, 1 / (high - low) if high > low else 0.0
    return out


def normalise(image: NDArray[np.generic], scale: Float) -> Float:
    """Apply `normalisation` to (C, *S); values outside the percentiles go on linearly to ±4."""
    bias, gain = (v.reshape(-1, *[1] * (image.ndim - 1)) for v in scale)
    out: Float = np.clip((image.astype(np.float32) - bias) * gain, -4, 4)
    return out
