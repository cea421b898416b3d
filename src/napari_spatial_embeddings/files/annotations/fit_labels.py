"""Label images brought to the pixels of an image: its axes, its place and its scale."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.label_values import numbered, objects_of
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.core.units import Lengths
from napari_spatial_embeddings.files.errors import FileError

from .scaling import placed, rescaled
from .target import Fitted, Target

MAX_LABEL = np.iinfo(np.int32).max


def fit_labels(
    labels: NDArray[np.integer],
    target: Target,
    source: str,
    *,
    classes: Mapping[int, str] | None = None,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
    first: tuple[int, ...] = (),
    ours: bool = False,
) -> Fitted:
    """Bring a label image to the pixels of an image.

    Parameters
    ----------
    labels : integers
    target : Target
    source : str
        The file, for messages.
    classes : mapping, optional
        Class of each label.
    pixel_size : tuple of floats, optional
        Of the labels, in ``unit``.
    unit : str, optional
    first : tuple of ints
        The first pixel of the labels in the image; empty if it is not given.
    ours : bool
        Whether this program wrote them, so that each value is an object, whatever they look like.

    Raises
    ------
    FileError
        If they do not fit, or are no labels.
    """
    notes: list[str] = []
    wanted = target.full_shape
    array = _same_axes(labels, wanted)
    if array.shape != wanted and first and len(first) == array.ndim == len(target.shape):
        start = target.start or (0,) * len(first)
        array = placed(array, target.shape, tuple(np.subtract(first, start).tolist()))
        notes.append(f"its first pixel is the pixel {first} of the image")
    elif array.shape != wanted and target.start and array.ndim == len(target.shape):
        array = placed(array, target.shape, tuple(-n for n in target.start))
    elif array.shape != wanted:
        array, how = rescaled(array, wanted, pixel_size, unit, target.pixel_size, target.unit)
        notes += how
    if array.shape != wanted:
        raise FileError(_misfit(source, labels.shape, target))
    if target.frames is None and not ours:
        try:
            objects = objects_of(array, source)
        except ValueError as error:
            raise FileError(str(error)) from error
        array = objects.labels
        if objects.from_mask:
            notes.append("it is a mask of a single value: each separate piece is an object")
            classes = None
    ids, places = numbered(np.where(array > 0, array, 0))
    if len(ids) < 2:
        raise FileError(f"{source} holds no object in {target.name}; expected labels above 0")
    out = np.where(array < 0, np.int32(IGNORE), 0).astype(np.int32)
    known = classes or {}
    if int(ids[-1]) > MAX_LABEL:
        notes.append(f"its labels are above {MAX_LABEL}, and were numbered from 1 on")
        out[array > 0] = places[array > 0]
        found = {k: known[int(i)] for k, i in enumerate(ids[1:], 1) if int(i) in known}
    else:
        out[array > 0] = array[array > 0]
        found = {int(i): known[int(i)] for i in ids[1:] if int(i) in known}
    return Fitted(out, found, False, tuple(notes), len(ids) - 1)


def _same_axes(labels: NDArray[np.integer], wanted: tuple[int, ...]) -> NDArray[np.integer]:
    """Return labels without axes of length one, or with them, as the image has them."""
    if labels.shape == wanted:
        return labels
    plain = tuple(n for n in labels.shape if n > 1)
    if plain == tuple(n for n in wanted if n > 1):
        return labels.reshape(wanted)
    while labels.ndim > len(wanted) and labels.shape[0] == 1:
        labels = labels[0]
    return labels


def _misfit(source: str, shape: tuple[int, ...], target: Target) -> str:
    wanted = target.full_shape
    swapped = shape[:-2] == wanted[:-2] and shape[-2:] == wanted[-2:][::-1]
    hint = (
        "Y and X are swapped: save the labels again with Y first"
        if swapped and shape[-1] != shape[-2]
        else "they must cover the same pixels, or have the pixel size and the place by which they"
        " fit"
    )
    return f"{source} has the shape {shape}, {target.name} {target.shown}; {hint}"
