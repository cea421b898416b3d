"""Validation of a model on annotated images, and calibration of its thresholds.

Scores are of real clusterings. All of this takes seconds, and so it works by pieces: a training
can be cancelled between two of them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.maps import IGNORE, EmbeddingMaps
from napari_spatial_embeddings.core.metrics import Scores, mean_ap, score
from napari_spatial_embeddings.core.object_size import object_sizes
from napari_spatial_embeddings.core.quality.scored import ScoredObjects, scored_against
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.system.cancellation import Cancellable

from .annotation import TrainingImage
from .held_out import MOST
from .held_out_objects import without

SEED_THRESHOLDS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95)
FOREGROUND_THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)

MAX_EDGE = 384
"""Longest edge in pixels of the validated part of an image; its 2/3 power for volumes."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Mean scores over images.

    Parameters
    ----------
    ap50, mean_ap : float
        AP at IoU 0.5 and its mean over IoU 0.5 to 0.95.
    held_out : bool
        Whether the images, or the objects that are scored, were kept out of the training. If not,
        this is only a measure of fit.
    objects : int
        Number of annotated objects in the images.
    scribbles : bool
        Whether they are scribbles, all of them: one is right if it lies in an object that no other
        scribble and no background is in; where that object ends is not known.
    """

    ap50: float
    mean_ap: float
    held_out: bool
    objects: int
    scribbles: bool = False


def choose_images(images: list[TrainingImage], most: int = 12) -> list[TrainingImage]:
    """Return evenly spaced images of a list; of large ones the parts around their objects."""
    step = max(1, len(images) / most)
    picked = [images[int(i * step)] for i in range(min(most, len(images)))]
    return [part for image in picked for part in _parts(image)]


def _parts(source: TrainingImage) -> list[TrainingImage]:
    """Return the part around the objects' middle; of few objects, as many parts as hold them all.

    Held-out objects may lie anywhere in a large image. Each is in one part, and unknown in others.
    """
    shape = source.labels.shape
    edge = MAX_EDGE if len(shape) == 2 else round(MAX_EDGE ** (2 / 3))
    if max(shape) <= edge or not 0 < source.n_objects <= MOST:
        where = np.argwhere(source.labels > 0)
        middle = np.median(where, axis=0) if len(where) else np.array(shape) / 2
        return [_cut(source, _window(shape, middle, edge))]
    found = enumerate(ndi.find_objects(np.maximum(source.labels, 0)), 1)
    left = {label: box for label, box in found if box is not None}
    parts = []
    while left:
        windows = {k: _window(shape, _middle(box), edge) for k, box in left.items()}
        inside = {
            k: {k, *(j for j, box in left.items() if _holds(window, box))}
            for k, window in windows.items()
        }
        first = max(inside, key=lambda k: len(inside[k]))
        part = _cut(source, windows[first])
        others = (part.labels > 0) & ~np.isin(part.labels, [*inside[first]])
        parts.append(without(part, others))
        left = {k: box for k, box in left.items() if k not in inside[first]}
    return parts


Box = tuple[slice, ...]


def _middle(box: Box) -> NDArray[np.float64]:
    return np.array([(part.start + part.stop) / 2 for part in box])


def _holds(window: Box, box: Box) -> bool:
    both = zip(window, box, strict=True)
    return all(a.start <= b.start and b.stop <= a.stop for a, b in both)


def _window(shape: tuple[int, ...], middle: NDArray[np.float64], edge: int) -> Box:
    window = []
    for n, m in zip(shape, middle, strict=True):
        start = int(np.clip(m - edge / 2, 0, max(0, n - edge)))
        window.append(slice(start, min(n, start + edge)))
    return tuple(window)


def _cut(source: TrainingImage, part: Box) -> TrainingImage:
    image, labels = source.image[(slice(None), *part)], source.labels[part]
    whole = source.image if source.whole is None else source.whole
    return replace(source, image=image, labels=labels, whole=whole)


def predict_maps(
    model: SpatialEmbeddings, images: list[TrainingImage], device: str
) -> Cancellable[list[EmbeddingMaps]]:
    """Predict, by pieces, the maps of images that are already normalised."""
    prediction = PredictionSettings(device=device)
    maps = []
    for image in images:
        pixels = np.asarray(image.image, np.float32)
        steps = model.predicting_normalised(pixels, prediction, image.spacing)
        for step in steps:  # noqa: B007 - the last one's maps are complete
            yield
        maps.append(step.maps)
    return maps


def evaluate(
    maps: list[EmbeddingMaps], images: list[TrainingImage], settings: ClusteringSettings
) -> Cancellable[list[Scores]]:
    """Score, by pieces, clusterings of maps against the annotations, without unknown pixels."""
    scores = []
    for one, image in zip(maps, images, strict=True):
        scores.append(_score(Clustering(one), image, settings))
        yield
    return scores


def _score(clustering: Clustering, image: TrainingImage, settings: ClusteringSettings) -> Scores:
    found, known = clustering(settings).labels, np.maximum(image.labels, 0)
    unknown = image.labels == IGNORE
    if not image.scribbled:
        return score(known, found, ignore=unknown)
    # Of an object that a scribble is in, most is unknown: what counts is that no other scribble and
    # no background is in it.
    touching = np.isin(found, np.unique(found[known > 0]))
    return score(known, np.where(touching & ~unknown, found, 0))


def calibrate(
    maps: list[EmbeddingMaps],
    images: list[TrainingImage],
    usual: list[ClusteringSettings],
    others: bool = True,
) -> Cancellable[ClusteringSettings]:
    """Find, by pieces, the thresholds of highest mean AP, regularised towards usual ones.

    Parameters
    ----------
    maps : list of EmbeddingMaps
    images : list of TrainingImage
        With the same pixels as the maps.
    usual : list of ClusteringSettings
        The first of them wins among equals. To move a threshold from one end of its range to the
        other has to gain five objects.
    others : bool
        Whether other thresholds than the usual ones are tried.
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


def scored_objects(
    maps: list[EmbeddingMaps], images: list[TrainingImage], settings: ClusteringSettings
) -> Cancellable[ScoredObjects]:
    """Return, by pieces, the score and the IoU of each object that is found where truth is known.

    Its IoU is that with the annotated object that it overlaps most. Images with scribbles are left
    out: they do not show where objects end.
    """
    found_in = []
    for one, image in zip(maps, images, strict=True):
        if not image.scribbled:
            found_in.append(scored_against(one, Clustering(one)(settings), image.labels))
        yield
    return ScoredObjects.of(found_in)


def smallest_size(images: list[TrainingImage], default: int) -> int:
    """Return the size in pixels below which an object is debris.

    Half of the size that 98 % of the annotated objects exceed, and less where they are few, as the
    smallest of ten is not the smallest of all; ``default`` if all annotations are scribbles.
    """
    sizes = object_sizes([image.labels for image in images if not image.scribbled])
    if not len(sizes):
        return default
    trust = len(sizes) / (len(sizes) + 20)
    return max(1, int(trust * np.percentile(sizes, 2) / 2))
