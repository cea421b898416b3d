"""Compiled loops of the clustering. `clustering` explains them and is the only caller.

Everything works on three axes; an image is a volume of one slice. The loops release the GIL, so
plain threads run them side by side; nothing here depends on numba's own threading layers.

Vocabulary: a *pixel* is a flat index into the image. Foreground pixels are sorted by the grid
*cell* that their embedding falls in; their position in that order is their *slot*, and a *point* is
what is kept of each: z, y, x of the embedding, and the seed value. The *alive* slots of a cell are
those that nobody owns yet, listed from the cell's first position to its ``alive_end``.
"""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit

F32 = np.float32

TAKEN, OUTSIDE, FREE = -3, -2, -1
"""Owners of a slot that are no proposal. OUTSIDE: background since the threshold rose. TAKEN: a
person's decision, foreground that nobody may have."""

ONE_BITS = 0x3F800000
"""The bits of float32 1.0. Floats in [0, 1] order as their bits do."""

FINE = 12
"""Bits of a seed's rank that its bucket does not resolve."""

PIXEL_BITS = 33
"""Bits of a key that hold the pixel; above them is the seed's rank, so that keys order slots."""

NOBODY = np.int64(2**63 - 1)
"""The key of a cell without alive slots."""


@njit(cache=True, nogil=True)
def count_above(seed, threshold, first, last):
    """Count the pixels of a block that are foreground."""
    n = 0
    for i in range(first, last):
        n += seed[i] > threshold
    return n


@njit(cache=True, nogil=True)
def list_above(seed, threshold, first, last, pixels, at):
    """List the pixels of a block that are foreground."""
    for i in range(first, last):
        if seed[i] > threshold:
            pixels[at] = i
            at += 1


@njit(cache=True, nogil=True, inline="always")
def _embed(pixel, shape, spacing, offsets):
    """Return the three coordinates of a pixel's embedding; float32, rounded as numpy rounds."""
    rest = pixel // shape[2]
    x = F32(pixel - rest * shape[2]) * spacing[2] + offsets[-1, pixel]
    z = rest // shape[1]
    y = F32(rest - z * shape[1]) * spacing[1] + offsets[-2, pixel]
    if len(offsets) == 3:
        return F32(z) * spacing[0] + offsets[0, pixel], y, x
    return F32(0), y, x


@njit(cache=True, nogil=True, inline="always")
def _cell(value, origin, scale, n):
    """Return the cell of a coordinate; clamped, so far outliers share the outermost cells."""
    at = (value - origin) * scale
    if not at > 0:
        return 0
    return min(int(at), n - 1) if at < 2147483000 else n - 1


@njit(cache=True, nogil=True)
def find_cells(
    pixels, offsets, shape, spacing, origin, scale, grid, first, last, cells, count,
):
    """Find the grid cell of each foreground pixel of a block, and count them by cell."""
    for p in range(first, last):
        z, y, x = _embed(pixels[p], shape, spacing, offsets)
        c = _cell(z, origin[0], scale[0], grid[0])
        c = c * grid[1] + _cell(y, origin[1], scale[1], grid[1])
        c = c * grid[2] + _cell(x, origin[2], scale[2], grid[2])
        cells[p] = c
        count[c] += 1


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
    pixels, seed, offsets, shape, spacing, first, last, cells, at, points, slot_pixel,
):
    """Sort a block of foreground pixels by cell."""
    for p in range(first, last):
        slot = at[cells[p]]
        at[cells[p]] += 1
        pixel = pixels[p]
        z, y, x = _embed(pixel, shape, spacing, offsets)
        points[slot, 0], points[slot, 1], points[slot, 2] = z, y, x
        points[slot, 3] = seed[pixel]
        slot_pixel[slot] = pixel


@njit(cache=True, nogil=True, inline="always")
def _best(first, last, alive, points, pixels):
    """Return the lowest key among some alive slots, and its slot."""
    key, best = NOBODY, -1
    for i in range(first, last):
        slot = alive[i]
        rank = max(0, ONE_BITS - F32(points[slot, 3]).view(np.int32))
        k = (np.int64(rank) << PIXEL_BITS) | np.int64(pixels[slot])
        if k < key:
            key, best = k, slot
    return key, best


@njit(cache=True, nogil=True)
def revive(
    cell_start, points, pixels, threshold, taken, first, last, owner, alive, alive_end, keys,
):
    """Free the foreground of a block of cells, list it, and find each cell's best key.

    ``taken`` tells of each pixel whether nobody may have it; if empty, of none.
    """
    for c in range(first, last):
        at = cell_start[c]
        for slot in range(cell_start[c], cell_start[c + 1]):
            if not points[slot, 3] > threshold:
                owner[slot] = OUTSIDE
            elif len(taken) and taken[pixels[slot]]:
                owner[slot] = TAKEN
            else:
                owner[slot] = FREE
                alive[at] = slot
                at += 1
        alive_end[c] = at
        keys[c] = _best(cell_start[c], at, alive, points, pixels)[0]


@njit(cache=True, nogil=True)
def queue_up(keys, buckets):
    """Chain the cells by the bucket of their best seed; return each bucket's first, and links."""
    head, following = np.full(buckets, -1, np.int32), np.empty(len(keys), np.int32)
    for c in range(len(keys)):
        if keys[c] != NOBODY:
            b = keys[c] >> (PIXEL_BITS + FINE)
            following[c] = head[b]
            head[b] = c
    return head, following


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _inverse(sigma, pixel, widen):
    """Return one over margin factor times sigma, along three axes; sigma may be 0 or no number."""
    s = sigma[:, pixel]
    x = F32(1) / (s[-1] * widen)
    y = F32(1) / (s[-2] * widen) if len(s) > 1 else x
    z = F32(1) / (s[0] * widen) if len(s) == 3 else (x if len(s) == 1 else F32(0))
    return z, y, x


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _window(centre, inverse, limit, origin, scale, n):
    """Return the first and last cell that a margin reaches along an axis."""
    if n == 1:
        return 0, 0
    # A little more than the margin: the exact test decides.
    reach = np.sqrt(limit) * F32(1.0001) / inverse
    return _cell(centre - reach, origin, scale, n), _cell(centre + reach, origin, scale, n)


@njit(cache=True, nogil=True, error_model="numpy")
def _take(
    proposal, slot, points, pixels, sigma, widen, limit, origin, scale, grid,
    cell_start, alive, alive_end, owner,
):
    """Give a proposal what is alive within the margin of its slot; return how much that was."""
    z, y, x = points[slot, 0], points[slot, 1], points[slot, 2]
    iz, iy, ix = _inverse(sigma, pixels[slot], widen)
    z0, z1 = _window(z, iz, limit, origin[0], scale[0], grid[0])
    y0, y1 = _window(y, iy, limit, origin[1], scale[1], grid[1])
    x0, x1 = _window(x, ix, limit, origin[2], scale[2], grid[2])
    won = 0
    for cz in range(z0, z1 + 1):
        for cy in range(y0, y1 + 1):
            row = (cz * grid[1] + cy) * grid[2]
            for c in range(row + x0, row + x1 + 1):
                i, stop = cell_start[c], alive_end[c]
                while i < stop:
                    j = alive[i]
                    tz, ty = (points[j, 0] - z) * iz, (points[j, 1] - y) * iy
                    tx = (points[j, 2] - x) * ix
                    if tz * tz + ty * ty + tx * tx < limit:
                        owner[j] = proposal
                        won += 1
                        stop -= 1
                        alive[i] = alive[stop]
                    else:
                        i += 1
                alive_end[c] = stop
    return won


@njit(cache=True, nogil=True)
def propose(
    until, first_bucket, proposals, head, following, points, pixels, sigma, widen, limit,
    origin, scale, grid, cell_start, alive, alive_end, owner, proposal_slot, free,
):
    """Let the free pixels propose by descending seed, down to the seed value ``until``.

    Each takes what is free within its margin. Ties go to the lower pixel. Cells wait in the bucket
    of their best alive slot; when a bucket's turn comes, its cells are looked at again (most are
    empty by then) and go through a heap.

    Return the number of proposals so far and the bucket to go on from.
    """
    last_rank = max(0, ONE_BITS - F32(until).view(np.int32)) if until > 0 else ONE_BITS
    last_bucket = min(last_rank >> FINE, len(head) - 1)
    heap = [(NOBODY, np.int32(-1), np.int32(-1))]
    heap.pop()
    for bucket in range(first_bucket, last_bucket + 1):
        c = head[bucket]
        head[bucket] = -1
        while c >= 0:
            then = following[c]
            key, slot = _best(cell_start[c], alive_end[c], alive, points, pixels)
            _wait(key, slot, c, bucket, heap, head, following)
            c = then
        while len(heap) and (heap[0][0] >> PIXEL_BITS) <= last_rank:
            _, slot, c = heapq.heappop(heap)
            if owner[slot] == FREE:
                won = _take(
                    proposals, slot, points, pixels, sigma, widen, limit, origin, scale, grid,
                    cell_start, alive, alive_end, owner,
                )
                if won == 0:  # its own sigma is not a number
                    _strike(slot, cell_start[c], alive_end[c], alive)
                    alive_end[c] -= 1
                    owner[slot] = proposals
                proposal_slot[proposals] = slot
                free[proposals] = won
                proposals += 1
            key, slot = _best(cell_start[c], alive_end[c], alive, points, pixels)
            _wait(key, slot, c, bucket, heap, head, following)
        while len(heap):  # seeds of this bucket below ``until``
            _, _, c = heap.pop()
            following[c] = head[bucket]
            head[bucket] = c
    return proposals, last_bucket


@njit(cache=True, nogil=True, inline="always")
def _wait(key, slot, c, bucket, heap, head, following):
    """Let a cell wait for its best slot's turn: in the heap, or in a later bucket."""
    if key != NOBODY:
        b = key >> (PIXEL_BITS + FINE)
        if b == bucket:
            heapq.heappush(heap, (key, np.int32(slot), np.int32(c)))
        else:
            following[c] = head[b]
            head[b] = c


@njit(cache=True, nogil=True)
def _strike(slot, first, last, alive):
    """Move a slot to the end of its cell's list."""
    for i in range(first, last):
        if alive[i] == slot:
            alive[i] = alive[last - 1]


@njit(cache=True, nogil=True, error_model="numpy")
def measure(
    chosen, first, last, proposal_slot, points, pixels, sigma, widen, limit,
    origin, scale, grid, cell_start, owner, total,
):
    """Count the whole foreground within the margins of some proposals, free or not."""
    for k in range(first, last):
        slot = proposal_slot[chosen[k]]
        z, y, x = points[slot, 0], points[slot, 1], points[slot, 2]
        iz, iy, ix = _inverse(sigma, pixels[slot], widen)
        z0, z1 = _window(z, iz, limit, origin[0], scale[0], grid[0])
        y0, y1 = _window(y, iy, limit, origin[1], scale[1], grid[1])
        x0, x1 = _window(x, ix, limit, origin[2], scale[2], grid[2])
        n = 0
        for cz in range(z0, z1 + 1):
            for cy in range(y0, y1 + 1):
                row = (cz * grid[1] + cy) * grid[2]
                for j in range(cell_start[row + x0], cell_start[row + x1 + 1]):
                    tz, ty = (points[j, 0] - z) * iz, (points[j, 1] - y) * iy
                    tx = (points[j, 2] - x) * ix
                    n += (tz * tz + ty * ty + tx * tx < limit) & (owner[j] != OUTSIDE)
        total[chosen[k]] = n


@njit(cache=True, nogil=True)
def relabel(pixels, owner, table, first, last, labels):
    """Write the labels of a block of slots; ``table[proposal]`` is 0 where it was refused."""
    for slot in range(first, last):
        if owner[slot] >= 0:
            labels[pixels[slot]] = table[owner[slot]]
