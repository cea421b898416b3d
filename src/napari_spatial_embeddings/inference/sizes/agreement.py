"""Agreement of what a model finds at neighbouring sizes, by which a size is chosen.

Where the size is right, a model finds the same objects a little larger or smaller as well. Where it
is wrong, objects are missed, cut or merged at random, and the next size has others. So the worth of
a size is the mean F1 of its objects and those of its neighbours, at an IoU of `SAME` and more,
weighted by how near they are, as a Gaussian of `REACH` steps.

On seven kinds of images, in their training folders, this chose better than mean score, seed values,
the area that objects cover, and how large they come out: see ``docs/tried.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.metrics import overlaps, scores_of

SAME = 0.6
"""IoU from which an object is found at two sizes."""

REACH, MOST = 2.0, 3
"""Standard deviation of the weights, and the farthest neighbours, in steps from size to size."""

SAMPLED = 12
"""Pixels that an object is wide, at least, when the two are compared."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found at one size.

    Parameters
    ----------
    diameter : float
        In pixels of the finest axis.
    window : tuple of D slices
        The part of the image that was looked at.
    labels : int32 (*S)
        Of that part.
    """

    diameter: float
    window: tuple[slice, ...]
    labels: NDArray[np.int32]

    def part(self, window: tuple[slice, ...], step: int) -> NDArray[np.int32]:
        """Return every so many pixels of a part of the image that was looked at."""
        own = zip(window, self.window, strict=True)
        box = (slice(w.start - o.start, w.stop - o.start, step) for w, o in own)
        return self.labels[tuple(box)]


def agreement(one: Found, other: Found) -> float:
    """Return the F1 score of two results, where both were looked at; 0 where nothing was found."""
    pairs = list(zip(one.window, other.window, strict=True))
    window = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in pairs)
    step = max(1, int(min(one.diameter, other.diameter) / SAMPLED))
    # Axes that are thin in pixels, such as few slices, are kept whole.
    step = min(step, max(1, min(part.stop - part.start for part in window) // SAMPLED))
    both = overlaps(one.part(window, step), other.part(window, step))
    if not len(both.truth_ids) or not len(both.predicted_ids):
        return 0.0
    return float(scores_of(both, (SAME,)).f1[0])


def worth(found: Sequence[Found]) -> NDArray[np.float64]:
    """Return the worth of each size, 0 to 1, of results of one image in the order of the sizes."""
    weights = np.exp(-0.5 * (np.arange(1, MOST + 1) / REACH) ** 2)
    out = np.zeros(len(found))
    for step, weight in enumerate(weights, 1):
        for k in range(len(found) - step):
            same = weight * agreement(found[k], found[k + step])
            out[k] += same
            out[k + step] += same
    out /= 2 * weights.sum()
    return out


def best_diameter(diameters: Sequence[float], values: NDArray[np.float64]) -> float | None:
    """Return the best diameter: the vertex of a parabola through the best one and its neighbours.

    Parameters
    ----------
    diameters : sequence of N floats
        Each larger than the one before by the same factor.
    values : float64 (N,)

    Returns
    -------
    float or None
        None if all values are 0.
    """
    k = int(np.argmax(values))
    if values[k] <= 0:
        return None
    if not 0 < k < len(values) - 1:
        return float(diameters[k])
    before, best, after = values[k - 1 : k + 2]
    shift = 0.5 * (before - after) / min(before - 2 * best + after, -1e-12)
    return float(diameters[k] * math.exp(shift * math.log(diameters[k + 1] / diameters[k])))
