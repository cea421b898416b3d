"""Objects that were found where the truth is known, with the signs of their quality and it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.core.metrics import overlaps

from .calibration import Calibration, fitted
from .consistency import consistency

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredObjects:
    """Objects whose IoU is known.

    Parameters
    ----------
    scores : float64 (N,), 0 to 1
    consistencies : float64 (N,), 0 to 1
        Of the maps about each.
    ious : float64 (N,), 0 to 1
        With the annotated object that each overlaps most.
    """

    scores: Floats
    consistencies: Floats
    ious: Floats

    def __len__(self) -> int:
        return len(self.ious)

    @classmethod
    def of(cls, parts: Sequence[ScoredObjects]) -> ScoredObjects:
        """Return the objects of several images."""
        empty = cls(np.zeros(0), np.zeros(0), np.zeros(0))
        names = cls.__slots__
        return cls(*(np.concatenate([getattr(x, n) for x in (empty, *parts)]) for n in names))

    def chosen(self, some: NDArray[np.integer]) -> ScoredObjects:
        """Return some of the objects."""
        return ScoredObjects(self.scores[some], self.consistencies[some], self.ious[some])

    def calibration(self, source: str, prior: Calibration | None = None) -> Calibration | None:
        """Return the calibration by score and by consistency, as `fitted` makes one."""
        known = fitted(self.scores, self.ious, source, prior)
        if known is None:
            return None
        before = None if prior is None else prior.consistency
        return known.updated(consistency=fitted(self.consistencies, self.ious, source, before))


def scored_against(
    maps: EmbeddingMaps, found: Instances, labels: NDArray[np.integer]
) -> ScoredObjects:
    """Return the objects that were found where the truth is known.

    Parameters
    ----------
    maps : EmbeddingMaps
    found : Instances
        On these maps.
    labels : integers (*S)
        Annotated objects; below 0 where the truth is unknown.
    """
    both = overlaps(np.maximum(labels, 0), found.labels, labels < 0)
    row = np.zeros(int(found.ids.max(initial=0)) + 1, np.int64)
    row[found.ids] = np.arange(len(found))
    own = row[both.predicted_ids]
    consistencies = consistency(maps, found)[own].astype(float)
    return ScoredObjects(found.score[own].astype(float), consistencies, both.best_iou)
