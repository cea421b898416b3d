"""Corrections of several images, added to their annotations in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.state.annotation_count import AnnotationCount, count

from .added_objects import Addition, AnnotationState, CorrectionCount, adopted_corrections

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Corrections, Instances
    from napari_spatial_embeddings.project import Annotation, Project

Corrected = tuple["Instances", "Corrections"]
"""An image's instances, with its corrections, and these."""

Read = Callable[[], Corrected | None]
"""Reads them; None if the image has none."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What was added to the annotation of an image without an annotation layer.

    Parameters
    ----------
    key : str
    added : CorrectionCount
    annotated : AnnotationCount
        All that is annotated on it now.
    scribbled : bool
        Whether the labels cover only part of their objects.
    """

    key: str
    added: CorrectionCount
    annotated: AnnotationCount
    scribbled: bool


def saved(project: Project, key: str) -> Corrected | None:
    """Read the corrections of an image of a project: the locked objects are its instances."""
    corrections = project.corrections(key) if project.card.find(key) is not None else None
    return None if corrections is None else (corrections.instances(), corrections)


def add_to_layers(
    images: Mapping[str, tuple[AnnotationState, Read]], names: Sequence[str]
) -> Iterator[tuple[str, Addition]]:
    """Yield what is to be added to annotation layers, image by image.

    Images whose corrections are among their annotations already are passed over.

    Parameters
    ----------
    images : mapping
        The state of each annotation, its labels being the layer's own array, and its corrections.
    names : sequence of str
        Of the classes.
    """
    for key, (state, read) in images.items():
        found = read()
        own = AnnotationState(np.array(state.labels), state.next, state.background)
        addition = None if found is None else _adopted(own, found, names)
        if addition is not None:
            yield key, addition


def add_to_project(
    project: Project, images: Mapping[str, Read], names: Sequence[str]
) -> Iterator[Stored]:
    """Add corrections to annotations that are in the project only; for the thread that writes.

    Parameters
    ----------
    project : Project
    images, names
        As in `add_to_layers`.
    """
    for key, read in images.items():
        found = read() if project.card.find(key) is not None else None
        if found is None:
            continue
        known = _annotation(project, key, found)
        addition = _adopted(_state(known), found, names)
        if addition is None or addition.count is None:
            continue
        classes = {**known.classes, **addition.classes}
        labels = known.labels.copy()
        labels[addition.box] = addition.after
        new = replace(known, labels=labels, classes=classes)
        project.save_annotation(key, new)
        default, regions = project.card.classes[0], len(new.regions)
        counted = count(new.labels, classes, default, regions, new.proposed)
        yield Stored(key, addition.count, counted, new.scribbled)


def _adopted(
    annotation: AnnotationState, found: Corrected, names: Sequence[str]
) -> Addition | None:
    """Return what corrections add to an annotation; None if that is nothing."""
    try:
        return adopted_corrections(annotation, *found, names)
    except InputError:
        return None


def _annotation(project: Project, key: str, found: Corrected) -> Annotation:
    from napari_spatial_embeddings.project import Annotation

    return project.annotation(key) or Annotation(np.zeros(found[1].labels.shape, np.int32))


def _state(annotation: Annotation) -> AnnotationState:
    strokes = (label for label, name in annotation.classes.items() if name == BACKGROUND)
    top = max(int(annotation.labels.max(initial=0)), *annotation.classes, 0)
    return AnnotationState(annotation.labels, top + 1, next(strokes, None))
