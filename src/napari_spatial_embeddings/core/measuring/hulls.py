"""Number of pixels in the convex hull of an object."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.compiled import compiled

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
    if labels.ndim == 2 and math.prod(s.stop - s.start for s in box) <= AT_ONCE:
        return int(_in_plane(labels[box] == label))
    return _by_planes(labels, label, box)


def _by_planes(labels: NDArray[np.integer[Any]], label: int, box: tuple[slice, ...]) -> int:
    """Return it in any number of dimensions, a few lines of pixels at a time."""
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


@compiled()
def _in_plane(inside: NDArray[np.bool_]) -> int:
    """Return it for a mask (H, W), which is most of what is measured, in exact integers.

    Coordinates are twice those of pixels, and rows start at the upper face of the first pixel. The
    hull lies between a convex and a concave chain of points, one for each end of the rows.
    """
    height, width = inside.shape
    rows = 2 * height + 1
    # The second chain is that of the mirrored mask, so that both are convex.
    ends = np.full((2, rows), 2 * width + 1)
    for y in range(height):
        first, last = width, -1
        for x in range(width):
            if inside[y, x]:
                first, last = min(first, x), x
        if last < 0:
            continue
        for side, at in enumerate((first, width - 1 - last)):
            ends[side, 2 * y] = min(ends[side, 2 * y], 2 * at)
            ends[side, 2 * y + 1] = min(ends[side, 2 * y + 1], 2 * at - 1)
            ends[side, 2 * y + 2] = min(ends[side, 2 * y + 2], 2 * at)
    bounds = np.full((2, height), width)
    chain = np.empty(rows, np.int64)
    for side in range(2):
        end, n = ends[side], 0
        for row in range(rows):
            if end[row] > 2 * width:
                continue
            while n > 1:
                a, b = chain[n - 2], chain[n - 1]
                if (end[b] - end[a]) * (row - a) < (end[row] - end[a]) * (b - a):
                    break
                n -= 1
            chain[n] = row
            n += 1
        for k in range(n - 1):
            a, b = chain[k], chain[k + 1]
            for row in range(a + 1 - a % 2, b + 1, 2):
                step = 2 * (b - a)
                at = end[a] * (b - a) + (end[b] - end[a]) * (row - a)
                bounds[side, row // 2] = -(-at // step)
    count = 0
    for y in range(height):
        count += max(0, width - bounds[0, y] - bounds[1, y])
    return count
