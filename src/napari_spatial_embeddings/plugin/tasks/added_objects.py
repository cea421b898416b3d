"""Labels that are added to an annotation: of another layer, or of objects that a model found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.core.label_values import numbered, objects_of
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.regions import Region, covered
from napari_spatial_embeddings.plugin.state.open_image import Box

from .changed_labels import changed_box

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Corrections, Instances
    from napari_spatial_embeddings.inference.segmentation import Segmentation

MAX_LABEL = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True, eq=False)
class AnnotationState:
    """An annotation to which objects are to be added.

    Parameters
    ----------
    labels : int32 (*S)
        As they are when the work starts.
    next : int
        The first label that is free.
    background : int, optional
        Label of the strokes of background, if there are any.
    """

    labels: NDArray[np.int32]
    next: int
    background: int | None


@dataclass(frozen=True, slots=True)
class CorrectionCount:
    """How many corrections were added to annotations.

    Parameters
    ----------
    images : int
    objects : int
        Locked objects.
    gaps : int
        Those of them of which a gap between merged parts was closed.
    split, deleted : int
        Borders of split objects, and deleted objects, that are background now.
    known : int
        Locked objects that were annotated already.
    """

    images: int = 1
    objects: int = 0
    gaps: int = 0
    split: int = 0
    deleted: int = 0
    known: int = 0

    def __add__(self, other: CorrectionCount) -> CorrectionCount:
        both = zip(astuple(self), astuple(other), strict=True)
        return CorrectionCount(*(a + b for a, b in both))

    @property
    def any(self) -> bool:
        """Whether anything was added."""
        return bool(self.objects or self.split or self.deleted)

    @property
    def text(self) -> str:
        """What was added to the annotations, and what was not."""
        objects = plural(self.objects, "object")
        if self.gaps:
            objects += f" (a gap closed in {self.gaps} of them)"
        empty = [
            *([plural(self.deleted, "deleted object")] if self.deleted else []),
            *([f"the border of {plural(self.split, 'split object')}"] if self.split else []),
        ]
        background = " and ".join(empty)
        if not self.objects:
            what = f"{background} added to the annotations as background"
        elif empty:
            what = f"{objects} added to the annotations, and as background {background}"
        else:
            what = f"{objects} added to the annotations"
        of = f"of {plural(self.images, 'image')}: " if self.images > 1 else ""
        known = f" ({self.known} annotated already)" if self.known else ""
        return f"{of}{what}{known}: train again to learn them"


@dataclass(frozen=True, slots=True, eq=False)
class Addition:
    """Labels for a part of an annotation: the smallest that holds all new ones.

    Parameters
    ----------
    box : tuple of D slices
    before, after : int32 (*box)
    classes : dict
        Class of each new label.
    next : int
        The first label that was free when the new ones were chosen.
    message : str
        What was added, counted, as a sentence.
    count : CorrectionCount, optional
        Where corrections were added.
    """

    box: Box
    before: NDArray[np.int32]
    after: NDArray[np.int32]
    classes: dict[int, str]
    next: int
    message: str
    count: CorrectionCount | None = None

    def fits(self, labels: NDArray[np.int32], unused: int) -> bool:
        """Return whether nothing was painted meanwhile that shares pixels or a label with it.

        Parameters
        ----------
        labels : int32 (*S)
            The annotation as it is now.
        unused : int
            The first label that is free now.
        """
        return unused <= self.next and np.array_equal(labels[self.box], self.before)


Work = Callable[[AnnotationState], Addition]


def copied(
    annotation: AnnotationState,
    box: Box,
    read: Callable[[], NDArray[np.integer[Any]]],
    name: str,
    class_name: str,
    *,
    scribbled: bool,
) -> Addition:
    """Copy the objects of a layer to where nothing is annotated yet.

    Parameters
    ----------
    annotation : AnnotationState
    box : tuple of D slices
        Where the layer lies on the image.
    read : callable
        Reads its labels (*box).
    name, class_name : str
        Of the layer, and of its objects.
    scribbled : bool
        The values are strokes, which may lie apart and share a label.

    Raises
    ------
    InputError
        If it holds no object, or values that are no objects.
    """
    data, from_mask = read(), False
    if not scribbled:
        objects = objects_of(data, name)
        data, from_mask = objects.labels, objects.from_mask
    before = annotation.labels[box]
    free = (data > 0) & (before == 0)
    ids, places = numbered(np.where(free, data, 0))
    ids = ids[1:]
    if not len(ids):
        raise InputError(f"{name} holds no object that is not annotated already")
    # Ids stay as they are where that is possible; else they are numbered on.
    first = annotation.next
    keep_ids = first == 1 and int(ids[-1]) <= min(MAX_LABEL, 10 * data.size)
    new = data if keep_ids else places + (first - 1)
    after = np.where(free, new, before).astype(np.int32, copy=False)
    labels = ids if keep_ids else np.arange(len(ids)) + first
    how = ": each piece of the mask is one" if from_mask else ""
    classes = {int(label): class_name for label in labels}
    message = f"{plural(len(ids), 'object')} of {name} copied{how}"
    return addition(annotation, box, after, classes, message)


def adopted(
    annotation: AnnotationState,
    result: Segmentation,
    regions: Sequence[Region],
    names: Sequence[str],
) -> Addition:
    """Add the objects that a model found in some regions.

    An object of which most is annotated already is passed over.

    Parameters
    ----------
    annotation : AnnotationState
    result : Segmentation
    regions : sequence of Region
    names : sequence of str
        Of the classes.

    Raises
    ------
    InputError
        If that leaves none.
    """
    from napari_spatial_embeddings.editing.to_annotation import adopt, inside

    labels = inside(result.instances, covered(regions, result.maps.shape))
    if not labels:
        raise InputError("there is no object to use as annotation")
    new, index = adopt(annotation.labels, result.instances, labels)
    if not index:
        raise InputError("these objects are among the annotations already")
    message = f"{plural(len(index), 'object')} added to the annotations: train again to learn them"
    classes = {label: names[k] for label, k in index.items()}
    return addition(annotation, everywhere(new), new, classes, message)


def adopted_corrections(
    annotation: AnnotationState,
    instances: Instances,
    corrections: Corrections | None,
    names: Sequence[str],
) -> Addition:
    """Add the corrections of an image: locked objects, and what they show to be background.

    Parameters
    ----------
    annotation : AnnotationState
    instances : Instances
        With the corrections.
    corrections : Corrections, optional
    names : sequence of str
        Of the classes.

    Raises
    ------
    InputError
        If there are no corrections, or all of them are among the annotations already.
    """
    from napari_spatial_embeddings.editing.to_annotation import adopt_corrections

    if corrections is None or not corrections.labels.any():
        raise InputError("nothing is corrected yet: accept, correct or delete some objects")
    found = adopt_corrections(annotation.labels, instances, corrections)
    new, last = found.labels, len(names) - 1
    classes = {label: names[min(k, last)] for label, k in found.classes.items()}
    if found.background.any():
        grey = annotation.background or max(annotation.next, int(new.max(initial=0)) + 1)
        new = np.where(found.background, np.int32(grey), new)
        classes[grey] = BACKGROUND
    elif not classes:
        raise InputError("these corrections are among the annotations already")
    count = CorrectionCount(
        1, len(found.classes), found.gaps, found.split, found.deleted, found.known
    )
    return addition(annotation, everywhere(new), new, classes, count.text, count)


def everywhere(labels: NDArray[np.int32]) -> Box:
    """Return the box of all labels (*S)."""
    return tuple(slice(0, n) for n in labels.shape)


def addition(
    annotation: AnnotationState,
    box: Box,
    new: NDArray[np.int32],
    classes: dict[int, str],
    message: str,
    count: CorrectionCount | None = None,
) -> Addition:
    """Return what is new in a part of an annotation, without what stays as it is around it."""
    before = annotation.labels[box]
    changed = changed_box(before, new) or (slice(0, 0),) * new.ndim
    at = tuple(
        slice(b.start + c.start, b.start + c.stop) for b, c in zip(box, changed, strict=True)
    )
    parts = before[changed].copy(), new[changed].copy()  # which hold nothing of the rest
    return Addition(at, *parts, classes, annotation.next, message, count)
