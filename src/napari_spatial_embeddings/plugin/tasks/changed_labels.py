"""Boxes around what differs between two label images, found without holding up other threads."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.state.open_image import Box

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
