"""Scores of a model on annotated images, by real clustering; and the thresholds that suit it.

All of it takes seconds, and is done in pieces: a training that is asked to stop stops at once.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.maps import IGNORE, EmbeddingMaps
from napari_spatial_embeddings.core.metrics import Scores, mean_ap, score
from napari_spatial_embeddings.core.object_size import object_sizes
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.system.cancellation import Cancellable

from .annotation import TrainingImage

SEED_THRESHOLDS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95)
FOREGROUND_THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)

EDGE = 384
"""Longest edge in pixels of what is validated of one image; volumes use its 2/3 power."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Mean scores over images.

    Parameters
    ----------
    ap50, mean_ap : float
        AP at IoU 0.5 and its mean over IoU 0.5 to 0.95.
    held_out : bool
        Whether the images were kept out of the training. If not, this is only a measure of fit.
    """

    ap50: float
    mean_ap: float
    held_out: bool


def choose(images: list[TrainingImage], most: int = 12) -> list[TrainingImage]:
    """Return an even choice of images, cut to their most crowded quarter if large."""
    step = max(1, len(images) / most)
    picked = [images[int(i * step)] for i in range(min(most, len(images)))]
    return [_cut(image) for image in picked]


def _cut(source: TrainingImage) -> TrainingImage:
    ndim = source.labels.ndim
    edge = EDGE if ndim == 2 else round(EDGE ** (2 / 3))
    where = np.argwhere(source.labels > 0)
    middle = np.median(where, axis=0) if len(where) else np.array(source.labels.shape) / 2
    window = []
    for n, m in zip(source.labels.shape, middle, strict=True):
        start = int(np.clip(m - edge / 2, 0, max(0, n - edge)))
        window.append(slice(start, min(n, start + edge)))
    image, labels = source.image[(slice(None), *window)], source.labels[tuple(window)]
    return replace(source, image=image, labels=labels)


def predicting(
    model: SpatialEmbeddings, images: list[TrainingImage], device: str
) -> Cancellable[list[EmbeddingMaps]]:
    """Return, by pieces, the maps of images that are already normalised."""
    prediction = PredictionSettings(device=device)
    maps = []
    for image in images:
        pixels = np.asarray(image.image, np.float32)
        steps = model.predicting_normalised(pixels, prediction, image.spacing)
        for step in steps:  # noqa: B007 - the last one's maps are complete
            yield
        maps.append(step.maps)
    return maps


def evaluating(
    maps: list[EmbeddingMaps], images: list[TrainingImage], settings: ClusteringSettings
) -> Cancellable[list[Scores]]:
    """Cluster maps and compare, by pieces, with the annotations; unknown pixels do not count."""
    scores = []
    for one, image in zip(maps, images, strict=True):
        scores.append(_score(Clustering(one), image, settings))
        yield
    return scores


def _score(clustering: Clustering, image: TrainingImage, settings: ClusteringSettings) -> Scores:
    found = clustering(settings).labels
    return score(np.maximum(image.labels, 0), found, ignore=image.labels == IGNORE)


def calibrating(
    maps: list[EmbeddingMaps],
    images: list[TrainingImage],
    usual: list[ClusteringSettings],
    others: bool = True,
) -> Cancellable[ClusteringSettings]:
    """Return, by pieces, the thresholds of highest mean AP, near usual ones if few objects tell.

    To move a threshold from one end of its range to the other, it has to win five objects. Among
    equals the first of the usual ones is taken; without ``others``, one of these in any case.
    """
    clusterings = [Clustering(m) for m in maps]
    reluctance = 0.005 + 5 / max(1, len(object_sizes([image.labels for image in images])))
    grid = itertools.product(SEED_THRESHOLDS, FOREGROUND_THRESHOLDS)
    trials = [
        usual[0].updated(seed_threshold=seed, foreground_threshold=foreground)
        for seed, foreground in grid
        if seed >= foreground
    ]
    best, best_worth = usual[0], -np.inf
    for trial in dict.fromkeys([*usual, *(trials if others else ())]):
        scores = []
        for clustering, image in zip(clusterings, images, strict=True):
            scores.append(_score(clustering, image, trial))
            yield
        distance = min(
            abs(trial.seed_threshold - other.seed_threshold)
            + abs(trial.foreground_threshold - other.foreground_threshold)
            for other in usual
        )
        worth = float(mean_ap(scores).mean()) - reluctance * distance
        if worth > best_worth:
            best, best_worth = trial, worth
    return best


def smallest_size(images: list[TrainingImage], default: int) -> int:
    """Return the size in pixels below which an object is taken for debris.

    Half of the size that 98 % of the annotated objects exceed, and less where they are few, as the
    smallest of ten is not the smallest there is; ``default`` if no object was drawn whole.
    """
    sizes = object_sizes([image.labels for image in images if not image.scribbled])
    if not len(sizes):
        return default
    trust = len(sizes) / (len(sizes) + 20)
    return max(1, int(trust * np.percentile(sizes, 2) / 2))
