"""Objects of one frame of a time series that are copied to another: annotated or locked ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.core.label_values import numbered
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError

from .added_objects import Addition, AnnotationState, addition, everywhere
from .correction_actions import Change, Scene

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
    count, left = int(chosen.sum()), int((wanted & ~chosen).sum())
    if not count:
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
    message = f"{plural(count, 'object')} copied from frame {source} to frame {target}"
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
