"""Held-out objects: annotated objects that are kept out of a training, to choose the best model by.

A network learns a few annotated objects by heart long before its time is over, and may forget
meanwhile how to segment others. Only objects that it is not trained on show when.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.core.object_size import typical_diameter
from napari_spatial_embeddings.inference.model_card import Places

from .annotation import TrainingImage
from .held_out import LEAST, NEW_SHARE, number_held_out
from .places import object_pixels, objects_at


def hold_out_objects(
    annotated: Sequence[TrainingImage],
    learned: Sequence[TrainingImage] | None = None,
    places: Places | None = None,
) -> tuple[list[TrainingImage], list[TrainingImage]]:
    """Split annotations into those to train on and those to validate on.

    Each object has surroundings: the background that is nearer to it than to any other object. They
    go with it, as they show where it ends.

    Not held out are what the start model has learned from, what a model proposed, as it would agree
    with itself, and the only object of a class. New objects are held out first, up to a share of
    them, and then those that were before: when training goes on with more annotations, others are
    held out, and what was is learned from. Which of the new ones follows from where they lie.

    Parameters
    ----------
    annotated : sequence of TrainingImage
        What is scored.
    learned : sequence of TrainingImage, optional
        The same images with completed scribbles, which are trained on; ``annotated`` if not given.
    places : Places, optional
        Of the objects of its start model's earlier trainings; None if there were none.

    Returns
    -------
    tuple of two lists of TrainingImage
        In the first, held-out objects and the surroundings within a diameter of them are unknown.
        In the second, which is empty if not even two can be held out, all else is; but scribbles in
        the other objects are background, as no held-out object may reach there.
    """
    chosen = _chosen(annotated, places or Places())
    if len(chosen) < LEAST:
        return list(learned or annotated), []
    training, validation = [], []
    for i, (own, whole) in enumerate(zip(annotated, learned or annotated, strict=True)):
        labels = [k for j, k in chosen if j == i]
        training.append(_without_objects(whole, labels))
        if labels:
            validation.append(_objects_alone(own, labels))
    return training, validation


def _chosen(images: Sequence[TrainingImage], places: Places) -> list[tuple[int, int]]:
    """Return which objects are held out: the number of the image, and the label."""
    new: list[tuple[float, int, int]] = []
    before: list[tuple[float, int, int]] = []
    for i, image in enumerate(images):
        unseen, again = unseen_objects(image, places)
        origin = image.origin or (0,) * image.labels.ndim
        for k, where in object_pixels(image.labels):
            if unseen[k]:
                drawn = _draw(where.mean(0) + origin), i, k
                (before if again[k] else new).append(drawn)
    number = number_held_out(sum(image.n_drawn for image in images))
    left = Counter(int(c) for image in images for c in image.classes[1:])
    chosen: list[tuple[int, int]] = []
    for some, most in (new, min(number, int(NEW_SHARE * len(new)))), (before, number):
        for _, i, k in sorted(some):
            kind = int(images[i].classes[k])
            if left[kind] > 1 and len(chosen) < most:
                left[kind] -= 1
                chosen.append((i, k))
    return chosen


def unseen_objects(
    image: TrainingImage, places: Places
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which labels, (N + 1,), could be held out, and which of them were before."""
    seen = objects_at(image, places.learned)
    if image.proposed is not None:
        seen |= image.proposed
    seen[0] = True
    return ~seen, ~seen & objects_at(image, places.held_out)


def _draw(centre: NDArray[np.float64]) -> float:
    """Return a random number, always the same for a place."""
    return float(np.random.default_rng([int(x) for x in centre]).random())


def _surroundings(
    image: TrainingImage, own: NDArray[np.bool_], reach: float = np.inf
) -> NDArray[np.bool_]:
    """Return the background that is nearer to some objects than to others, up to a distance."""
    far, nearest = ndi.distance_transform_edt(
        image.labels <= 0, sampling=image.spacing, return_indices=True
    )
    near: NDArray[np.bool_] = (image.labels == 0) & own[tuple(nearest)] & (far <= reach)
    return near


def _without_objects(image: TrainingImage, chosen: Sequence[int]) -> TrainingImage:
    """Return an image in which some objects, and what is around them, are unknown."""
    own = np.isin(image.labels, chosen)
    if not own.any():
        return image
    if image.scribbled:  # background is where the user painted it
        return without(image, own)
    diameter = typical_diameter([image.labels], image.spacing or (1.0,) * own.ndim)
    return without(image, own | _surroundings(image, own, diameter))


def _objects_alone(image: TrainingImage, chosen: Sequence[int]) -> TrainingImage:
    """Return an image in which some objects, and what is around them, are all that is known."""
    own = np.isin(image.labels, chosen)
    others = (image.labels > 0) & ~own
    if image.scribbled:
        alone = without(image, others)
        return replace(alone, labels=np.where(others, np.int32(0), alone.labels))
    return without(image, ~own & ~_surroundings(image, own))


def without(image: TrainingImage, where: NDArray[np.bool_]) -> TrainingImage:
    """Return an image in which some pixels are unknown; the objects left are numbered from 1.

    Parameters
    ----------
    image : TrainingImage
    where : bool (*S)
    """
    labels = np.where(where, np.int32(IGNORE), image.labels)
    left = np.unique(labels[labels > 0])
    table = np.zeros(len(image.classes), np.int32)
    table[left] = np.arange(1, len(left) + 1)
    labels = np.where(labels > 0, table[np.maximum(labels, 0)], labels)
    kept = np.append(0, left)
    proposed = None if image.proposed is None else image.proposed[kept]
    return replace(image, labels=labels, classes=image.classes[kept], proposed=proposed)
