"""Updates of Labels layers at the cost of what changed."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.state.open_image import Box

from .frames import in_layer, pixels
from .napari_compat import add_to_paint_history, clear_paint_history, draw_part

BLOCK_PIXELS = 2**18
"""Pixels that are compared at once: they stay in the processor's cache."""


def changed_box(old: NDArray[np.integer], new: NDArray[np.integer]) -> Box | None:
    """Return the smallest box that holds all that differs; None if nothing does.

    New labels below 0 count as none.
    """
    low, high = list(old.shape), [0] * old.ndim
    for block in blocks(old.shape):
        before, after = old[block], new[block]
        differs = before != after
        if not differs.any():
            continue
        if after.min() < 0:
            differs &= (before != 0) | (after > 0)
            if not differs.any():
                continue
        for axis, part in enumerate(block):
            if low[axis] <= part.start and high[axis] >= part.stop:
                continue  # known already
            found = np.flatnonzero(differs.any(tuple(a for a in range(old.ndim) if a != axis)))
            low[axis] = min(low[axis], part.start + int(found[0]))
            high[axis] = max(high[axis], part.start + int(found[-1]) + 1)
    return tuple(map(slice, low, high)) if high[0] else None


def blocks(shape: tuple[int, ...]) -> Iterator[Box]:
    """Yield blocks that cover an array, cut along its longest axis."""
    longest = max(range(len(shape)), key=lambda axis: shape[axis])
    step = max(1, BLOCK_PIXELS * shape[longest] // max(1, math.prod(shape)))
    for start in range(0, shape[longest], step):
        box = [slice(0, n) for n in shape]
        box[longest] = slice(start, min(start + step, shape[longest]))
        yield tuple(box)


def copied(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return a copy that needs memory only where there are labels; those below 0 are left out.

    So it takes no time to copy the labels of what is in view of a large image.
    """
    out = np.zeros(labels.shape, np.int32)
    for block in blocks(labels.shape):
        part = labels[block]
        if part.any():
            np.maximum(part, 0, out=out[block])
    return out


def update_labels(layer: Labels, labels: NDArray[np.int32], box: Box | None = None) -> bool:
    """Put labels into a layer of the same shape, and draw what changed, but for the thumbnail.

    The layer's array stays its own: what the user paints on it is painted nowhere else.

    Parameters
    ----------
    layer : Labels
        With int32 data; of a time series, its frame in view is meant.
    labels : int32 (*S)
        Those of the box, if one is given; below 0 they count as none.
    box : Box, optional
        The part that is replaced; all of it if not given.

    Returns
    -------
    bool
        Whether anything changed.
    """
    clear_paint_history(layer)
    array = pixels(layer)
    outer = box or tuple(slice(0, n) for n in array.shape)
    inner = changed_box(array[outer], labels)
    if inner is None:
        return False
    at = tuple(
        slice(o.start + i.start, o.start + i.stop) for o, i in zip(outer, inner, strict=True)
    )
    np.maximum(labels[inner], 0, out=array[at])
    _draw(layer, at)
    return True


def replace_labels(
    layer: Labels, box: Box, before: NDArray[np.int32], after: NDArray[np.int32]
) -> None:
    """Replace the labels of a part of a layer as a stroke does, so that napari can undo it.

    Parameters
    ----------
    layer : Labels
        With int32 data; of a time series, its frame in view is meant.
    box : Box
    before, after : int32 (*box)
    """
    add_to_paint_history(layer, in_layer(layer, box), before, after)
    pixels(layer)[box] = after
    _draw(layer, box)


def _draw(layer: Labels, box: Box) -> None:
    array = pixels(layer)
    small = 2 * np.prod([s.stop - s.start for s in box]) < array.size
    if not (small and array.ndim == 2 and draw_part(layer, in_layer(layer, box))):
        layer.refresh(extent=False, highlight=False, thumbnail=False)
