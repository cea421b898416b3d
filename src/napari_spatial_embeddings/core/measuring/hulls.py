"""Number of pixels in the convex hull of an object."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

AT_ONCE = 2**22
"""Pixels of a bounding box that are in memory at once."""

CROSSED = 2**18
"""Points in which lines cross planes that are in memory at once; a cache holds them."""

NEAR = 1e-8
"""Distance in pixels up to which a pixel's middle counts as on the hull."""


def hull_size(labels: NDArray[np.integer[Any]], label: int, box: tuple[slice, ...]) -> int:
    """Return how many pixels have their middle in the convex hull of an object, or on it.

    The hull is that of the middles of the pixels' faces, as `skimage.morphology.convex_hull_image`
    has it, so that what is flat, or a single pixel, has one too.

    Parameters
    ----------
    labels : integers (*S)
    label : int
        Of the object.
    box : tuple of D slices
        Its bounding box.
    """
    from scipy.spatial import ConvexHull

    ends = _ends(labels, label, box)
    half = np.eye(labels.ndim) / 2
    points = (ends[:, None] + np.concatenate([half, -half])).reshape(-1, labels.ndim)
    return _inside(ConvexHull(points).equations, tuple(s.stop - s.start for s in box))


def _ends(
    labels: NDArray[np.integer[Any]], label: int, box: tuple[slice, ...]
) -> NDArray[np.int64]:
    """Return the first and last pixel of the object in each line along the last axis, (M, D)."""
    shape = tuple(s.stop - s.start for s in box)
    many = max(1, AT_ONCE // max(1, int(np.prod(shape[1:]))))
    found = []
    for start in range(0, shape[0], many):
        top = box[0].start + start
        part = labels[(slice(top, min(top + many, box[0].stop)), *box[1:])] == label
        lines = np.nonzero(part.any(-1))
        here = part[lines]
        first = here.argmax(-1)
        last = shape[-1] - 1 - here[:, ::-1].argmax(-1)
        place = [lines[0] + start, *lines[1:]]
        found += [np.stack([*place, end], axis=1) for end in (first, last)]
    return np.concatenate(found)


def _inside(equations: NDArray[np.float64], shape: tuple[int, ...]) -> int:
    """Count the points of a grid on the inner side of all planes (F, D + 1), line by line."""
    slope, rest = equations[:, -2], np.delete(equations, -2, axis=1)
    up, down = slope > 1e-12, slope < -1e-12
    level = ~up & ~down
    above, below = (-rest[side].T / slope[side] for side in (up, down))
    lines, many, count = int(np.prod(shape[:-1])), max(1, CROSSED // len(equations)), 0
    for start in range(0, lines, many):
        flat = np.arange(start, min(start + many, lines))
        at = np.stack([*np.unravel_index(flat, shape[:-1]), np.ones(len(flat))], axis=1)
        # A plane bounds the line from above, from below, or leaves out all of it.
        last = np.floor((at @ above).min(1) + NEAR)
        first = np.ceil((at @ below).max(1) - NEAR)
        points = np.maximum(last - first + 1, 0)
        count += int(points[(at @ rest[level].T <= NEAR).all(1)].sum())
    return count
