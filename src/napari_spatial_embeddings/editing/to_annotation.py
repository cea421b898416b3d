"""Found objects copied into an annotation, to be trained on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.errors import InputError

Labels = NDArray[np.int32]


def adopt(
    annotation: Labels, instances: Instances, labels: Iterable[int]
) -> tuple[Labels, dict[int, int]]:
    """Add objects to an annotation, under ids that it does not use yet.

    Annotated pixels stay as they are. An object most of whose pixels are annotated already is
    skipped.

    Parameters
    ----------
    annotation : int32 (*S)
        0 is free.
    instances : Instances
    labels : iterable of ints
        Which objects.

    Returns
    -------
    annotation : int32 (*S)
        A new array.
    classes : dict
        Index of the class of each object that is new in it.

    Raises
    ------
    InputError
        If the annotation is of an image of another shape.
    """
    if annotation.shape != instances.labels.shape:
        raise InputError(
            f"the annotation has shape {annotation.shape}, the objects {instances.labels.shape};"
            " they must cover the same image"
        )
    wanted = np.isin(instances.ids, list(labels))
    n = int(instances.ids.max(initial=0)) + 1
    free = np.bincount(instances.labels[annotation == 0], minlength=n)
    chosen = wanted & (2 * free[instances.ids] > instances.size)
    first = int(annotation.max(initial=0)) + 1
    table = np.zeros(n, np.int32)
    table[instances.ids[chosen]] = np.arange(first, first + int(chosen.sum()), dtype=np.int32)
    new = np.where(annotation == 0, table[instances.labels], annotation)
    index = instances.class_index[chosen].tolist()
    return new.astype(np.int32, copy=False), dict(enumerate(index, first))


def inside(instances: Instances, region: NDArray[np.bool_]) -> list[int]:
    """Return the labels of the objects that a region (*S) holds or cuts."""
    found = np.unique(instances.labels[region])
    return [int(label) for label in found if label > 0]
