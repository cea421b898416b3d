"""Found objects and their corrections copied into an annotation, to be trained on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.core.instances import NOTHING, Corrections, Instances
from napari_spatial_embeddings.errors import InputError

from .corrections import GAP

Labels = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Adopted:
    """An annotation with the corrections of an image added to it.

    Parameters
    ----------
    labels : int32 (*S)
        The annotation with the locked objects.
    classes : dict
        Index of the class of each object that is new in it.
    background : bool (*S)
        Free pixels that the corrections show to be background.
    known : int
        Locked objects that were annotated already.
    gaps : int
        Merged objects of which a gap between their parts was closed.
    split, deleted : int
        Borders of split objects, and deleted objects, that are background now.
    """

    labels: Labels
    classes: dict[int, int]
    background: NDArray[np.bool_]
    known: int
    gaps: int
    split: int
    deleted: int


def adopt_corrections(
    annotation: Labels, instances: Instances, corrections: Corrections
) -> Adopted:
    """Add corrections to an annotation: locked objects, and where there is background.

    Annotated pixels stay as they are. A gap between the parts of a merged object becomes part of
    it. Background is where objects were deleted, and one row of pixels along the border of two
    objects that were split from each other.

    Parameters
    ----------
    annotation : int32 (*S)
        0 is free.
    instances : Instances
        With the corrections.
    corrections : Corrections

    Raises
    ------
    InputError
        If the annotation is of an image of another shape.
    """
    closed, gaps = _without_gaps(instances, corrections)
    labels, classes = adopt(annotation, closed, corrections.ids.tolist())
    free = annotation == 0
    border, split = np.zeros_like(free), 0
    for one, other in corrections.split:
        between = _beside(closed.labels, int(one), int(other), free)
        border |= between
        split += bool(between.any())
    # What was erased is not part of them: around a locked object it is background anyway.
    pieces, _ = ndi.label(corrections.labels == NOTHING, np.ones((3,) * free.ndim))
    marked = pieces[tuple(corrections.deleted.T)]
    empty = np.isin(pieces, marked) & (pieces > 0) & free
    deleted = int(np.isin(marked, pieces[empty]).sum())
    return Adopted(
        np.where(border, annotation, labels),
        classes,
        empty | border,
        len(corrections) - len(classes),
        gaps,
        split,
        deleted,
    )


def _without_gaps(instances: Instances, corrections: Corrections) -> tuple[Instances, int]:
    """Return instances with the gaps in locked objects closed, and how many objects had one."""
    labels, count = instances.labels.copy(), 0
    free = (labels == 0) & (corrections.labels == 0)
    locked = np.where(corrections.labels > 0, corrections.labels, 0)
    for label, box in enumerate(ndi.find_objects(locked), 1):
        if box is None:
            continue
        wide = tuple(slice(max(0, s.start - GAP), s.stop + GAP) for s in box)
        own = np.pad(locked[wide] == label, GAP)
        if ndi.label(own, np.ones((3,) * own.ndim))[1] < 2:
            continue
        inner = (slice(GAP, -GAP),) * own.ndim
        gap = (ndi.binary_closing(own, iterations=GAP) & ~own)[inner] & free[wide]
        labels[wide][gap] = label
        count += bool(gap.any())
    return replace(instances, labels=labels), count


def _beside(labels: Labels, one: int, other: int, free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the free pixels of the second of two objects that lie beside the first."""
    around = ndi.binary_dilation(labels == one)
    return np.asarray(around & (labels == other) & free)


def missing(annotation: Labels, instances: Instances, region: NDArray[np.bool_]) -> list[int]:
    """Return the labels of the objects that a region holds or cuts and that are not annotated.

    An object is annotated if at least half of its pixels are.

    Parameters
    ----------
    annotation : int32 (*S)
    instances : Instances
    region : bool (*S)
    """
    labels = inside(instances, region)
    free = np.bincount(
        instances.labels[annotation == 0], minlength=int(instances.ids.max(initial=0)) + 1
    )
    size = dict(zip(instances.ids.tolist(), instances.size.tolist(), strict=True))
    return [label for label in labels if 2 * free[label] > size[label]]


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
