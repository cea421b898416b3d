"""Compiled loops that sort the foreground of an image by the grid cells of its embeddings.

`grid` is the only caller. Everything works on three axes; an image is a volume of one slice.

A *pixel* is a flat index into the image. Foreground pixels are sorted by the grid *cell* that their
embedding falls in; their position in that order is their *slot*. Of each slot a *point* is kept, x,
y and in volumes z of the embedding, and its *value*, the seed. A seed's *rank* counts down from 1:
the number of floats between it and 1. Ranks that differ only in their last bits share a *bucket*.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled

F32 = np.float32

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

Int: TypeAlias = Any
Real: TypeAlias = Any
"""Numbers whose width numba finds when it compiles a function for them."""

ONE_BITS = 0x3F800000
"""The bits of float32 1.0. Floats in [0, 1] order as their bits do."""

BUCKET_SHIFT = 12
"""Bits of a seed's rank that its bucket does not resolve."""


class FlatMaps(NamedTuple):
    """The maps of one image with n pixels and D axes.

    Parameters
    ----------
    offsets : float32 (D, n), pixels of the finest axis
    sigma : float32 (1 or D, n), pixels of the finest axis
    seed : float32 (n,), 0 to 1
        The highest of the classes.
    shape : int64 (3,)
    spacing : float32 (3,)
    """

    offsets: Floats
    sigma: Floats
    seed: Floats
    shape: NDArray[np.int64]
    spacing: Floats


class Cells(NamedTuple):
    """The grid's cells, along z, y and x.

    Parameters
    ----------
    origin : float32 (3,), pixels of the finest axis
        Start of the first cell.
    scale : float32 (3,)
        Cells per pixel of the finest axis.
    shape : int64 (3,)
        Number of cells.
    """

    origin: Floats
    scale: Floats
    shape: NDArray[np.int64]


class Foreground(NamedTuple):
    """The foreground pixels of a block of the image, before they are sorted.

    Parameters
    ----------
    pixels : integer (n,)
        Listed from the position of the block's first pixel on; blocks share the array.
    cells : int32 (n,)
        The cell of each.
    cell_count : int32 (cells,)
        Number of the block's pixels in each cell; later the slot of the next one.
    lowest_rank : int32 (cells,)
        Lowest rank of the block's pixels in each cell.
    """

    pixels: NDArray[np.integer]
    cells: Ints
    cell_count: Ints
    lowest_rank: Ints


class Slots(NamedTuple):
    """The n foreground pixels, sorted by cell.

    Parameters
    ----------
    points : float32 (n, D), pixels of the finest axis
        x, y and in volumes z of the embeddings.
    values : float32 (n,), 0 to 1
        Their seed values.
    pixels : integer (n,)
        Where in the image they are.
    cell_start : int32 (cells + 1,)
        First slot of each cell, and n at the end.
    cells : Cells
    """

    points: Floats
    values: Floats
    pixels: NDArray[np.integer]
    cell_start: Ints
    cells: Cells


@compiled(inline=True)
def rank_of(value: Real) -> Int:
    """Return how many floats lie between a seed value and 1."""
    return max(0, ONE_BITS - F32(value).view(np.int32))


@compiled(inline=True)
def cell_of(value: Real, origin: Real, scale: Real, n: Int) -> Int:
    """Return the cell of a coordinate; clamped, so far outliers share the outermost cells."""
    at = (value - origin) * scale
    if not at > 0:
        return 0
    return min(int(at), n - 1) if at < 2147483000 else n - 1


@compiled()
def list_foreground(
    maps: FlatMaps, cells: Cells, threshold: Real, first: Int, last: Int, found: Foreground
) -> Int:
    """List the foreground of a block of pixels, each with its cell; return how many there are."""
    seed, offsets, shape, spacing = maps.seed, maps.offsets, maps.shape, maps.spacing
    origin, scale, grid = cells.origin, cells.scale, cells.shape
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
                found.pixels[at], found.cells[at] = i, c
                at += 1
                found.cell_count[c] += 1
                found.lowest_rank[c] = min(found.lowest_rank[c], rank_of(seed[i]))
        row, x, y = stop, 0, y + 1
        if y == shape[1]:
            y, z = 0, z + 1
    return at - first


@compiled()
def first_slots(counts: Ints) -> Ints:
    """Turn counts (blocks, cells) into the first slot of each block and cell, in place.

    Return the first slot of each cell, with the total at the end.
    """
    blocks, cells = counts.shape
    out = np.empty(cells + 1, np.int32)
    total = 0
    for c in range(cells):
        out[c] = total
        for b in range(blocks):
            n = counts[b, c]
            counts[b, c] = total
            total += n
    out[cells] = total
    return out


@compiled()
def sort_by_cell(maps: FlatMaps, found: Foreground, first: Int, last: Int, slots: Slots) -> None:
    """Put a block's foreground, listed from ``first`` to ``last``, into its slots.

    ``found.cell_count`` holds each cell's next slot, as `first_slots` made it.
    """
    if first == last:
        return
    offsets, shape, spacing = maps.offsets, maps.shape, maps.spacing
    row = found.pixels[first] // shape[2]
    y, z, start = row % shape[1], row // shape[1], row * shape[2]
    for p in range(first, last):
        pixel = found.pixels[p]
        while pixel >= start + shape[2]:
            start, y = start + shape[2], y + 1
            if y == shape[1]:
                y, z = 0, z + 1
        slot = found.cell_count[found.cells[p]]
        found.cell_count[found.cells[p]] += 1
        slots.points[slot, 0] = F32(pixel - start) * spacing[2] + offsets[-1, pixel]
        slots.points[slot, 1] = F32(y) * spacing[1] + offsets[-2, pixel]
        if len(offsets) == 3:
            slots.points[slot, 2] = F32(z) * spacing[0] + offsets[0, pixel]
        slots.values[slot] = maps.seed[pixel]
        slots.pixels[slot] = pixel


@compiled()
def chain_cells(lowest_ranks: Ints, cell_start: Ints, buckets: Int) -> tuple[Ints, Ints]:
    """Chain the cells by the bucket of their best seed.

    Parameters
    ----------
    lowest_ranks : int32 (blocks, cells)
    cell_start : int32 (cells + 1,)
    buckets : int

    Returns
    -------
    head : int32 (buckets,)
        First cell of each bucket's chain; -1 where there is none.
    following : int32 (cells,)
        Next cell of the chain.
    """
    blocks, cells = lowest_ranks.shape
    head, following = np.full(buckets, -1, np.int32), np.empty(cells, np.int32)
    for c in range(cells):
        if cell_start[c] < cell_start[c + 1]:
            rank = lowest_ranks[0, c]
            for b in range(1, blocks):
                rank = min(rank, lowest_ranks[b, c])
            following[c] = head[rank >> BUCKET_SHIFT]
            head[rank >> BUCKET_SHIFT] = c
    return head, following
