"""Object sizes in label images: typical diameter, largest reach, ring around objects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

RING_WIDTH = 0.35
"""Width of the ring of background around an annotated object, in typical diameters."""


def ring(labels: NDArray[np.int32], spacing: tuple[float, ...]) -> NDArray[np.bool_]:
    """Return where the objects of a label image are, and the ring of background around them."""
    width = max(2.0, RING_WIDTH * typical_diameter([labels], spacing))
    far = ndi.distance_transform_edt(labels <= 0, sampling=spacing)
    return np.asarray(far <= width)


def object_sizes(labels: Sequence[NDArray[np.integer]]) -> NDArray[np.int64]:
    """Return the sizes of all objects of some label images, in pixels."""
    counts = [np.bincount(a[a > 0].ravel()) for a in labels]
    sizes = np.concatenate([np.zeros(0, np.int64), *counts])
    found: NDArray[np.int64] = sizes[sizes > 0]
    return found


def typical_diameter(
    labels: Sequence[NDArray[np.integer]],
    spacing: tuple[float, ...],
    own: Sequence[tuple[float, ...] | None] = (),
) -> float:
    """Return the median diameter of the objects, in pixels of the finest axis.

    An object's diameter is that of the disc (ball) of the same area (volume); 20 without objects.

    Parameters
    ----------
    labels : sequence of integers (*S)
    spacing : tuple of D floats
    own : sequence of tuples, optional
        Spacing of each label image; None where it is ``spacing``, as it is of all if not given.
    """
    scaled = [
        object_sizes([array]) * float(np.prod(unit))
        for array, unit in _with_spacing(labels, spacing, own)
    ]
    sizes = np.concatenate([np.zeros(0), *scaled])
    if not len(sizes):
        return 20.0
    median = float(np.median(sizes))
    return 2 * math.sqrt(median / math.pi) if len(spacing) == 2 else math.cbrt(6 * median / math.pi)


def largest_reach(
    labels: Sequence[NDArray[np.integer]],
    spacing: tuple[float, ...],
    own: Sequence[tuple[float, ...] | None] = (),
) -> float:
    """Return the largest distance from an object's centroid to its own bounding box's corners.

    Parameters are those of `typical_diameter`.
    """
    reach = 1.0
    for array, units in _with_spacing(labels, spacing, own):
        for box in ndi.find_objects(np.maximum(array, 0)):
            if box is not None:
                sides = [(s.stop - s.start) * u for s, u in zip(box, units, strict=True)]
                reach = max(reach, float(np.linalg.norm(sides)) / 2)
    return reach


def _with_spacing(
    labels: Sequence[NDArray[np.integer]],
    spacing: tuple[float, ...],
    own: Sequence[tuple[float, ...] | None],
) -> Iterator[tuple[NDArray[np.integer], tuple[float, ...]]]:
    for array, one in zip(labels, own or [None] * len(labels), strict=True):
        yield array, one or spacing
