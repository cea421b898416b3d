"""Imported objects added to an annotation."""

from __future__ import annotations

import numpy as np

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.annotations.fit_outlines import fit_outlines
from napari_spatial_embeddings.files.annotations.outlines import Outlines
from napari_spatial_embeddings.files.annotations.target import Fitted, Target
from napari_spatial_embeddings.plugin.tasks.added_objects import (
    Addition,
    AnnotationState,
    addition,
    everywhere,
)

from .reading import counted


def imported(
    annotation: AnnotationState, found: Fitted, name: str, class_name: str, *, scribbled: bool
) -> Addition:
    """Add objects to where nothing is annotated yet; ids stay where the annotation is empty.

    Parameters
    ----------
    annotation : AnnotationState
    found : Fitted
        Of the same pixels; what it has of unknown pixels is unknown in the annotation anyway.
    name : str
        Of the file or the layer.
    class_name : str
        Of the objects without a class.
    scribbled : bool
        Whether what is annotated already are scribbles.

    Raises
    ------
    InputError
        If no object is left, or dots come to whole objects, or whole objects to scribbles.
    """
    if found.scribbled != scribbled and annotation.labels.any():
        kinds = ("whole objects", "dots, which are scribbles")
        own = ("whole objects", "scribbles")
        raise InputError(
            f"{name} holds {kinds[found.scribbled]}, and the image is annotated with"
            f" {own[scribbled]}: an image can't have both"
        )
    before = annotation.labels
    free = (found.labels > 0) & (before == 0)
    ids = np.unique(found.labels[free])
    if not len(ids):
        raise InputError(f"{name} holds no object that is not annotated already")
    up = annotation.next - 1
    if up == 0 and int(ids[-1]) <= 10 * before.size:
        new = found.labels
        labels = {int(n): int(n) for n in ids}
    else:
        new = np.zeros_like(found.labels)
        new[free] = np.searchsorted(ids, found.labels[free]) + (up + 1)
        labels = {int(n): k for k, n in enumerate(ids, up + 1)}
    after = np.where(free, new, before).astype(np.int32, copy=False)
    classes = {label: found.classes.get(n, class_name) for n, label in labels.items()}
    notes = list(found.notes)
    if known := found.objects - len(ids):
        notes.append(f"{known} annotated already")
    message = counted(len(ids), name, "added to the annotations", tuple(notes))
    return addition(annotation, everywhere(before), after, classes, message)


def from_outlines(
    annotation: AnnotationState, outlines: Outlines, target: Target, name: str, class_name: str
) -> Addition:
    """Add the objects that a layer of shapes outlines; see `imported`.

    Raises
    ------
    InputError
        If there is none on the image.
    """
    found = fit_outlines(outlines, target, name)
    return imported(annotation, found, name, class_name, scribbled=False)
