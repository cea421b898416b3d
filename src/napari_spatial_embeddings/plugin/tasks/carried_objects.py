"""Objects that are copied to frames of a time series: of another frame, or of a label series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.core.label_values import numbered
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.annotations.target import Fitted
from napari_spatial_embeddings.plugin.state.annotation_count import AnnotationCount, count
from napari_spatial_embeddings.plugin.state.open_image import Box

from .added_objects import Addition, AnnotationState, addition, copied, everywhere
from .correction_actions import Change, Scene
from .importing.annotation import imported

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Corrections


def carried(
    annotation: AnnotationState,
    labels: NDArray[np.int32],
    classes: Mapping[int, str],
    source: int,
    target: int,
) -> Addition:
    """Copy the annotated objects of a frame to where nothing is annotated on another one.

    An object keeps its label where that is free. One that lies for the most part on what is
    annotated already is left out; background is where it was on its own frame, and not copied.

    Parameters
    ----------
    annotation : AnnotationState
        Of the other frame.
    labels : int32 (*S)
        What is annotated on the frame.
    classes : mapping
        Class of each of its labels.
    source, target : int
        Numbers of the two frames.

    Raises
    ------
    InputError
        If there is no object, or no place for any.
    """
    before = annotation.labels
    ids, places = numbered(np.maximum(labels, 0))
    names = [classes.get(int(label), "object") for label in ids]
    wanted = np.array([k > 0 and name != BACKGROUND for k, name in enumerate(names)])
    if not wanted.any():
        raise InputError(nothing_annotated(source))
    size = np.bincount(places.ravel(), minlength=len(ids))
    free = np.bincount(places[before == 0], minlength=len(ids))
    chosen = wanted & (2 * free > size)
    copies, left = int(chosen.sum()), int((wanted & ~chosen).sum())
    if not copies:
        raise InputError(
            f"something is annotated on frame {target} already where frame {source} has objects"
        )
    used, new = set(np.unique(before).tolist()), np.zeros(len(ids), np.int32)
    unused = max(annotation.next, int(ids[-1]) + 1)
    for k in np.flatnonzero(chosen).tolist():
        label = int(ids[k])
        if label in used or label == annotation.background:
            label, unused = unused, unused + 1
        new[k] = label
    after = np.where(before == 0, new[places], before)
    message = f"{plural(copies, 'object')} copied from frame {source} to frame {target}"
    if left:
        message += f"; {left} not copied, as something is annotated there already"
    return addition(
        annotation,
        everywhere(before),
        after,
        {int(new[k]): names[k] for k in np.flatnonzero(chosen).tolist()},
        f"{message}. Correct what has moved; Ctrl+Z takes it back",
    )


def nothing_annotated(frame: int) -> str:
    """Return the sentence about a frame without annotated objects."""
    return f"nothing is annotated on frame {frame}: paint objects on it, then copy them"


def nothing_locked(frame: int) -> str:
    """Return the sentence about a frame without locked objects."""
    return f"no object of frame {frame} is locked: accept or correct some, then copy them"


def lock_carried(corrections: Corrections, target: int) -> Change:
    """Return the change that copies the locked objects of a frame to another one.

    Parameters
    ----------
    corrections : Corrections
        Of the frame.
    target : int
        Number of the other one.
    """

    def change(scene: Scene) -> Corrections:
        from napari_spatial_embeddings.editing.carried import carried_locks

        found = carried_locks(corrections, scene.corrections, scene.instances, scene.maps)
        if len(found) == len(scene.corrections):
            raise InputError(f"the objects of frame {target} are locked there already")
        return found

    return change


def locks_text(source: int, target: int, copied: int, wanted: int) -> str:
    """Return the sentence about locked objects that were copied."""
    text = f"{plural(copied, 'locked object')} copied from frame {source} to frame {target}"
    if copied < wanted:
        text += f"; {wanted - copied} not copied, as objects are locked there already"
    return f"{text}. Correct what has moved; Ctrl+Z takes it back"


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedFrames:
    """The annotations of all frames, and the label series that is copied to them.

    Parameters
    ----------
    labels : int32 (T, *S)
        What is annotated: the layer's own array.
    classes : mapping of mappings
        Class of each label of the frames of which some are known.
    scribbled : mapping
        Whether the labels of a frame cover only part of their objects; not, if it is not there.
    source : whole numbers (T, ...)
        The label series.
    box : Box
        Where a frame of it lies on the image.
    read : callable
        Reads a frame of it on the pixels of the box.
    name, class_name : str
        Of the label series, and of its objects.
    imported : mapping, optional
        Class of the labels that have one, if a file was imported; its values are objects as they
        are.
    """

    labels: NDArray[np.int32]
    classes: Mapping[int, Mapping[int, str]]
    scribbled: Mapping[int, bool]
    source: Any
    box: Box
    read: Callable[[Any], NDArray[np.integer[Any]]]
    name: str
    class_name: str
    imported: Mapping[int, str] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FrameAddition:
    """What is added to a frame.

    Parameters
    ----------
    frame : int
    addition : Addition
    annotated : AnnotationCount
        All that is annotated on it then.
    """

    frame: int
    addition: Addition
    annotated: AnnotationCount


def add_to_frames(request: AnnotatedFrames, default: str) -> Iterator[FrameAddition]:
    """Yield what is added to each frame, where nothing is annotated yet.

    Parameters
    ----------
    request : AnnotatedFrames
    default : str
        Class of objects without one.

    Raises
    ------
    InputError
        If no frame holds an object that is not annotated, or the values are no objects.
    """
    found = 0
    for t in range(len(request.labels)):
        frame = request.source[t]
        if not np.asarray(frame).any():
            continue
        labels, classes = np.array(request.labels[t]), request.classes.get(t, {})
        grey = next((k for k, name in classes.items() if name == BACKGROUND), None)
        unused = max(int(labels.max(initial=0)), *classes, 0) + 1
        read = request.read(frame)
        free = (read != 0) & (labels[request.box] == 0)
        if not free.any():
            continue
        try:
            new = _added(request, t, AnnotationState(labels, unused, grey), read)
        except InputError:
            if found or t + 1 < len(request.labels):  # the others may hold some
                continue
            raise
        labels[new.box] = new.after
        found += len(new.classes)
        counted = count(labels, {**classes, **new.classes}, default, 0)
        yield FrameAddition(t, new, counted)
    if not found:
        raise InputError(f"{request.name} holds no object that is not annotated already")


def _added(
    request: AnnotatedFrames, t: int, annotation: AnnotationState, read: NDArray[np.integer[Any]]
) -> Addition:
    """Return what is added to a frame."""
    name, scribbled = f"frame {t} of {request.name}", request.scribbled.get(t, False)
    if request.imported is None:
        return copied(
            annotation, request.box, lambda: read, name, request.class_name, scribbled=scribbled
        )
    found = Fitted(np.asarray(read, np.int32), dict(request.imported), objects=count_of(read))
    return imported(annotation, found, name, request.class_name, scribbled=scribbled)


def count_of(labels: NDArray[np.integer[Any]]) -> int:
    """Return how many different labels above 0 there are."""
    return int((np.unique(labels) > 0).sum())
