"""Locked objects copied from one frame of a time series to another, as proposals there."""

from __future__ import annotations

import numpy as np

from napari_spatial_embeddings.core.instances import (
    Corrections,
    Instances,
    Row,
    fit,
    unused_ids,
)
from napari_spatial_embeddings.core.maps import EmbeddingMaps

from .corrections import with_objects


def carried_locks(
    source: Corrections, target: Corrections, instances: Instances, maps: EmbeddingMaps
) -> Corrections:
    """Return the corrections of a frame with the locked objects of another one copied to it.

    What is locked or deleted there stays as it is; an object that lies for the most part on such
    pixels is left out. One takes the label of the object whose place it takes (an IoU of half or
    more), and keeps its class; what is deleted on the source is not copied.

    Parameters
    ----------
    source : Corrections
    target : Corrections
    instances : Instances
        Of the target, with its corrections.
    maps : EmbeddingMaps
        Of the target.
    """
    labels, rows = target.labels.copy(), dict[int, Row]()
    size = dict(zip(instances.ids.tolist(), instances.size.tolist(), strict=True))
    taken = {*target.ids.tolist()}
    for label, index in zip(source.ids.tolist(), source.class_index.tolist(), strict=True):
        own = np.nonzero(source.labels == label)
        free = labels[own] == 0
        if 2 * int(free.sum()) <= len(free):
            continue
        at = tuple(axis[free] for axis in own)
        below, shared = np.unique(instances.labels[at], return_counts=True)
        new = None
        for k in np.argsort(-shared).tolist():
            candidate, both = int(below[k]), int(shared[k])
            union = int(free.sum()) + size.get(candidate, 0) - both
            if candidate > 0 and candidate not in taken and 2 * both >= union:
                new = candidate
                break
        if new is None:
            used = np.union1d(instances.ids, np.array([*taken], np.int32))
            new = int(unused_ids(used, 1)[0])
        taken.add(new)
        labels[at] = new
        rows[new] = fit(maps, np.stack(at, 1), min(index, len(maps.seed) - 1))
    return with_objects(target, labels, rows)
