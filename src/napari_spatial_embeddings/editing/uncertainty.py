"""Uncertainty of found objects, and of objects that were nearly found, from the maps alone.

Signs of uncertainty in the maps of an object, each from 0, sure, to 1:

- *score*: how little its seed value is above the seed threshold;
- *spread*: the mean squared distance of its pixels' embeddings from its centre, in margins;
- *rim*: the share of pixels whose phi for it is near 1/2, which a slightly other margin would give
  or take;
- *claims*: the share of its pixels that lie within another object's margin as well.

Its uncertainty is ``1 - prod(1 - part)``: one bad sign is enough. An object that was nearly found
is a proposal just below the thresholds; the nearer to them, the more uncertain.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.instances import Corrections, Instances
from napari_spatial_embeddings.core.maps import SQUARED_MARGIN, EmbeddingMaps, squared_distance

PARTS = ("score", "spread", "rim", "claims")

UNSURE = 0.5
"""From this uncertainty on, an object counts as unsure."""

NEARLY = 0.5
"""Share of the seed threshold from which on a proposal counts as nearly found."""

RIM = 0.15
"""Largest difference of phi from 1/2 in the rim of an object."""

SAMPLED = 2**19
"""Pixels of objects that are looked at, about, evenly among all: shares need no more."""

PIXELS_AT_ONCE = 2**20
"""Pixels whose embeddings are in memory at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Uncertainty:
    """How unsure the objects of an image are.

    Parameters
    ----------
    parts : float32 (N, 4), 0 to 1
        Of each object, in the order of its `Instances`, what `PARTS` names; 0 if it is locked.
    nearly : Instances
        The M objects that were nearly found.
    near : float32 (M,), 0 to 1
        How near each of them is to the seed threshold; 1 at it or above.
    """

    parts: NDArray[np.float32]
    nearly: Instances
    near: NDArray[np.float32]

    @property
    def objects(self) -> NDArray[np.float32]:
        """The uncertainty of each object, float32 (N,), 0 to 1."""
        whole: NDArray[np.float32] = 1 - (1 - self.parts).prod(1)
        return whole


def uncertainty(
    maps: EmbeddingMaps,
    instances: Instances,
    settings: ClusteringSettings,
    corrections: Corrections | None = None,
) -> Uncertainty:
    """Return how unsure the objects of an image are.

    The maps are looked through in parts of `PIXELS_AT_ONCE`, and clustered once. In large images,
    the parts of the uncertainties are of a sample of each object's pixels.

    Parameters
    ----------
    maps : EmbeddingMaps
    instances : Instances
        What these settings gave on these maps.
    settings : ClusteringSettings
    corrections : Corrections, optional
        Those that the clustering respected. What the user decided is sure.
    """
    parts = np.zeros((len(instances), len(PARTS)), np.float32)
    free = max(1 - settings.seed_threshold, 1e-6)
    parts[:, 0] = ((1 - np.nan_to_num(instances.score)) / free).clip(0, 1)
    if len(instances):
        parts[:, 1:] = _from_embeddings(maps, instances, settings)
    parts[instances.locked] = 0
    nearly, near = _nearly_found(maps, instances, settings, corrections)
    return Uncertainty(parts, nearly, near)


def _from_embeddings(
    maps: EmbeddingMaps, instances: Instances, settings: ClusteringSettings
) -> NDArray[np.float32]:
    """Return spread, rim and claims of each object (N, 3)."""
    from scipy.spatial import cKDTree

    n = len(instances)
    reach = np.nan_to_num(instances.sigma * np.float32(settings.margin_factor), nan=1.0)
    centre = np.nan_to_num(instances.centre)
    tree, several = cKDTree(centre), min(3, n)
    row = np.full(int(instances.ids.max()) + 1, -1, np.int64)
    row[instances.ids] = np.arange(n)
    sums, counted = np.zeros((n, 3)), np.zeros(n)
    for at in _pixels(maps, instances, settings.foreground_threshold):
        e = maps.embeddings_at(at)
        known = np.isfinite(e).all(1)
        at, e = at[known], e[known]
        own = row[instances.labels[tuple(at.T)]]
        found = tree.query(e, several)[1].reshape(len(e), several)
        squared = squared_distance(e[:, None], centre[found], reach[found]) / SQUARED_MARGIN
        inside, there = own >= 0, own[own >= 0]
        far = squared_distance(e[inside], centre[there], reach[there]) / SQUARED_MARGIN
        counted += np.bincount(there, minlength=n)
        sums[:, 0] += np.bincount(there, far.clip(0, 1), minlength=n)
        theirs = (found[inside] != there[:, None]) & (squared[inside] < 1)
        sums[:, 2] += np.bincount(there, theirs.any(1), minlength=n)
        # A pixel is at the rim of its own object, or of the one it comes nearest to belonging to.
        first = squared.argmin(1)
        rows = np.arange(len(e))
        whose, squared_own = found[rows, first], squared[rows, first]
        whose[inside], squared_own[inside] = there, far
        phi = np.exp2(-squared_own)
        sums[:, 1] += np.bincount(whose, np.abs(phi - 0.5) <= RIM, minlength=n)
    shares = sums / np.maximum(counted, 1)[:, None]
    return shares.clip(0, 1).astype(np.float32)


def _pixels(
    maps: EmbeddingMaps, instances: Instances, foreground: float
) -> Iterator[NDArray[np.int64]]:
    """Yield pixels (n, D) of the objects and of the foreground, in parts."""
    step, seen = max(1, int(instances.size.sum()) // SAMPLED), 0
    rows = max(1, PIXELS_AT_ONCE // max(1, math.prod(maps.shape[1:])))
    seed = maps.seed
    for start in range(0, maps.shape[0], rows):
        part = slice(start, start + rows)
        there = (instances.labels[part] > 0) | (seed[:, part].max(0) > foreground)
        at = np.argwhere(there)
        at[:, 0] += start
        chosen, seen = at[-seen % step :: step], seen + len(at)
        if len(chosen):
            yield chosen


def _nearly_found(
    maps: EmbeddingMaps,
    instances: Instances,
    settings: ClusteringSettings,
    corrections: Corrections | None,
) -> tuple[Instances, NDArray[np.float32]]:
    """Return the proposals just below the thresholds, and how near to them they are."""
    low = NEARLY * settings.seed_threshold
    foreground = min(settings.foreground_threshold, low)
    lower = settings.updated(seed_threshold=low, foreground_threshold=foreground)
    found = Clustering(maps, corrections=corrections)(lower)
    free = np.bincount(
        found.labels[instances.labels == 0], minlength=int(found.ids.max(initial=0)) + 1
    )
    missed = ~found.locked & (2 * free[found.ids] > found.size)
    table = np.zeros(len(free), np.int32)
    table[found.ids[missed]] = found.ids[missed]
    labels = np.where(instances.labels == 0, table[found.labels], 0).astype(np.int32)
    nearly = Instances(
        labels=labels,
        ids=found.ids[missed],
        class_index=found.class_index[missed],
        score=found.score[missed],
        centre=found.centre[missed],
        sigma=found.sigma[missed],
        size=free[found.ids[missed]],
        seed_pixel=found.seed_pixel[missed],
        locked=found.locked[missed],
    )
    span = max(settings.seed_threshold - low, 1e-6)
    near = ((nearly.score - low) / span).clip(0, 1).astype(np.float32)
    return nearly, near
