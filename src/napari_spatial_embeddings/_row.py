"""What is known about one object, and which pixel and embedding stand for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .clustering import Instances
from .errors import InputError
from .maps import EmbeddingMaps


@dataclass(frozen=True, slots=True)
class Row:
    """What is known about an object; its row in the columns of `corrections.Corrections`."""

    index: int
    score: float
    centre: NDArray[np.floating]
    sigma: NDArray[np.floating]
    seed_pixel: NDArray[np.integer]


def row_of(instances: Instances, label: int) -> Row:
    """Return what is known about an object.

    Raises
    ------
    InputError
        If there is no object of this label.
    """
    k = np.flatnonzero(instances.label == label)
    if not len(k):
        raise InputError(f"there is no object {label}; choose a pixel inside an object")
    return Row(*(getattr(instances, name)[k[0]] for name in Row.__slots__))


def fit(maps: EmbeddingMaps, at: NDArray[np.integer], index: int | None = None) -> Row:
    """Let the surest of some pixels (n, D) stand for their object, as in the clustering.

    Its class is that of the highest seed value there, if none is given.
    """
    seeds = maps.seed[(slice(None), *at.T)]
    best = at[int(np.nan_to_num(seeds).max(0).argmax())]
    there = (slice(None), *best)
    seed = np.nan_to_num(maps.seed[there])
    return Row(
        int(seed.argmax()) if index is None else index,
        float(seed.max()),
        maps.embeddings_at(best[None])[0],
        np.broadcast_to(maps.sigma[there], (maps.ndim,)),
        best,
    )


def squares(
    e: NDArray[np.floating], centre: NDArray[np.floating], sigma: NDArray[np.floating] | float
) -> NDArray[np.floating]:
    """Return the squared distances of points (n, D) from a centre in units of sigma."""
    with np.errstate(all="ignore"):  # what is not a number is near to nothing
        squared: NDArray[np.floating] = (((e - centre) / sigma) ** 2).sum(1)
    return squared
