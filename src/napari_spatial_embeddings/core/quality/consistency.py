"""Consistency of the maps about each object that was found: a sign of its quality on any image.

Of a pixel's seed value a training makes the pixel's phi for its own object. Where a network knows
what it sees, both agree at all pixels of an object; on images unlike those that it learned from,
they do not, and its scores promise too much there.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.maps import SQUARED_MARGIN, EmbeddingMaps, squared_distance

OWN = 0.5
"""Weight of the object itself; the others of its image have the rest: unlike images are so all
over, and of a single object little is seen."""

SAMPLED = 2**18
"""Pixels of objects that are looked at, about, evenly among all: means need no more."""


def consistency(maps: EmbeddingMaps, instances: Instances) -> NDArray[np.float32]:
    """Return how far the maps agree about each object, float32 (N,), from 0 to 1.

    It is 1 less the mean of ``|seed - phi|`` over an object's pixels, averaged with the mean over
    all objects.

    Parameters
    ----------
    maps : EmbeddingMaps
    instances : Instances
        What was found on them.
    """
    n = len(instances)
    if not n:
        return np.zeros(0, np.float32)
    step = max(1, int(instances.size.sum()) // SAMPLED)
    while math.gcd(step, maps.shape[-1]) > 1:  # else it would see some columns alone
        step += 1
    flat = step * np.flatnonzero(instances.labels.reshape(-1)[::step] > 0)
    at = np.stack(np.unravel_index(flat, maps.shape), 1)
    row = np.full(int(instances.ids.max()) + 1, -1, np.int64)
    row[instances.ids] = np.arange(n)
    own = row[instances.labels.reshape(-1)[flat]]
    known = own >= 0
    at, own = at[known], own[known]
    sigma = np.maximum(instances.sigma, np.float32(1e-6))
    far = squared_distance(maps.embeddings_at(at), instances.centre[own], sigma[own])
    phi = np.exp2(-far / SQUARED_MARGIN)
    # Of several classes, a pixel's seed value is that of its most likely one.
    seed = np.nan_to_num(maps.seed[(slice(None), *at.T)]).max(0)
    gap = np.nan_to_num(np.abs(seed - phi), nan=1.0)
    count = np.bincount(own, minlength=n)
    mean = np.bincount(own, gap, minlength=n) / np.maximum(count, 1)
    # Objects without a pixel among those that were looked at are as the others.
    all_ = float(mean[count > 0].mean()) if count.any() else 1.0
    mean[count == 0] = all_
    found: NDArray[np.float32] = (1 - OWN * mean - (1 - OWN) * all_).clip(0, 1).astype(np.float32)
    return found
