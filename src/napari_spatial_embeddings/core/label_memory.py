"""Labels of objects that were found earlier, for when they are found again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .instances import Instances, unused_ids
from .maps import SQUARED_MARGIN

LIMIT = 20_000
"""Objects that are remembered at most, the latest."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelMemory:
    """K objects that were found before and are not found now.

    Parameters
    ----------
    ids : int32 (K,)
        Their labels.
    centre, sigma : float32 (K, D), pixels of the finest axis
        As in `Instances`.
    """

    ids: NDArray[np.int32]
    centre: NDArray[np.float32]
    sigma: NDArray[np.float32]

    @classmethod
    def of(cls, instances: Instances) -> LabelMemory:
        """Return the memory of some instances."""
        fine = np.isfinite(instances.centre).all(1)
        return cls(instances.ids[fine], instances.centre[fine], instances.sigma[fine])

    def without(self, ids: NDArray[np.integer]) -> LabelMemory:
        """Return the memory without some labels."""
        keep = ~np.isin(self.ids, ids)
        return LabelMemory(self.ids[keep], self.centre[keep], self.sigma[keep])

    def moved(self, by: NDArray[np.floating]) -> LabelMemory:
        """Return the memory with centres moved by (D,) pixels of the finest axis."""
        return LabelMemory(self.ids, self.centre + by.astype(np.float32), self.sigma)

    def then(self, later: LabelMemory) -> LabelMemory:
        """Return this memory and a later one, whose labels count where both have them."""
        own = self.without(later.ids)
        return LabelMemory(
            np.concatenate([own.ids, later.ids])[-LIMIT:],
            np.concatenate([own.centre, later.centre])[-LIMIT:],
            np.concatenate([own.sigma, later.sigma])[-LIMIT:],
        )


def recalled(
    found: Instances, before: Instances, memory: LabelMemory | None
) -> tuple[Instances, LabelMemory]:
    """Give objects that come back the labels that they had.

    An object that a prediction of part of the image, another model or a high threshold leaves out
    may be found by the prediction or clustering after the next. It is the same one if its centre
    lies within the margin of that of the object of then.

    Parameters
    ----------
    found : Instances
        Clustered like ``before``, whose labels they share where they are the same objects.
    before : Instances
    memory : LabelMemory, optional
        Of what was found before that.

    Returns
    -------
    instances : Instances
    memory : LabelMemory
        For the next time.
    """
    gone = LabelMemory.of(before).without(found.ids)
    if memory is not None:
        memory = memory.without(before.ids)
        found = remembered(found, before.ids, memory)
        gone = memory.without(found.ids).then(gone)
    return found, gone


def remembered(found: Instances, before: NDArray[np.int32], memory: LabelMemory) -> Instances:
    """Return instances of which the new ones have remembered labels, or labels never given.

    Parameters
    ----------
    found : Instances
    before : int32 (N,)
        Labels given before; instances with others are new.
    memory : LabelMemory
        Of what else was found before.
    """
    new = np.flatnonzero(~np.isin(found.ids, before))
    new = new[~found.locked[new] & np.isfinite(found.centre[new]).all(1)]
    locked = found.ids[found.locked]
    memory = memory.without(locked)
    if not len(new) or not len(memory.ids):
        return found
    _, nearest = cKDTree(memory.centre).query(found.centre[new])
    apart = (found.centre[new] - memory.centre[nearest]) / memory.sigma[nearest]
    near = (apart**2).sum(1) < SQUARED_MARGIN
    known, first = np.unique(nearest[near], return_index=True)
    ids = found.ids.copy()
    ids[new] = 0
    ids[new[near][first]] = memory.ids[known]
    rest = np.flatnonzero(ids == 0)
    ids[rest] = unused_ids(np.unique(np.concatenate([ids, before, memory.ids])), len(rest))
    table = np.zeros(int(found.ids.max(initial=0)) + 1, np.int32)
    table[found.ids] = ids
    return replace(found, ids=ids, labels=table[found.labels])
