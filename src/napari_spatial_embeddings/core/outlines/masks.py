"""Masks of objects, each within its bounding box."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.label_values import numbered

MAX_LISTED = 2**22
"""The highest label up to which there may be a place in a list for each."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectMask:
    """The pixels of one object.

    Parameters
    ----------
    label : int, > 0
    start : tuple of D ints
        Index of the box's first pixel.
    mask : bool (*box)
        Where the object is in its box.
    """

    label: int
    start: tuple[int, ...]
    mask: NDArray[np.bool_]

    @property
    def box(self) -> tuple[slice, ...]:
        """The box in the label image."""
        return tuple(
            slice(first, first + n) for first, n in zip(self.start, self.mask.shape, strict=True)
        )


def boxes_of(labels: NDArray[np.integer[Any]]) -> Iterator[tuple[int, tuple[slice, ...]]]:
    """Yield each label above 0 with its bounding box, in ascending order.

    Parameters
    ----------
    labels : integers (*S), not negative
    """
    from scipy import ndimage as ndi

    top = int(labels.max(initial=0))
    if top <= MAX_LISTED:
        ids: NDArray[Any] | range = range(top + 1)
    else:
        ids, labels = numbered(labels)
    for place, box in enumerate(ndi.find_objects(labels) if top else (), 1):
        if box is not None:
            yield int(ids[place]), box


def masks_of(labels: NDArray[np.integer[Any]]) -> Iterator[ObjectMask]:
    """Yield the mask of each object, in ascending order of the labels.

    Parameters
    ----------
    labels : integers (*S), not negative
    """
    for label, box in boxes_of(labels):
        yield ObjectMask(label, tuple(part.start for part in box), labels[box] == label)


def in_slice(masks: Iterable[ObjectMask], z: int) -> Iterator[ObjectMask]:
    """Yield the mask in a slice of each object of a volume that is in it.

    Parameters
    ----------
    masks : iterable of ObjectMask
        With three axes.
    z : int
        Index of the slice.
    """
    for one in masks:
        first, *start = one.start
        if 0 <= z - first < len(one.mask) and (plane := one.mask[z - first]).any():
            yield ObjectMask(one.label, tuple(start), plane)
