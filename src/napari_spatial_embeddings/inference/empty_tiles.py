"""Test by which tiles without objects, such as those around a scanned slide, need no network."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.ndimage import uniform_filter

from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.maps import Float
from napari_spatial_embeddings.core.network import multiple, reach

FLAT = {2: 0.005, 3: 1e-6}
"""Range of intensities, relative to that of the whole image, within which a tile is flat.

In 2D, the shipped models saw no foreground in 33,000 windows of their training images, at full and
at lower contrast, that this takes for empty: ``python -m benchmarks.empty`` counts them. In 3D none
were counted, and flat is what is the same but for rounding.
"""

STEP = 0.005
"""Means that differ by less are alike."""

PART = 5
"""Noise is averaged over squares or cubes whose edge is this part of a diameter."""


class EmptyTest:
    """A test of tiles, which depends on their pixels alone, and so is the same in all processes.

    A tile is empty if its intensities are alike, and the network finds nothing in an image of
    nothing but their mean.

    Parameters
    ----------
    settings : ModelSettings
    seed_of : callable
        Returns the seeds that the network gives a tile (C, *S), normalised.
    foreground : float
        Seeds above it are found.
    """

    def __init__(
        self, settings: ModelSettings, seed_of: Callable[[Float], Float], foreground: float
    ) -> None:
        self._seed_of, self._foreground = seed_of, foreground
        self._flat = FLAT[settings.ndim]
        self._square = tuple(
            max(1, int(settings.working_diameter / PART / s)) for s in settings.spacing
        )
        self._sees = tuple(
            math.ceil((2 * far + 1) / step) * step
            for far, step in zip(reach(settings), multiple(settings), strict=True)
        )
        self._levels: dict[tuple[int, ...], bool] = {}  # whether nothing is found in them

    def __call__(self, tile: Float) -> bool:
        """Return whether a tile (C, *S), as the network sees it, is empty."""
        if any(np.ptp(uniform_filter(channel, self._square)) > self._flat for channel in tile):
            return False
        level = tuple(round(float(channel.mean()) / STEP) for channel in tile)
        if level not in self._levels:
            edges = [min(n, far) for n, far in zip(tile.shape[1:], self._sees, strict=True)]
            one = np.array(level, np.float32).reshape(-1, *[1] * len(edges)) * np.float32(STEP)
            alike = np.ascontiguousarray(np.broadcast_to(one, (len(level), *edges)))
            self._levels[level] = not bool((self._seed_of(alike) > self._foreground).any())
        return self._levels[level]
