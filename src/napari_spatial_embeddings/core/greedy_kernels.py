"""Compiled loops of the greedy rule. `_proposals` explains them and is the only caller.

They go over the slots that `_cells` sorted, see there for what the words mean. The *alive* slots of
a cell are those that nobody owns yet: all of them while the cell is `WHOLE`, later those that are
listed from the cell's first position to its ``alive_end``.

numba's cache of compiled code looks at this file alone: touch it when `_cells` changes.
"""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit

from .grid_kernels import F32, FINE, ONE_BITS, cell_of, rank_of

TAKEN, LOST, FREE = -3, -2, -1
"""Owners of a slot that are no proposal. TAKEN: a person's decision, nobody may have it. LOST: it
had its turn and won nothing, not even itself, as its sigma is no number."""

WHOLE = -1
"""The ``alive_end`` of a cell that nobody took anything of."""

PIXEL_BITS = 33
"""Bits of a key that hold the pixel; above them is the seed's rank, so that keys order slots."""

NOBODY = np.int64(2**63 - 1)
"""The key of a cell without alive slots."""


@njit(cache=True, nogil=True)
def withhold(taken, pixels, cell_start, first, last, owner, alive, alive_end):
    """Take what nobody may have out of a block of cells; ``taken`` tells of each pixel."""
    for c in range(first, last):
        i, stop = cell_start[c], cell_start[c + 1]
        touched = False
        for slot in range(i, stop):
            if taken[pixels[slot]]:
                owner[slot], touched = TAKEN, True
        if touched:
            alive_end[c] = _list_free(i, stop, owner, alive)


@njit(cache=True, nogil=True)
def _list_free(first, last, owner, alive):
    """List the slots of a cell that are free; return where the list ends."""
    at = first
    for slot in range(first, last):
        if owner[slot] == FREE:
            alive[at] = slot
            at += 1
    return at


@njit(cache=True, nogil=True, inline="always")
def _key(slot, values, pixels):
    """Return what orders slots: the seed's rank, and among equals the pixel."""
    return (np.int64(rank_of(values[slot])) << PIXEL_BITS) | np.int64(pixels[slot])


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
def _reached(centre, inverse, limit, origin, scale, n):
    """Return the first and last cell that a margin reaches along an axis."""
    if n == 1:
        return 0, 0
    # A little more than the margin: the exact test decides.
    reach = np.sqrt(limit) * F32(1.0001) / inverse
    return cell_of(centre - reach, origin, scale, n), cell_of(centre + reach, origin, scale, n)


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _around(slot, points, pixels, sigma, widen, limit, origin, scale, grid):
    """Return what a slot's margin is: centre, one over the widened sigma, and the cells it reaches.

    Each along z, y and x. Sigma may be 0 or no number.
    """
    s = sigma[:, pixels[slot]]
    x, y = points[slot, 0], points[slot, 1]
    z = points[slot, 2] if points.shape[1] == 3 else F32(0)
    ix = F32(1) / (s[-1] * widen)
    iy = F32(1) / (s[-2] * widen) if len(s) > 1 else ix
    iz = F32(1) / (s[0] * widen) if len(s) == 3 else (ix if len(s) == 1 else F32(0))
    cells = (
        _reached(z, iz, limit, origin[0], scale[0], grid[0]),
        _reached(y, iy, limit, origin[1], scale[1], grid[1]),
        _reached(x, ix, limit, origin[2], scale[2], grid[2]),
    )
    return (z, y, x), (iz, iy, ix), cells


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _square(j, centre, inverse, points):
    """Return a slot's squared distance from a centre, in units of sigma."""
    ty = (points[j, 1] - centre[1]) * inverse[1]
    tx = (points[j, 0] - centre[2]) * inverse[2]
    if points.shape[1] == 2:
        return ty * ty + tx * tx
    tz = (points[j, 2] - centre[0]) * inverse[0]
    return tz * tz + ty * ty + tx * tx


@njit(cache=True, nogil=True, error_model="numpy")
def _claim(proposal, points, centre, inverse, limit, owner):
    """Let a proposal own what is within its margin of some free points; return how many it won.

    Without a branch, so that the processor does many at a time.
    """
    won = 0
    for j in range(len(owner)):
        near = _square(j, centre, inverse, points) < limit
        owner[j] = proposal if near else FREE
        won += near
    return won


@njit(cache=True, nogil=True, error_model="numpy")
def _take(
    proposal,
    slot,
    points,
    pixels,
    sigma,
    widen,
    limit,
    origin,
    scale,
    grid,
    cell_start,
    alive,
    alive_end,
    owner,
):
    """Give a proposal what is alive within the margin of its slot.

    Return how much that was, and whether no cell was looked at of which others had taken anything:
    then it is all that is within the margin.
    """
    centre, inverse, ((z0, z1), (y0, y1), (x0, x1)) = _around(
        slot, points, pixels, sigma, widen, limit, origin, scale, grid
    )
    won, alone = 0, True
    for cz in range(z0, z1 + 1):
        for cy in range(y0, y1 + 1):
            row = (cz * grid[1] + cy) * grid[2]
            for c in range(row + x0, row + x1 + 1):
                i, stop = cell_start[c], cell_start[c + 1]
                if i == stop:
                    continue
                if alive_end[c] == WHOLE:
                    new = _claim(proposal, points[i:stop], centre, inverse, limit, owner[i:stop])
                    won += new
                    if new == stop - i:
                        alive_end[c] = i
                    elif new:
                        alive_end[c] = _list_free(i, stop, owner, alive)
                    continue
                alone = False
                stop = alive_end[c]
                while i < stop:
                    j = alive[i]
                    if _square(j, centre, inverse, points) < limit:
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
    until,
    first_bucket,
    proposals,
    head,
    following,
    points,
    values,
    pixels,
    sigma,
    widen,
    limit,
    origin,
    scale,
    grid,
    cell_start,
    first_choice,
    alive,
    alive_end,
    owner,
    proposal_slot,
    free,
    alone,
):
    """Let the free pixels propose by descending seed, down to the seed value ``until``.

    Each takes what is free within its margin. Ties go to the lower pixel. Cells wait in the bucket
    of their best alive slot; when a bucket's turn comes, its cells are looked at again (most are
    empty by then) and go through a heap.

    Return the number of proposals so far and the bucket to go on from.
    """
    last_rank = rank_of(until) if until > 0 else ONE_BITS
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
                    proposals,
                    slot,
                    points,
                    pixels,
                    sigma,
                    widen,
                    limit,
                    origin,
                    scale,
                    grid,
                    cell_start,
                    alive,
                    alive_end,
                    owner,
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
    chosen,
    first,
    last,
    threshold,
    proposal_slot,
    points,
    values,
    pixels,
    sigma,
    widen,
    limit,
    origin,
    scale,
    grid,
    cell_start,
    total,
):
    """Count the whole foreground within the margins of some proposals, free or not."""
    for k in range(first, last):
        centre, inverse, ((z0, z1), (y0, y1), (x0, x1)) = _around(
            proposal_slot[chosen[k]], points, pixels, sigma, widen, limit, origin, scale, grid
        )
        n = 0
        for cz in range(z0, z1 + 1):
            for cy in range(y0, y1 + 1):
                row = (cz * grid[1] + cy) * grid[2]
                for j in range(cell_start[row + x0], cell_start[row + x1 + 1]):
                    near = _square(j, centre, inverse, points) < limit
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
