"""Places of the objects that a model has learned from, or that were held out when it did.

By them a later training holds out others, of which its start model knows nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.inference.model_card import Places

from .annotation import TrainingImage

MOST_PLACES = 1000
"""Places that are kept of a model; beyond, none are, and what it has learned from is not known."""

PATCH = 2
"""Pixels to either side of a place that its checksum is of: by it images differ."""


def with_places(
    before: Places | None, images: Sequence[TrainingImage], held_out: Sequence[TrainingImage]
) -> Places | None:
    """Return the places of a model's earlier trainings, and of one that follows them.

    Parameters
    ----------
    before : Places, optional
        None if they are not known.
    images : sequence of TrainingImage
        All that is annotated.
    held_out : sequence of TrainingImage
        What of it is not learned.
    """
    if before is None or sum(image.n_objects for image in images) > MOST_PLACES:
        return None
    aside = dict.fromkeys(chain.from_iterable(map(_places, held_out)))
    known = dict.fromkeys([*map(tuple, before.learned), *chain.from_iterable(map(_places, images))])
    learned = [list(place) for place in known if place not in aside]
    if len(learned) > MOST_PLACES:
        return None
    return Places(learned=learned, held_out=[list(place) for place in aside])


def objects_at(image: TrainingImage, places: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
    """Return which labels of an image, (N + 1,), lie at some places, though they may be edited."""
    found = np.zeros(len(image.classes), bool)
    for *index, checksum in places:
        at = _inside(image, index)
        if at is not None and image.labels[at] > 0:
            found[image.labels[at]] |= checksum == _checksum(image, at)
    return found


def _places(image: TrainingImage) -> Iterator[tuple[int, ...]]:
    origin = image.origin or (0,) * image.labels.ndim
    for _, where in object_pixels(image.labels):
        middle = where[np.argmin(((where - where.mean(0)) ** 2).sum(1))].tolist()
        yield *np.add(middle, origin).tolist(), _checksum(image, tuple(middle))


def object_pixels(labels: NDArray[np.int32]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield each label above 0 and its pixels, (M, D)."""
    for label, box in enumerate(ndi.find_objects(np.maximum(labels, 0)), 1):
        if box is not None:
            start = [part.start for part in box]
            yield label, np.argwhere(labels[box] == label) + start


def _inside(image: TrainingImage, index: list[int]) -> tuple[int, ...] | None:
    if len(index) != image.labels.ndim:
        return None
    at = np.subtract(index, image.origin or 0)
    inside = (at >= 0).all() and (at < image.labels.shape).all()
    return tuple(at.tolist()) if inside else None


def _checksum(image: TrainingImage, at: tuple[int, ...]) -> int:
    window = tuple(slice(max(0, i - PATCH), i + PATCH + 1) for i in at)
    pixels = np.asarray(image.image[(slice(None), *window)], np.float32)
    return zlib.crc32(np.ascontiguousarray(pixels).data)
