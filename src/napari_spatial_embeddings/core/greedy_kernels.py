"""Compiled loops of the greedy rule.

`proposals` and `clustering` are the only callers. The loops go over the slots that `grid_kernels`
sorted; see there for *pixel*, *cell*, *slot*, *rank* and *bucket*. The *free* slots of a cell are
those without an owner: all of them while the cell is `UNTOUCHED`, later those that are listed from
the cell's first position to its ``free_end``.

Taking an array out of a tuple costs a count of references: what runs once for every cell or slot is
given arrays. numba's cache of compiled code looks at this file alone: touch it when
`grid_kernels` changes.
"""

from __future__ import annotations

import heapq
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled
from .grid_kernels import (
    BUCKET_SHIFT,
    F32,
    ONE_BITS,
    Floats,
    Int,
    Ints,
    Real,
    Slots,
    cell_of,
    rank_of,
)
from .maps import SQUARED_MARGIN
from .proposal_state import Margins, State

EXCLUDED, LOST, FREE = -3, -2, -1
"""Owners of a slot that are no proposal. EXCLUDED: in a locked object or a deleted area. LOST: it
proposed and won nothing, not even itself, as its sigma is no number."""

UNTOUCHED = -1
"""The ``free_end`` of a cell all of whose slots are free."""

PIXEL_BITS = 33
"""Bits of a key that hold the pixel; above them is the seed's rank, so that keys order slots."""

NO_KEY = np.int64(2**63 - 1)
"""The key of a cell without free slots."""

Triple: TypeAlias = tuple[Real, Real, Real]
Range: TypeAlias = tuple[Int, Int]


@compiled()
def exclude(excluded: NDArray[np.bool_], slots: Slots, state: State, first: Int, last: Int) -> None:
    """Take excluded pixels (pixels,) out of a block of cells."""
    for c in range(first, last):
        i, stop = slots.cell_start[c], slots.cell_start[c + 1]
        touched = False
        for slot in range(i, stop):
            if excluded[slots.pixels[slot]]:
                state.owner[slot], touched = EXCLUDED, True
        if touched:
            state.free_end[c] = _list_free(i, stop, state.owner, state.free_slots)


@compiled()
def _list_free(first: Int, last: Int, owner: Ints, free_slots: Ints) -> Int:
    """List the slots of a cell that are free; return where the list ends."""
    at = first
    for slot in range(first, last):
        if owner[slot] == FREE:
            free_slots[at] = slot
            at += 1
    return at


@compiled(inline=True)
def _key(slot: Int, values: Floats, pixels: NDArray[np.integer]) -> Int:
    """Return what orders slots: the seed's rank, and among equals the pixel."""
    return (np.int64(rank_of(values[slot])) << PIXEL_BITS) | np.int64(pixels[slot])


@compiled(inline=True)
def _best(
    c: Int,
    cell_start: Ints,
    values: Floats,
    pixels: NDArray[np.integer],
    free_slots: Ints,
    free_end: Ints,
    first_choice: Ints,
) -> tuple[Int, Int]:
    """Return the lowest key among a cell's free slots, and its slot.

    That of an untouched cell is remembered; its slots are in the order of their pixels.
    """
    if free_end[c] == UNTOUCHED:
        first: Int = first_choice[c]
        if first < 0:
            first = cell_start[c]
            for slot in range(first + 1, cell_start[c + 1]):
                if values[slot] > values[first]:
                    first = slot
            first_choice[c] = first
        return _key(first, values, pixels), first
    key, best = NO_KEY, np.int32(-1)
    for i in range(cell_start[c], free_end[c]):
        k = _key(free_slots[i], values, pixels)
        if k < key:
            key, best = k, free_slots[i]
    return key, best


@compiled(inline=True)
def _reached(centre: Real, inverse: Real, origin: Real, scale: Real, n: Int) -> Range:
    """Return the first and last cell that a margin reaches along an axis."""
    if n == 1:
        return 0, 0
    # A little more than the margin: the exact test decides.
    reach = np.sqrt(SQUARED_MARGIN) * F32(1.0001) / inverse
    return cell_of(centre - reach, origin, scale, n), cell_of(centre + reach, origin, scale, n)


@compiled(inline=True)
def _around(
    slot: Int, slots: Slots, margins: Margins
) -> tuple[Triple, Triple, tuple[Range, Range, Range]]:
    """Return what a slot's margin is: centre, one over the widened sigma, and the cells it reaches.

    Each along z, y and x. Sigma may be 0 or no number.
    """
    points, factor = slots.points, margins.factor
    origin, scale, grid = slots.cells.origin, slots.cells.scale, slots.cells.shape
    s = margins.sigma[:, slots.pixels[slot]]
    x, y = points[slot, 0], points[slot, 1]
    z = points[slot, 2] if points.shape[1] == 3 else F32(0)
    ix = F32(1) / (s[-1] * factor)
    iy = F32(1) / (s[-2] * factor) if len(s) > 1 else ix
    iz = F32(1) / (s[0] * factor) if len(s) == 3 else (ix if len(s) == 1 else F32(0))
    reached = (
        _reached(z, iz, origin[0], scale[0], grid[0]),
        _reached(y, iy, origin[1], scale[1], grid[1]),
        _reached(x, ix, origin[2], scale[2], grid[2]),
    )
    return (z, y, x), (iz, iy, ix), reached


@compiled(inline=True)
def _squared_distance(j: Int, centre: Triple, inverse: Triple, points: Floats) -> Real:
    """Return a slot's squared distance from a centre, as `maps.squared_distance`."""
    ty = (points[j, 1] - centre[1]) * inverse[1]
    tx = (points[j, 0] - centre[2]) * inverse[2]
    if points.shape[1] == 2:
        return ty * ty + tx * tx
    tz = (points[j, 2] - centre[0]) * inverse[0]
    return tz * tz + ty * ty + tx * tx


@compiled()
def _claim_all_free(
    proposal: Int, centre: Triple, inverse: Triple, points: Floats, owner: Ints
) -> Int:
    """Let a proposal own what is within its margin of some free points; return how many it won.

    Without a branch, so that the processor does many at a time.
    """
    won = 0
    for j in range(len(owner)):
        near = _squared_distance(j, centre, inverse, points) < SQUARED_MARGIN
        owner[j] = proposal if near else FREE
        won += near
    return won


@compiled()
def _claim(
    proposal: Int, slot: Int, slots: Slots, margins: Margins, state: State
) -> tuple[Int, bool]:
    """Give a proposal what is free within the margin of its slot.

    Return how much that was, and whether every cell it reaches was untouched: then it is all that
    is within the margin.
    """
    points, cell_start, grid = slots.points, slots.cell_start, slots.cells.shape
    owner, free_slots, free_end = state.owner, state.free_slots, state.free_end
    centre, inverse, ((z0, z1), (y0, y1), (x0, x1)) = _around(slot, slots, margins)
    won, alone = 0, True
    for cz in range(z0, z1 + 1):
        for cy in range(y0, y1 + 1):
            row = (cz * grid[1] + cy) * grid[2]
            for c in range(row + x0, row + x1 + 1):
                i, stop = cell_start[c], cell_start[c + 1]
                if i == stop:
                    continue
                if free_end[c] == UNTOUCHED:
                    new = _claim_all_free(proposal, centre, inverse, points[i:stop], owner[i:stop])
                    won += new
                    if new == stop - i:
                        free_end[c] = i
                    elif new:
                        free_end[c] = _list_free(i, stop, owner, free_slots)
                    continue
                alone = False
                stop = free_end[c]
                while i < stop:
                    j = free_slots[i]
                    if _squared_distance(j, centre, inverse, points) < SQUARED_MARGIN:
                        owner[j] = proposal
                        won += 1
                        stop -= 1
                        free_slots[i] = free_slots[stop]
                    else:
                        i += 1
                free_end[c] = stop
    return won, alone


@compiled()
def propose(
    until: Real, first_bucket: Int, proposals: Int, slots: Slots, margins: Margins, state: State
) -> tuple[Int, Int]:
    """Let the free pixels propose by descending seed, down to the seed value ``until``.

    Each takes what is free within its margin. Ties go to the lower pixel. Cells wait in the bucket
    of their best free slot; when a bucket's turn comes, its cells are looked at again (most are
    empty by then) and go through a heap.

    Parameters
    ----------
    until : float32
    first_bucket, proposals : int
        Where an earlier call stopped, or 0.

    Returns
    -------
    proposals, bucket : int
        The number of proposals so far, and the bucket to go on from.
    """
    values, pixels, cell_start = slots.values, slots.pixels, slots.cell_start
    free_slots, free_end, first_choice = state.free_slots, state.free_end, state.first_choice
    head, following, owner = state.head, state.following, state.owner
    last_rank = rank_of(until) if until > 0 else ONE_BITS
    last_bucket = min(last_rank >> BUCKET_SHIFT, len(head) - 1)
    heap = [(NO_KEY, np.int32(-1), np.int32(-1))]
    heap.pop()
    for bucket in range(first_bucket, last_bucket + 1):
        c = head[bucket]
        head[bucket] = -1
        while c >= 0:
            then = following[c]
            key, slot = _best(c, cell_start, values, pixels, free_slots, free_end, first_choice)
            _enqueue(key, slot, c, bucket, heap, head, following)
            c = then
        while len(heap) and (heap[0][0] >> PIXEL_BITS) <= last_rank:
            _, slot, c = heapq.heappop(heap)
            if owner[slot] == FREE:
                won, alone = _claim(proposals, slot, slots, margins, state)
                if owner[slot] == FREE:  # its own sigma is not a number
                    _remove(slot, c, cell_start, free_slots, free_end)
                    owner[slot] = LOST
                state.slot[proposals] = slot
                state.won[proposals] = won
                state.alone[proposals] = alone
                proposals += 1
            key, slot = _best(c, cell_start, values, pixels, free_slots, free_end, first_choice)
            _enqueue(key, slot, c, bucket, heap, head, following)
        while len(heap):  # seeds of this bucket below ``until``
            _, _, c = heap.pop()
            following[c] = head[bucket]
            head[bucket] = c
    return proposals, last_bucket


@compiled(inline=True)
def _enqueue(
    key: Int,
    slot: Int,
    c: Int,
    bucket: Int,
    heap: list[tuple[Int, Int, Int]],
    head: Ints,
    following: Ints,
) -> None:
    """Let a cell wait for its best slot's turn: in the heap, or in a later bucket."""
    if key != NO_KEY:
        b = key >> (PIXEL_BITS + BUCKET_SHIFT)
        if b == bucket:
            heapq.heappush(heap, (key, np.int32(slot), np.int32(c)))
        else:
            following[c] = head[b]
            head[b] = c


@compiled()
def _remove(slot: Int, c: Int, cell_start: Ints, free_slots: Ints, free_end: Ints) -> None:
    """Take one slot off its cell's list."""
    if free_end[c] == UNTOUCHED:
        free_end[c] = cell_start[c + 1]
        for j in range(cell_start[c], cell_start[c + 1]):
            free_slots[j] = j
    free_end[c] -= 1
    for i in range(cell_start[c], free_end[c]):
        if free_slots[i] == slot:
            free_slots[i] = free_slots[free_end[c]]


@compiled()
def count_within_margin(chosen: Ints, threshold: Real, slots: Slots, margins: Margins) -> Ints:
    """Count the foreground within the margins of some slots (n,), free or not; int32 (n,)."""
    points, values, cell_start = slots.points, slots.values, slots.cell_start
    grid, total = slots.cells.shape, np.empty(len(chosen), np.int32)
    for k in range(len(chosen)):
        centre, inverse, ((z0, z1), (y0, y1), (x0, x1)) = _around(chosen[k], slots, margins)
        n = 0
        for cz in range(z0, z1 + 1):
            for cy in range(y0, y1 + 1):
                row = (cz * grid[1] + cy) * grid[2]
                for j in range(cell_start[row + x0], cell_start[row + x1 + 1]):
                    near = _squared_distance(j, centre, inverse, points) < SQUARED_MARGIN
                    n += near & (values[j] > threshold)
        total[k] = n
    return total
