"""Held-out objects: annotated objects that are kept out of a training, to choose the best model by.

A network learns a few annotated objects by heart long before its time is over, and may forget
meanwhile how to segment others. Only objects that it is not trained on show when.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.core.maps import IGNORE

from .annotation import TrainingImage

SHARE, MOST = 0.3, 20
"""Share of the objects that are held out, and their largest number."""


def hold_out_objects(
    images: list[TrainingImage],
) -> tuple[list[TrainingImage], list[TrainingImage]]:
    """Split annotations into those to train on and those to validate on.

    Which objects are held out follows from where they lie: a later training, with more annotations,
    mostly holds out those that an earlier one did, so that its start model has not seen them. What
    a model proposed is not held out: it would agree with itself.

    Returns
    -------
    tuple of two lists of TrainingImage
        In the first, held-out objects and the ring around them are unknown; in the second, the
        other objects are, and so is their ring.
    """
    places = [
        (_draw(where.mean(0)), i, k)
        for i, image in enumerate(images)
        for k in range(1, image.n_objects + 1)
        if (image.proposed is None or not image.proposed[k])
        and len(where := np.argwhere(image.labels == k))
    ]
    chosen = sorted(places)[: min(MOST, round(SHARE * len(places)))]
    parts = [_split(image, [k for _, j, k in chosen if j == i]) for i, image in enumerate(images)]
    return [a for a, _ in parts], [b for _, b in parts if b.n_objects]


def _draw(centre: NDArray[np.float64]) -> float:
    """Return a random number, always the same for a place."""
    return float(np.random.default_rng([int(x) for x in centre]).random())


def _split(image: TrainingImage, chosen: list[int]) -> tuple[TrainingImage, TrainingImage]:
    """Return an image without some objects, and with these alone."""
    own = np.isin(image.labels, chosen)
    others = (image.labels > 0) & ~own
    around = np.zeros(own.shape, bool)
    beside = np.zeros(own.shape, bool)
    if image.ring is not None and own.any():
        nearest = ndi.distance_transform_edt(
            image.labels <= 0, return_distances=False, return_indices=True
        )
        around = image.ring & own[tuple(nearest)]
        beside = image.ring & ~around
    return without(image, own | around), without(image, others | beside)


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
    ring = None if image.ring is None else image.ring & ~where
    kept = np.append(0, left)
    proposed = None if image.proposed is None else image.proposed[kept]
    return replace(image, labels=labels, classes=image.classes[kept], ring=ring, proposed=proposed)
