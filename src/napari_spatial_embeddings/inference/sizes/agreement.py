"""Agreement of what a model finds at neighbouring sizes, by which a size is chosen.

Where the size is right, a model finds the same objects a little larger or smaller as well, and is
sure of them. Where it is wrong, objects are missed, cut or merged at random, and the next size has
others. So the worth of a size is the mean F1 of its objects and those of the next sizes, times a
power of the mean score of its objects. It is less where objects come out much larger or smaller
than they were taken to be. A few objects agree by chance: as many as `FEW` are added to each
comparison, and agree as those of wrong sizes do. If other images of the same kind are known,
`OTHERS` more are added, and agree as theirs do.

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

OTHERS = 60.0
"""Objects that are added for other images of the kind, which so decide where there are few."""

SURENESS = 6
"""Power of the mean score, which lies between 0.85 and 1 for most."""

WIDTH, SPREAD = 0.9, 0.7
"""Median diameter of the objects at the right size, in that size, and how far it strays (ln)."""

LARGER = 1.15
"""Size that is proposed, in sizes of the highest worth: half a step from one to the next.

Models do as well with objects that they see a little smaller, and find fewer pieces of them.
"""

SEEN = 12.0
"""Points of a network's grid that objects are seen wide at least: a model that knows narrower ones,
as models of volumes do, gets the size of the highest worth.
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


@dataclass(frozen=True, slots=True)
class Evidence:
    """Figures by which the sizes of an image are compared.

    Parameters
    ----------
    same, compared : float64 (N - 1,)
        Twice the objects that are found at a size and the next one, and the objects of both.
    sureness : float64 (N,)
        See `Found`.
    """

    same: NDArray[np.float64]
    compared: NDArray[np.float64]
    sureness: NDArray[np.float64]

    @property
    def f1(self) -> NDArray[np.float64]:
        """F1 of each size and the next one, (N - 1,), with those objects that agree by chance."""
        return np.asarray((self.same + FEW * BY_CHANCE) / (self.compared + FEW))

    def worth(self, others: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return the worth of each size, (N,), 0 to 1; by the F1 of other images, too."""
        f1 = self.f1
        if others is not None:
            count = self.compared + FEW
            f1 = (count * f1 + OTHERS * others) / (count + OTHERS)
        if not len(f1):
            return np.asarray(BY_CHANCE * self.sureness)
        beside = np.array([f1[max(0, k - 1) : k + 1].mean() for k in range(len(f1) + 1)])
        return np.asarray(beside * self.sureness)


def evidence(found: Sequence[Found]) -> Evidence:
    """Return the evidence of one image's results, in the order of their sizes."""
    counts = np.array([compared(*pair) for pair in pairwise(found)], float).reshape(-1, 2)
    return Evidence(counts[:, 0], counts[:, 1], np.array([one.sureness for one in found]))


def compared(one: Found, other: Found) -> tuple[int, int]:
    """Return twice the objects that two results share, and those of both, where both looked."""
    pairs = list(zip(one.window, other.window, strict=True))
    window = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in pairs)
    step = max(1, int(min(one.diameter, other.diameter) / SAMPLED))
    # Axes that are thin in pixels, such as few slices, are kept whole.
    step = min(step, max(1, min(part.stop - part.start for part in window) // SAMPLED))
    both = overlaps(one.part(window, step), other.part(window, step))
    return 2 * len(both.matched(SAME)), len(both.truth_ids) + len(both.predicted_ids)


def best_diameter(
    diameters: Sequence[float], values: NDArray[np.float64], working: float
) -> float | None:
    """Return the diameter to propose: by up to `LARGER` more than the vertex of a parabola.

    The parabola goes through the best worth and those beside it.

    Parameters
    ----------
    diameters : sequence of N floats
        Each larger than the one before by the same factor.
    values : float64 (N,)
    working : float
        Diameter that the model knows, in points of its grid.

    Returns
    -------
    float or None
        To a tenth of a pixel, at most the largest one; None if all values are 0.
    """
    k, shift = int(np.argmax(values)), 0.0
    if values[k] <= 0:
        return None
    if 0 < k < len(values) - 1:
        before, best, after = values[k - 1 : k + 2]
        shift = 0.5 * (before - after) / min(before - 2 * best + after, -1e-12)
        shift *= math.log(diameters[k + 1] / diameters[k])
    larger = float(np.clip(working / SEEN, 1.0, LARGER))
    return round(float(min(larger * diameters[k] * math.exp(shift), diameters[-1])), 1)
