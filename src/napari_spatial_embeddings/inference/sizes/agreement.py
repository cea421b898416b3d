"""Agreement of what a model finds at neighbouring sizes, by which a size is chosen.

Where the size is right, a model finds the same objects a little larger or smaller as well, and is
sure of them. Where it is wrong, objects are missed, cut or merged at random, and the next size has
others. So the worth of a size is the mean F1 of its objects and those of the next sizes, times a
power of the mean score of its objects. It is less where objects come out much larger or smaller
than they were taken to be. A few objects agree by chance: as many as `FEW` are added to each
comparison, and agree as those of wrong sizes do.

On seven kinds of images, in their training folders, this chose better than any of these alone, seed
values, and the area that objects cover: see ``docs/tried.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.metrics import overlaps

SAME = 0.5
"""IoU from which an object is found at two sizes."""

FEW, BY_CHANCE = 15.0, 0.2
"""Objects that are added to those that are compared, and F1 of these."""

SURENESS = 6
"""Power of the mean score, which lies between 0.85 and 1 for most."""

WIDTH, SPREAD = 0.9, 0.7
"""Median diameter of the objects at the right size, in that size, and how far it strays (ln)."""

LARGER = 1.15
"""Size that is proposed, in sizes of the highest worth: half a step from one to the next.

Models do as well with objects that they see a little smaller, and find fewer pieces of them.
"""

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
    score : float
        Mean of the objects' scores, 0 to 1; 0 without any.
    count : int
        Number of objects.
    width : float
        Their median diameter, in pixels of the finest axis.
    """

    diameter: float
    window: tuple[slice, ...]
    labels: NDArray[np.int32]
    score: float
    count: int
    width: float

    @property
    def sureness(self) -> float:
        """How sure the model is of its objects, and how well they fit the size, 0 to 1."""
        share = self.count / (self.count + FEW)
        strays = share * math.log(self.width / (WIDTH * self.diameter)) / SPREAD
        return float(self.score**SURENESS * math.exp(-0.5 * strays**2))

    def part(self, window: tuple[slice, ...], step: int) -> NDArray[np.int32]:
        """Return every so many pixels of a part of the image that was looked at."""
        own = zip(window, self.window, strict=True)
        box = (slice(w.start - o.start, w.stop - o.start, step) for w, o in own)
        return self.labels[tuple(box)]


def agreement(one: Found, other: Found) -> float:
    """Return the F1 score of two results, where both were looked at, as that of many objects."""
    pairs = list(zip(one.window, other.window, strict=True))
    window = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in pairs)
    step = max(1, int(min(one.diameter, other.diameter) / SAMPLED))
    # Axes that are thin in pixels, such as few slices, are kept whole.
    step = min(step, max(1, min(part.stop - part.start for part in window) // SAMPLED))
    both = overlaps(one.part(window, step), other.part(window, step))
    count = len(both.truth_ids) + len(both.predicted_ids)
    return (2 * len(both.matched(SAME)) + FEW * BY_CHANCE) / (count + FEW)


def worth(found: Sequence[Found]) -> NDArray[np.float64]:
    """Return the worth of each size, 0 to 1, of results of one image in the order of the sizes."""
    same = [agreement(one, other) for one, other in pairwise(found)]
    beside = [same[max(0, k - 1) : k + 1] or [BY_CHANCE] for k in range(len(found))]
    return np.array([np.mean(f1) * x.sureness for x, f1 in zip(found, beside, strict=True)])


def best_diameter(diameters: Sequence[float], values: NDArray[np.float64]) -> float | None:
    """Return the diameter to propose: by `LARGER` more than the vertex of a parabola.

    The parabola goes through the best worth and those beside it.

    Parameters
    ----------
    diameters : sequence of N floats
        Each larger than the one before by the same factor.
    values : float64 (N,)

    Returns
    -------
    float or None
        At most the largest one; None if all values are 0.
    """
    k, shift = int(np.argmax(values)), 0.0
    if values[k] <= 0:
        return None
    if 0 < k < len(values) - 1:
        before, best, after = values[k - 1 : k + 2]
        shift = 0.5 * (before - after) / min(before - 2 * best + after, -1e-12)
        shift *= math.log(diameters[k + 1] / diameters[k])
    return float(min(LARGER * diameters[k] * math.exp(shift), diameters[-1]))
