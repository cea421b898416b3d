"""Compiled loops of the clustering. `_proposals` explains them and is the only caller.

Everything works on three axes; an image is a volume of one slice. The loops release the GIL, so
plain threads run them side by side; nothing here depends on numba's own threading layers.

Vocabulary: a *pixel* is a flat index into the image. Foreground pixels are sorted by the grid
*cell* that their embedding falls in; their position in that order is their *slot*. Of each slot a
*point* is kept, x, y and in volumes z of the embedding, and its *value*, the seed. The *alive*
slots of a cell are those that nobody owns yet: all of them while the cell is `WHOLE`, later those
that are listed from the cell's first position to its ``alive_end``.
"""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit

F32 = np.float32

TAKEN, LOST, FREE = -3, -2, -1
"""Owners of a slot that are no proposal. TAKEN: a person's decision, nobody may have it. LOST: it
had its turn and won nothing, not even itself, as its sigma is no number."""

WHOLE = -1
"""The ``alive_end`` of a cell that nobody took anything of."""

ONE_BITS = 0x3F800000
"""The bits of float32 1.0. Floats in [0, 1] order as their bits do."""

FINE = 12
"""Bits of a seed's rank that its bucket does not resolve."""

PIXEL_BITS = 33
"""Bits of a key that hold the pixel; above them is the seed's rank, so that keys order slots."""

NOBODY = np.int64(2**63 - 1)
"""The key of a cell without alive slots."""


@njit(cache=True, nogil=True, inline="always")
def _cell(value, origin, scale, n):
    """Return the cell of a coordinate; clamped, so far outliers share the outermost cells."""
    at = (value - origin) * scale
    if not at > 0:
        return 0
    return min(int(at), n - 1) if at < 2147483000 else n - 1


@njit(cache=True, nogil=True)
def find(
    seed, threshold, offsets, shape, spacing, origin, scale, grid, first, last, pixels, cells,
    count, top,
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
                    c = _cell(fixed_z + offsets[0, i], origin[0], scale[0], grid[0])
                c = c * grid[1] + _cell(fixed_y + offsets[-2, i], origin[1], scale[1], grid[1])
                far = F32(x + i - row) * spacing[2] + offsets[-1, i]
                c = c * grid[2] + _cell(far, origin[2], scale[2], grid[2])
                pixels[at], cells[at] = i, c
                at += 1
                count[c] += 1
                top[c] = min(top[c], max(0, ONE_BITS - F32(seed[i]).view(np.int32)))
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
    found, cells, seed, offsets, shape, spacing, first, last, at, points, values, pixels,
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


@njit(cache=True, nogil=True)
def withhold(taken, pixels, cell_start, first, last, owner, alive, alive_end):
    """Take what nobody may have out of a block of cells; ``taken`` tells of each pixel."""
    for c in range(first, last):
        for slot in range(cell_start[c], cell_start[c + 1]):
            if taken[pixels[slot]]:
                owner[slot] = TAKEN
                alive_end[c] = cell_start[c]
        if alive_end[c] != WHOLE:
            for slot in range(cell_start[c], cell_start[c + 1]):
                if owner[slot] == FREE:
                    alive[alive_end[c]] = slot
                    alive_end[c] += 1


@njit(cache=True, nogil=True, inline="always")
def _key(slot, values, pixels):
    """Return what orders slots: the seed's rank, and among equals the pixel."""
    rank = max(0, ONE_BITS - F32(values[slot]).view(np.int32))
    return (np.int64(rank) << PIXEL_BITS) | np.int64(pixels[slot])


@njit(cache=True, nogil=True, inline="always")
def _best(c, cell_start, alive, alive_end, first_choice, values, pixels):
    """Return the lowest key among a cell's alive slots, and its slot.

    A whole cell's best is remembered in ``first_choice``, where -1 is unknown; its slots are in the
    order of their pixels.
    """
    if alive_end[c] == WHOLE:
        best = first_choice[c]
        if best < 0:
            best = cell_start[c]
            for slot in range(best + 1, cell_start[c + 1]):
                if values[slot] > values[best]:
                    best = slot
            first_choice[c] = best
        return _key(best, values, pixels), best
    key, best = NOBODY, np.int32(-1)
    for i in range(cell_start[c], alive_end[c]):
        k = _key(alive[i], values, pixels)
        if k < key:
            key, best = k, alive[i]
    return key, best


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


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _furthest(centre, inverse, c, origin, scale, n):
    """Return the square of the largest distance that a cell's values may have along an axis.

    A little more, for what rounding moved across a border; infinite for the outermost cells, where
    outliers and what is no number are.
    """
    if c == 0 or c == n - 1:
        return F32(np.inf)
    low, high = origin + F32(c) / scale, origin + F32(c + 1) / scale
    t = (max(centre - low, high - centre) + F32(0.01) + F32(1e-6) * high) * inverse
    return t * t


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _square(j, z, y, x, iz, iy, ix, points):
    """Return a slot's squared distance from a centre, in units of sigma."""
    ty, tx = (points[j, 1] - y) * iy, (points[j, 0] - x) * ix
    if points.shape[1] == 2:
        return ty * ty + tx * tx
    tz = (points[j, 2] - z) * iz
    return tz * tz + ty * ty + tx * tx


@njit(cache=True, nogil=True, error_model="numpy")
def _take(
    proposal, slot, points, pixels, sigma, widen, limit, origin, scale, grid,
    cell_start, alive, alive_end, owner,
):
    """Give a proposal what is alive within the margin of its slot.

    Return how much that was, and whether no cell was looked at of which others had taken anything:
    then it is all that is within the margin.
    """
    x, y = points[slot, 0], points[slot, 1]
    z = points[slot, 2] if points.shape[1] == 3 else F32(0)
    iz, iy, ix = _inverse(sigma, pixels[slot], widen)
    z0, z1 = _window(z, iz, limit, origin[0], scale[0], grid[0])
    y0, y1 = _window(y, iy, limit, origin[1], scale[1], grid[1])
    x0, x1 = _window(x, ix, limit, origin[2], scale[2], grid[2])
    won, alone = 0, True
    within = limit * F32(0.999)
    for cz in range(z0, z1 + 1):
        far_z = F32(0)
        if points.shape[1] == 3:
            far_z = _furthest(z, iz, cz, origin[0], scale[0], grid[0])
        for cy in range(y0, y1 + 1):
            far_y = far_z + _furthest(y, iy, cy, origin[1], scale[1], grid[1])
            row = (cz * grid[1] + cy) * grid[2]
            for cx in range(x0, x1 + 1):
                c = row + cx
                i, stop = cell_start[c], cell_start[c + 1]
                if i == stop:
                    continue
                if alive_end[c] == WHOLE:
                    if far_y + _furthest(x, ix, cx, origin[2], scale[2], grid[2]) < within:
                        owner[i:stop] = proposal
                        won += stop - i
                        alive_end[c] = i
                        continue
                    at = i
                    for j in range(i, stop):
                        if _square(j, z, y, x, iz, iy, ix, points) < limit:
                            owner[j] = proposal
                        else:
                            alive[at] = j
                            at += 1
                    won += stop - at
                    if at < stop:
                        alive_end[c] = at
                    continue
                alone = False
                stop = alive_end[c]
                while i < stop:
                    j = alive[i]
                    if _square(j, z, y, x, iz, iy, ix, points) < limit:
                        owner[j] = proposal
                        won += 1
                        stop -= 1
                        alive[i] = alive[stop]
                    else:
                        i += 1
                alive_end[c] = stop
    return won, alone


@njit(cache=True, nogil=True)
def propose(
    until, first_bucket, proposals, head, following, points, values, pixels, sigma, widen, limit,
    origin, scale, grid, cell_start, first_choice, alive, alive_end, owner, proposal_slot, free,
    alone,
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
            key, slot = _best(c, cell_start, alive, alive_end, first_choice, values, pixels)
            _wait(key, slot, c, bucket, heap, head, following)
            c = then
        while len(heap) and (heap[0][0] >> PIXEL_BITS) <= last_rank:
            _, slot, c = heapq.heappop(heap)
            if owner[slot] == FREE:
                won, unshared = _take(
                    proposals, slot, points, pixels, sigma, widen, limit, origin, scale, grid,
                    cell_start, alive, alive_end, owner,
                )
                if owner[slot] == FREE:  # its own sigma is not a number
                    _strike(slot, c, cell_start, alive, alive_end)
                    owner[slot] = LOST
                proposal_slot[proposals] = slot
                free[proposals] = won
                alone[proposals] = unshared
                proposals += 1
            key, slot = _best(c, cell_start, alive, alive_end, first_choice, values, pixels)
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
def _strike(slot, c, cell_start, alive, alive_end):
    """Take one slot off its cell's list."""
    if alive_end[c] == WHOLE:
        alive_end[c] = cell_start[c + 1]
        for j in range(cell_start[c], cell_start[c + 1]):
            alive[j] = j
    alive_end[c] -= 1
    for i in range(cell_start[c], alive_end[c]):
        if alive[i] == slot:
            alive[i] = alive[alive_end[c]]


@njit(cache=True, nogil=True, error_model="numpy")
def measure(
    chosen, first, last, threshold, proposal_slot, points, values, pixels, sigma, widen, limit,
    origin, scale, grid, cell_start, total,
):
    """Count the whole foreground within the margins of some proposals, free or not."""
    for k in range(first, last):
        slot = proposal_slot[chosen[k]]
        x, y = points[slot, 0], points[slot, 1]
        z = points[slot, 2] if points.shape[1] == 3 else F32(0)
        iz, iy, ix = _inverse(sigma, pixels[slot], widen)
        z0, z1 = _window(z, iz, limit, origin[0], scale[0], grid[0])
        y0, y1 = _window(y, iy, limit, origin[1], scale[1], grid[1])
        x0, x1 = _window(x, ix, limit, origin[2], scale[2], grid[2])
        n = 0
        for cz in range(z0, z1 + 1):
            for cy in range(y0, y1 + 1):
                row = (cz * grid[1] + cy) * grid[2]
                for j in range(cell_start[row + x0], cell_start[row + x1 + 1]):
                    near = _square(j, z, y, x, iz, iy, ix, points) < limit
                    n += near & (values[j] > threshold)
        total[chosen[k]] = n


@njit(cache=True, nogil=True)
def count(owner, values, threshold, first, last, free):
    """Count the slots of a block that each proposal owns, as far as they are foreground."""
    for slot in range(first, last):
        if owner[slot] >= 0 and values[slot] > threshold:
            free[owner[slot]] += 1


@njit(cache=True, nogil=True)
def relabel(pixels, owner, values, threshold, table, first, last, labels):
    """Write the labels of a block of slots; ``table[proposal]`` is 0 where it was refused."""
    for slot in range(first, last):
        if owner[slot] >= 0 and values[slot] > threshold:
            labels[pixels[slot]] = table[owner[slot]]
