"""Compiled loops of the clustering. `clustering` explains them and is the only caller.

Everything works on three axes; an image is a volume of one slice. The loops release the GIL, so
plain threads run them side by side; nothing here depends on numba's own threading layers.

Vocabulary: a *pixel* is a flat index into the image; *foreground* pixels are numbered in raster
order by their *place* and, sorted by the grid cell that their embedding falls in, by their *slot*.
"""

from __future__ import annotations

import numpy as np
from numba import njit

F32 = np.float32

OUTSIDE, FREE, TAKEN = 0, 1, 2
"""States of a slot. OUTSIDE: no longer foreground, since the threshold rose after the build."""

ONE_BITS = 0x3F800000
"""The bits of float32 1.0. Floats in [0, 1] order as their bits do."""

FINE = 12
"""Bits of the seed's key that a bucket does not resolve."""


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
def find_keys(
    pixels, bits, offsets, shape, spacing, origin, scale, grid, first, last,
    cells, buckets, cell_count, bucket_count,
):
    """Find the grid cell and the seed bucket of a block of places, and count both."""
    for p in range(first, last):
        z, y, x = _embed(pixels[p], shape, spacing, offsets)
        c = _cell(z, origin[0], scale[0], grid[0])
        c = c * grid[1] + _cell(y, origin[1], scale[1], grid[1])
        c = c * grid[2] + _cell(x, origin[2], scale[2], grid[2])
        cells[p] = c
        cell_count[c] += 1
        b = max(0, ONE_BITS - bits[pixels[p]]) >> FINE
        buckets[p] = b
        bucket_count[b] += 1


@njit(cache=True, nogil=True)
def starts(counts):
    """Turn counts (blocks, keys) into the first position of each block and key, in place.

    Return the first position of each key, with the total at the end.
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
    pixels, seed, offsets, shape, spacing, first, last, cells, buckets,
    cell_at, bucket_at, slots, queue, e, value,
):
    """Sort a block of places by cell (their slots) and by bucket (the queue); both stable."""
    for p in range(first, last):
        slot = cell_at[cells[p]]
        cell_at[cells[p]] += 1
        slots[p] = slot
        pixel = pixels[p]
        z, y, x = _embed(pixel, shape, spacing, offsets)
        e[0, slot], e[1, slot], e[2, slot] = z, y, x
        value[slot] = seed[pixel]
        queue[bucket_at[buckets[p]]] = p
        bucket_at[buckets[p]] += 1


@njit(cache=True, nogil=True)
def revive(cell_start, value, threshold, first, last, state, alive, alive_end):
    """Make the foreground of a block of cells free, and list it by cell."""
    for c in range(first, last):
        at = cell_start[c]
        for slot in range(cell_start[c], cell_start[c + 1]):
            if value[slot] > threshold:
                state[slot] = FREE
                alive[at] = slot
                at += 1
            else:
                state[slot] = OUTSIDE
        alive_end[c] = at


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
def propose(
    until, bucket_start, first_bucket, proposals, pixels, bits, sigma, widen, limit,
    origin, scale, grid, cell_start, queue, slots, e, state, alive, alive_end, owner,
    proposal_slot, proposal_pixel, free,
):
    """Go through the free pixels by descending seed, down to the seed value ``until``.

    Each proposes the foreground within its margin and takes what is free of it. Only free pixels
    are looked at: those taken are struck off their cell's list. A bucket is sorted when its turn
    comes, by when most of its pixels are taken. Ties go to the lower pixel index.

    Return the number of proposals so far and the bucket to go on from.
    """
    last_key = max(0, ONE_BITS - F32(until).view(np.int32)) if until > 0 else 2147483647
    last_bucket = min(last_key >> FINE, len(bucket_start) - 2)
    waiting = np.empty(0, np.int32)
    keys = np.empty(0, np.int32)
    for bucket in range(first_bucket, last_bucket + 1):
        begin, end = bucket_start[bucket], bucket_start[bucket + 1]
        if end - begin > len(waiting):
            waiting = np.empty(2 * (end - begin), np.int32)
            keys = np.empty(2 * (end - begin), np.int32)
        n = 0
        for q in range(begin, end):
            p = queue[q]
            if state[slots[p]] == FREE:
                key = max(0, ONE_BITS - bits[pixels[p]])
                if key <= last_key:
                    waiting[n] = p
                    keys[n] = key
                    n += 1
        order = _order(keys, n)
        for w in range(n):
            p = waiting[order[w]]
            slot = slots[p]
            if state[slot] != FREE:
                continue
            z, y, x = e[0, slot], e[1, slot], e[2, slot]
            iz, iy, ix = _inverse(sigma, pixels[p], widen)
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
                            tz, ty = (e[0, j] - z) * iz, (e[1, j] - y) * iy
                            tx = (e[2, j] - x) * ix
                            if tz * tz + ty * ty + tx * tx < limit:
                                if state[j] == FREE:
                                    won += 1
                                    state[j] = TAKEN
                                    owner[j] = proposals
                                stop -= 1
                                alive[i] = alive[stop]
                            else:
                                i += 1
                        alive_end[c] = stop
            if state[slot] == FREE:  # only if its own sigma is not a number
                state[slot] = TAKEN
                owner[slot] = proposals
            proposal_slot[proposals] = slot
            proposal_pixel[proposals] = pixels[p]
            free[proposals] = won
            proposals += 1
    return proposals, last_bucket


@njit(cache=True, nogil=True, error_model="numpy")
def measure(
    chosen, first, last, proposal_slot, proposal_pixel, sigma, widen, limit,
    origin, scale, grid, cell_start, e, state, total,
):
    """Count the whole foreground within the margins of some proposals, free or not."""
    for k in range(first, last):
        proposal = chosen[k]
        slot = proposal_slot[proposal]
        z, y, x = e[0, slot], e[1, slot], e[2, slot]
        iz, iy, ix = _inverse(sigma, proposal_pixel[proposal], widen)
        z0, z1 = _window(z, iz, limit, origin[0], scale[0], grid[0])
        y0, y1 = _window(y, iy, limit, origin[1], scale[1], grid[1])
        x0, x1 = _window(x, ix, limit, origin[2], scale[2], grid[2])
        n = 0
        for cz in range(z0, z1 + 1):
            for cy in range(y0, y1 + 1):
                row = (cz * grid[1] + cy) * grid[2]
                for j in range(cell_start[row + x0], cell_start[row + x1 + 1]):
                    tz, ty, tx = (e[0, j] - z) * iz, (e[1, j] - y) * iy, (e[2, j] - x) * ix
                    n += (tz * tz + ty * ty + tx * tx < limit) & (state[j] != OUTSIDE)
        total[proposal] = n


@njit(cache=True, nogil=True)
def _order(keys, n):
    """Return the stable order of ``keys[:n]``, which share all but their lowest bits."""
    order = np.empty(n, np.int32)
    if n < 128:
        for i in range(n):
            k = i
            while k > 0 and keys[order[k - 1]] > keys[i]:
                order[k] = order[k - 1]
                k -= 1
            order[k] = i
        return order
    mask = (1 << FINE) - 1
    at = np.zeros(mask + 2, np.int32)
    for i in range(n):
        at[(keys[i] & mask) + 1] += 1
    for k in range(mask + 1):
        at[k + 1] += at[k]
    for i in range(n):
        k = keys[i] & mask
        order[at[k]] = i
        at[k] += 1
    return order


@njit(cache=True, nogil=True)
def relabel(pixels, slots, state, owner, table, first, last, labels):
    """Write the labels of a block of places; ``table[proposal]`` is 0 where it was refused."""
    for p in range(first, last):
        slot = slots[p]
        if state[slot] == TAKEN:
            labels[pixels[p]] = table[owner[slot]]
