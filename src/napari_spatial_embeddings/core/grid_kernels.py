"""Compiled loops that sort the foreground of an image by the grid cells of its embeddings.

`_proposals` explains them and is the only caller. Everything works on three axes; an image is a
volume of one slice. The loops release the GIL, so plain threads run them side by side; nothing here
depends on numba's own threading layers.

A *pixel* is a flat index into the image. Foreground pixels are sorted by the grid *cell* that their
embedding falls in; their position in that order is their *slot*. Of each slot a *point* is kept, x,
y and in volumes z of the embedding, and its *value*, the seed. A seed's *rank* counts down from 1.
"""

from __future__ import annotations

import numpy as np
from numba import njit

F32 = np.float32

ONE_BITS = 0x3F800000
"""The bits of float32 1.0. Floats in [0, 1] order as their bits do."""

FINE = 12
"""Bits of a seed's rank that its bucket does not resolve."""


@njit(cache=True, nogil=True, inline="always")
def rank_of(value):
    """Return how many floats lie between a seed value and 1."""
    return max(0, ONE_BITS - F32(value).view(np.int32))


@njit(cache=True, nogil=True, inline="always")
def cell_of(value, origin, scale, n):
    """Return the cell of a coordinate; clamped, so far outliers share the outermost cells."""
    at = (value - origin) * scale
    if not at > 0:
        return 0
    return min(int(at), n - 1) if at < 2147483000 else n - 1


@njit(cache=True, nogil=True)
def find(
    seed,
    threshold,
    offsets,
    shape,
    spacing,
    origin,
    scale,
    grid,
    first,
    last,
    pixels,
    cells,
    count,
    top,
):
    """List the foreground of a block of pixels from position ``first`` on, each with its cell.

    Count them by cell, and note the lowest rank of each. Return how many there are.
    """
    x = first % shape[2]
    y, z = first // shape[2] % shape[1], first // shape[2] // shape[1]
    row, at = first, first
    while row < last:
        stop = min(last, row + shape[2] - x)
        fixed_z, fixed_y = F32(z) * spacing[0], F32(y) * spacing[1]
        for i in range(row, stop):
            if seed[i] > threshold:
                # float32 throughout, rounded as numpy rounds
                c = np.int64(0)
                if len(offsets) == 3:
                    c = cell_of(fixed_z + offsets[0, i], origin[0], scale[0], grid[0])
                c = c * grid[1] + cell_of(fixed_y + offsets[-2, i], origin[1], scale[1], grid[1])
                far = F32(x + i - row) * spacing[2] + offsets[-1, i]
                c = c * grid[2] + cell_of(far, origin[2], scale[2], grid[2])
                pixels[at], cells[at] = i, c
                at += 1
                count[c] += 1
                top[c] = min(top[c], rank_of(seed[i]))
        row, x, y = stop, 0, y + 1
        if y == shape[1]:
            y, z = 0, z + 1
    return at - first


@njit(cache=True, nogil=True)
def starts(counts):
    """Turn counts (blocks, cells) into the first slot of each block and cell, in place.

    Return the first slot of each cell, with the total at the end.
    """
    blocks, keys = counts.shape
    out = np.empty(keys + 1, np.int32)
    total = 0
    for k in range(keys):
        out[k] = total
        for b in range(blocks):
            n = counts[b, k]
            counts[b, k] = total
            total += n
    out[keys] = total
    return out


@njit(cache=True, nogil=True)
def place(
    found,
    cells,
    seed,
    offsets,
    shape,
    spacing,
    first,
    last,
    at,
    points,
    values,
    pixels,
):
    """Sort listed pixels by cell."""
    if first == last:
        return
    row = found[first] // shape[2]
    y, z, start = row % shape[1], row // shape[1], row * shape[2]
    for p in range(first, last):
        pixel = found[p]
        while pixel >= start + shape[2]:
            start, y = start + shape[2], y + 1
            if y == shape[1]:
                y, z = 0, z + 1
        slot = at[cells[p]]
        at[cells[p]] += 1
        points[slot, 0] = F32(pixel - start) * spacing[2] + offsets[-1, pixel]
        points[slot, 1] = F32(y) * spacing[1] + offsets[-2, pixel]
        if len(offsets) == 3:
            points[slot, 2] = F32(z) * spacing[0] + offsets[0, pixel]
        values[slot] = seed[pixel]
        pixels[slot] = pixel


@njit(cache=True, nogil=True)
def queue_up(tops, cell_start, buckets):
    """Chain the cells by the bucket of their best seed; return each bucket's first, and links."""
    blocks, cells = tops.shape
    head, following = np.full(buckets, -1, np.int32), np.empty(cells, np.int32)
    for c in range(cells):
        if cell_start[c] < cell_start[c + 1]:
            rank = tops[0, c]
            for b in range(1, blocks):
                rank = min(rank, tops[b, c])
            following[c] = head[rank >> FINE]
            head[rank >> FINE] = c
    return head, following
