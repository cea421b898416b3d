"""Objects that were found become objects that are drawn, to be trained on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.errors import InputError

Labels = NDArray[np.int32]


def adopt(
    drawn: Labels, instances: Instances, labels: Iterable[int]
) -> tuple[Labels, dict[int, int]]:
    """Add objects to an annotation, under ids that it does not use yet.

    What is drawn stays as it is. An object of which most is drawn already is passed over: it was
    adopted before, or drawn by hand.

    Parameters
    ----------
    drawn : int32 (*S)
        The annotation; 0 is free.
    instances : Instances
    labels : iterable of ints
        Which objects.

    Returns
    -------
    drawn : int32 (*S)
        A new array.
    classes : dict
        Index of the class of each object that is new in it.

    Raises
    ------
    InputError
        If the annotation is of an image of another shape.
    """
    if drawn.shape != instances.labels.shape:
        raise InputError(
            f"the annotation has shape {drawn.shape}, the objects {instances.labels.shape}; they"
            " must cover the same image"
        )
    wanted = np.isin(instances.ids, list(labels))
    n = int(instances.ids.max(initial=0)) + 1
    free = np.bincount(instances.labels[drawn == 0], minlength=n)
    chosen = wanted & (2 * free[instances.ids] > instances.size)
    first = int(drawn.max(initial=0)) + 1
    table = np.zeros(n, np.int32)
    table[instances.ids[chosen]] = np.arange(first, first + int(chosen.sum()), dtype=np.int32)
    new = np.where(drawn == 0, table[instances.labels], drawn)
    index = instances.class_index[chosen].tolist()
    return new.astype(np.int32, copy=False), dict(enumerate(index, first))


def inside(instances: Instances, region: NDArray[np.bool_]) -> list[int]:
    """Return the labels of the objects that a region (*S) holds or cuts."""
    found = np.unique(instances.labels[region])
    return [int(label) for label in found if label > 0]
