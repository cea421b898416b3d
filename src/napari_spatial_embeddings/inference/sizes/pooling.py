"""Sizes of objects in many images of a kind, by what searches in some of them find together.

A search in one image has few objects to go by. What holds for the others of its kind is added to
what is seen in it, see `agreement`. Where the images that are searched agree about one size, it is
taken for all, and no other image is searched: see ``docs/tried.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .agreement import best_diameter
from .search import FoundSize, chosen

SAMPLE = 6
"""Images of a set in which is searched."""

ALIKE = 0.98
"""Worth of one size for all from which it is taken, in the mean worth of each image's own best."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What searches in some images of a kind found.

    Parameters
    ----------
    f1 : dict
        Mean F1 of each diameter and the next one, by that diameter in pixels of the finest axis.
    diameter : float, optional
        The one that is best for all of them; None if fewer than two hold objects.
    share : float
        What it is worth, in the mean worth of each one's own best: 1 if all are alike.
    count : int
        Images in which objects were found.
    """

    f1: dict[float, float]
    diameter: float | None
    share: float
    count: int

    @property
    def common(self) -> float | None:
        """The diameter for all images of the kind; None if they differ."""
        return self.diameter if self.share >= ALIKE else None

    def again(self, found: FoundSize, working: float) -> FoundSize:
        """Return what follows for one of the images, by what is known of the others."""
        return chosen(found.diameters, found.evidence, working, self.f1)


def sample(count: int, most: int = SAMPLE) -> list[int]:
    """Return which of so many images are searched, evenly spread."""
    few = min(most, count)
    return [int((k + 0.5) * count / few) for k in range(few)]


def pooled(found: Sequence[FoundSize], working: float) -> Pool:
    """Return what searches in some images of a kind found together.

    Parameters
    ----------
    found : sequence of FoundSize
        Of each image, searched alone by one model.
    working : float
        Diameter that the model knows, in points of its grid.
    """
    told = [one for one in found if one.diameter is not None]
    if len(told) < 2:
        return Pool({}, None, 0.0, len(told))
    f1: dict[float, list[float]] = {}
    for one in told:
        mean = np.mean([own.f1 for own in one.evidence], 0)
        for diameter, value in zip(one.diameters, mean, strict=False):  # the last has no next one
            f1.setdefault(diameter, []).append(float(value))
    # An image that is too small for a size is no evidence for it.
    worths = [dict(zip(one.diameters, one.worth, strict=True)) for one in told]
    diameters = sorted({diameter for one in worths for diameter in one})
    table = np.array([[one.get(d, 0.0) for d in diameters] for one in worths])
    mean = table.mean(0)
    share = float(mean.max() / table.max(1).mean())
    means = {diameter: float(np.mean(values)) for diameter, values in f1.items()}
    return Pool(means, best_diameter(diameters, mean, working), share, len(told))
