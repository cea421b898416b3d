"""Maps of two bars that cross, one behind the other."""

from __future__ import annotations

import numpy as np

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.maps import EmbeddingMaps


def crossing() -> tuple[EmbeddingMaps, ClusteringSettings]:
    """Return maps in which pixels of both bars point between their centres, and the settings.

    The bar in front is 5 x 31 pixels, the one behind 21 x 5, of which 5 x 5 are in both.
    """
    seed, offsets = np.zeros((1, 21, 31), np.float32), np.zeros((2, 21, 31), np.float32)
    y, x = np.mgrid[:21, :31]
    front, behind = (y > 7) & (y < 13), (x > 12) & (x < 18)
    parts = [(front, 0.9, (10.0, 12.0)), (behind, 0.8, (10.0, 18.0))]
    for part, value, centre in [*parts, (front & behind, 0.6, (10.0, 14.8))]:
        seed[0][part] = value
        for axis, at in enumerate((y, x)):
            offsets[axis][part] = (centre[axis] - at)[part]
    sigma = np.full((1, 21, 31), 3.0, np.float32)
    return EmbeddingMaps(offsets, sigma, seed, (1.0, 1.0)), ClusteringSettings(seed_threshold=0.7)
