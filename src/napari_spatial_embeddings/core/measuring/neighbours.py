"""Numbers of the objects that objects touch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .borders import steps_around


def count_neighbours(
    labels: NDArray[np.integer[Any]], ids: NDArray[np.integer[Any]]
) -> NDArray[np.int64]:
    """Return how many other objects each of some touches, at a corner at least.

    Parameters
    ----------
    labels : integers (*S), not negative
        With all pixels of these objects, and those around them.
    ids : integers (N,)
        The objects; no two are equal.

    Returns
    -------
    int64 (N,)
    """
    pairs = [np.zeros((0, 2), np.int64)]
    steps = steps_around(labels.ndim)
    for step in steps[len(steps) // 2 :]:  # the other half are the same pairs
        one, other = (
            labels[
                tuple(
                    slice(max(s, 0), n + min(s, 0))
                    for s, n in zip(sign * step, labels.shape, strict=True)
                )
            ]
            for sign in (-1, 1)
        )
        touch = (one != other) & (one > 0) & (other > 0)
        pairs.append(np.stack([one[touch], other[touch]], axis=1).astype(np.int64))
    both = np.concatenate(pairs)
    every = np.unique(np.concatenate([both, both[:, ::-1]]), axis=0)
    found, counts = np.unique(every[:, 0], return_counts=True)
    at = np.searchsorted(found, ids)
    known = np.append(found, -1)[at] == ids
    return np.where(known, np.append(counts, 0)[at], 0).astype(np.int64)
