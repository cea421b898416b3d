"""Files of annotations read for an image, or for all frames of a time series."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.annotations.sources import AnnotationFile, match
from napari_spatial_embeddings.files.annotations.target import Fitted, Target


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Files to be read for an image.

    Parameters
    ----------
    paths : tuple of path
    target : Target
        The image, or the whole time series.
    frame : int, optional
        The frame in view of a time series.
    """

    paths: tuple[Path, ...]
    target: Target
    frame: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ReadAnnotations:
    """What files hold of an image.

    Parameters
    ----------
    name : str
        Of the file, or of the first one.
    found : Fitted
        Of the image, or of the frame in view.
    frames : Fitted, optional
        Of all frames, if more than the one in view have objects.
    """

    name: str
    found: Fitted
    frames: Fitted | None = None


def read_annotations(request: ReadRequest) -> ReadAnnotations:
    """Read files of annotations of one image; of a time series, those of all frames.

    A file that gives no frames is one of the frame in view.

    Raises
    ------
    InputError
        If a file cannot be read, does not fit the image, or is of another one.
    """
    target, t = request.target, request.frame
    annotated, failed = match(
        [AnnotationFile(path) for path in request.paths], [Path(f"{target.name}.tif")]
    )
    if failed or not annotated:
        raise InputError(failed[0][1])
    files, name = annotated[0], request.paths[0].name
    if t is None:
        return ReadAnnotations(name, files.fitted(target))
    try:
        every = files.fitted(target)
    except InputError as error:
        try:
            return ReadAnnotations(name, files.fitted(replace(target, frames=None)))
        except InputError:
            raise error from None
    here = _frame(every, t)
    others = np.array([k != t and bool(frame.any()) for k, frame in enumerate(every.labels)])
    if others.any() and every.scribbled:
        left = plural(int(others.sum()), "frame")
        return ReadAnnotations(name, replace(here, notes=(*here.notes, f"{left} more left out")))
    if others.any():
        return ReadAnnotations(name, here, every)
    return ReadAnnotations(name, here)


def _frame(every: Fitted, t: int) -> Fitted:
    labels = np.array(every.labels[t])
    ids = set(np.unique(labels[labels > 0]).tolist())
    classes = {label: name for label, name in every.classes.items() if label in ids}
    return replace(every, labels=labels, classes=classes, objects=len(ids))


def counted(objects: int, name: str, what: str, notes: tuple[str, ...]) -> str:
    """Return how many objects of a file came, and what did not, as a sentence."""
    return "; ".join([f"{plural(objects, 'object')} of {name} {what}", *notes])
