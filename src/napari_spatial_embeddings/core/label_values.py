"""Values of label images: numbered without gaps, and what other programs put there.

Those of other programs may be floats, masks, ids that did not fit, or grey values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.errors import InputError

from .text import plural

EXPECTED = "expected a label image: one whole number per object, 0 for background"

MAX_PIECES = 10
"""Pieces per value, on average, above which values are no objects."""

MAX_CLASSES, MIN_PIECES = 10, 3
"""Values up to which they may be classes: if most large pieces are of those that have so many."""

MIN_GREY_VALUES = 20
"""Number of different values from which they may be grey values."""

LARGE = 0.2
"""Size of a piece, relative to the largest of its value, that is no debris."""

FULL = (255, 65_535)
"""The highest ids of 8 and of 16 bits: higher ones are cut off."""

MAX_TABLE = 2**24
"""The highest label up to which labels are looked up in a table."""

NEARLY = 0.9
"""Share of the ids of 8 bits that are in use where some may have been cut off."""


def numbered(labels: NDArray[np.integer[Any]]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the labels that occur, and where that of each pixel is among them.

    `numpy.unique` can return that as well, but takes ten times as long, and lets no other thread
    run meanwhile: for a second where there are 6000 x 6000 pixels.

    Parameters
    ----------
    labels : integers (*S), not negative

    Returns
    -------
    ids : (N + 1,), of the same dtype
        In ascending order; 0 is always the first.
    places : intp (*S)
        ``ids[places]`` are the labels.
    """
    top = int(labels.max(initial=0))
    if top > MAX_TABLE:
        ids = np.union1d(labels.ravel(), np.zeros(1, labels.dtype))
        return ids, np.searchsorted(ids, labels)
    present = np.zeros(top + 1, np.bool_)
    present[labels] = True
    present[0] = True
    return np.flatnonzero(present).astype(labels.dtype), (np.cumsum(present) - 1)[labels]


def whole_numbers(values: NDArray[Any], name: str) -> NDArray[np.integer]:
    """Return labels as integers: of floats, which Fiji saves in its 32 bits, if they are whole.

    Parameters
    ----------
    values : any real dtype
    name : str
        For messages.

    Returns
    -------
    labels : integers, of the same shape
        The values themselves if they are integers; of true and false, the 255 and 0 of a mask.

    Raises
    ------
    InputError
        If a value is not whole, or so large that its type cannot distinguish it from the next.
    """
    if values.dtype == bool:
        return np.where(values, np.uint8(FULL[0]), np.uint8(0))
    if values.dtype.kind != "f":
        return values
    whole = np.isfinite(values) & (values == np.trunc(values))
    if not whole.all():
        first = values[~whole].flat[0]
        raise InputError(
            f"{name} holds values of type {values.dtype} that are not whole, such as {first:g};"
            f" {EXPECTED}"
        )
    exact = 2 ** (np.finfo(values.dtype).nmant + 1)
    if values.size and np.abs(values).max() > exact:
        raise InputError(
            f"{name} holds labels above {exact}, which the type {values.dtype} does not keep"
            " apart; save them in an integer type"
        )
    return values.astype(np.int32 if exact <= np.iinfo(np.int32).max else np.int64)


@dataclass(frozen=True, slots=True)
class Objects:
    """Labels with one value per object.

    Parameters
    ----------
    labels : integers (*S)
    from_mask : bool
        Whether they are the pieces of a mask, which has one value for all objects.
    """

    labels: NDArray[np.integer]
    from_mask: bool


def objects_of(labels: NDArray[np.integer], name: str, other: tuple[int, ...] = ()) -> Objects:
    """Return the objects of a label image; of a mask, each of its pieces is one.

    A mask has a single value: that of white, or any in at least three large pieces. Pieces are
    connected over faces, edges and corners.

    Parameters
    ----------
    labels : integers (*S)
        Values of 0 and below are no objects.
    name : str
        For messages.
    other : tuple of int
        Labels that are no objects either, such as strokes of background; they stay as they are.

    Raises
    ------
    InputError
        If the values are grey values or classes, were cut off where they did not fit, or if
        background is not 0.
    """
    kept = _objects_alone(labels, other)
    pieces, sizes, values = _pieces(kept)
    ids, large = _large_pieces(sizes, values)
    if not len(ids):
        return Objects(labels, False)
    _check_sign(name, labels)
    if len(ids) >= MIN_GREY_VALUES and _neighbours_differ(kept):
        raise InputError(
            f"{name} holds {len(ids)} values that change from pixel to pixel, as those of an image"
            f" do; {EXPECTED}"
        )
    if len(ids) == 1:
        if int(ids[0]) in FULL or 2 * np.count_nonzero(kept) > kept.size:
            _check_inverted(kept, len(sizes), name)
        if len(sizes) == 1 or not (large[0] > 2 or int(ids[0]) in FULL):
            return Objects(labels, False)
        first = max((0, *other))  # whose values stay theirs
        return Objects(np.where(pieces > 0, pieces + first, labels.astype(np.int64)), True)
    del pieces  # 8 bytes a pixel
    if len(ids) >= MIN_GREY_VALUES:  # more than there are classes
        _check_range(name, ids, large, labels.dtype)
    if _are_classes(kept, sizes, values):
        raise InputError(
            f"{name} holds {len(ids)} values in {len(sizes)} separate pieces, as grey values or"
            f" classes are; {EXPECTED}"
        )
    _check_range(name, ids, large, labels.dtype)
    pixels = np.bincount(np.searchsorted(ids, values), sizes)
    if kept.all() and 2 * pixels.max() > kept.size:
        raise InputError(
            f"{name} has no 0, and its label {ids[pixels.argmax()]} covers"
            f" {pixels.max() / kept.size:.0%} of it, as background does; {EXPECTED}"
        )
    return Objects(labels, False)


def _objects_alone(labels: NDArray[np.integer], other: tuple[int, ...]) -> NDArray[np.integer]:
    """Return labels with 0 where there is no object; the same array if that is all of them."""
    if not other and labels.min(initial=0) >= 0:
        return labels
    return np.where((labels > 0) & ~np.isin(labels, other), labels, 0)


def _pieces(
    labels: NDArray[np.integer],
) -> tuple[NDArray[np.integer], NDArray[np.int64], NDArray[np.integer]]:
    """Return connected pieces of equal values, numbered from 1 on, their sizes and values."""
    from skimage.measure import label  # slow to load

    pieces = label(labels, background=0, connectivity=labels.ndim)
    sizes = np.bincount(pieces.ravel())
    values = np.zeros(len(sizes), labels.dtype)
    values[pieces.ravel()] = labels.ravel()
    return pieces, sizes[1:], values[1:]


def _large_pieces(
    sizes: NDArray[np.int64], values: NDArray[np.integer]
) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
    """Return the different values of pieces, and how many large pieces each has."""
    ids, index = np.unique(values, return_inverse=True)
    largest = np.zeros(len(ids), np.int64)
    np.maximum.at(largest, index, sizes)
    return ids, np.bincount(index[sizes >= LARGE * largest[index]], minlength=len(ids))


def _are_classes(
    labels: NDArray[np.integer], sizes: NDArray[np.int64], values: NDArray[np.integer]
) -> bool:
    """Whether values have too many pieces, whose sizes and values are given, to be objects.

    Of a volume, the slice that holds most is looked at: objects may be labelled in some alone.
    """
    if labels.ndim > 2:
        while labels.ndim > 2:
            filled = np.count_nonzero(labels, axis=tuple(range(1, labels.ndim)))
            labels = labels[int(np.argmax(filled))]
        _, sizes, values = _pieces(labels)
    ids, large = _large_pieces(sizes, values)
    if len(sizes) > MAX_PIECES * len(ids):
        return True
    shared = int(large[large >= MIN_PIECES].sum())
    return 1 < len(ids) <= MAX_CLASSES and 2 * shared > int(large.sum())


def _check_inverted(mask: NDArray[np.integer], pieces: int, name: str) -> None:
    """Refuse a mask in which white encloses the objects: their background or their borders."""
    from scipy import ndimage as ndi

    dark, count = ndi.label(mask == 0)
    sizes = np.bincount(dark.ravel())[1:]
    enclosed = int((sizes >= LARGE * sizes.max(initial=0)).sum()) if count else 0
    if enclosed > 2 * pieces:
        raise InputError(
            f"{name} is a mask whose white encloses {enclosed} dark pieces, as that of background"
            " or borders does; invert it, so that the objects are white"
        )


def _neighbours_differ(labels: NDArray[np.integer]) -> bool:
    """Whether most pixels beside each other, both labelled, have different labels."""
    both = differ = 0
    for axis in range(labels.ndim):
        before: tuple[slice, ...] = (slice(None),) * axis
        one, other = labels[(*before, slice(-1))], labels[(*before, slice(1, None))]
        labelled = (one > 0) & (other > 0)
        both += int(labelled.sum())
        differ += int((labelled & (one != other)).sum())
    return 2 * differ > both


def _check_sign(name: str, labels: NDArray[np.integer]) -> None:
    """Refuse ids that went on below 0 where a small type with a sign had no more of them."""
    if labels.dtype.kind != "i" or labels.dtype.itemsize > 2:
        return
    limits = np.iinfo(labels.dtype)
    if int(labels.max()) == limits.max and int(labels.min()) == limits.min:
        raise InputError(
            f"{name} has labels below 0, down to {limits.min}: ids above {limits.max} do not fit"
            f" into {limits.bits} bits with a sign; export the labels again, with {2 * limits.bits}"
            " bits"
        )


def _check_range(
    name: str, ids: NDArray[np.integer], large: NDArray[np.int64], dtype: np.dtype[Any]
) -> None:
    """Refuse ids that were cut off at the end of their type: several objects share one then."""
    last, end = int(ids[-1]), int(np.iinfo(dtype).max)
    shared = ids[large > 1]
    # Ids that wrapped around are shared from the lowest on, whether the highest is in use or not.
    wrapped = last < FULL[0] and len(ids) > NEARLY * FULL[0] and len(shared) >= MIN_PIECES
    if wrapped and int(shared[-1]) <= 2 * len(shared):
        last = FULL[0]
    elif last not in FULL and not (last == end < FULL[1]):
        return
    if len(shared) < 2 and large[-1] < 2:
        return
    bits, verb = 8 if last <= FULL[0] else 16, "are" if len(shared) > 1 else "is"
    raise InputError(
        f"{name} has {plural(len(shared), 'label')} that {verb} shared by objects apart from each"
        f" other: ids above {last} do not fit into {bits} bits; export the labels again, with"
        f" {2 * bits} bits"
    )
