"""The grid over an image's embeddings: its foreground, sorted by cell."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from . import grid_kernels as kernels
from .grid_kernels import Cells, FlatMaps, Foreground, Ints, Slots
from .maps import SQUARED_MARGIN, EmbeddingMaps
from .threads import ThreadTeam

MIN_PIXELS = 100_000
"""Pixels of a block that is worth a thread."""


class Grid:
    """The foreground's embeddings sorted by cell. It is not changed once it is made.

    Parameters
    ----------
    maps : FlatMaps
    threshold : float
        The foreground threshold; the grid serves this one and all above.
    team : ThreadTeam

    Attributes
    ----------
    slots : Slots
        The foreground's pixels.
    chains : two int32 arrays
        Head and following of `grid_kernels.chain_cells`.
    """

    def __init__(self, maps: FlatMaps, threshold: float, team: ThreadTeam) -> None:
        self.threshold, self.sigma = threshold, maps.sigma
        total, limit = len(maps.seed), np.float32(threshold)
        cells = _choose_cells(maps, limit)
        n_cells = int(cells.shape.prod())
        pixels: NDArray[np.integer] = np.empty(total, np.int32 if total < 2**31 else np.int64)
        cell = np.empty(total, np.int32)
        blocks = team.blocks(total, MIN_PIXELS)
        count = np.zeros((len(blocks), n_cells), np.int32)
        lowest_rank = np.full((len(blocks), n_cells), np.iinfo(np.int32).max, np.int32)
        found = [Foreground(pixels, cell, *rows) for rows in zip(count, lowest_rank, strict=True)]

        def list_foreground(block: slice, found: Foreground) -> int:
            return int(kernels.list_foreground(maps, cells, limit, block.start, block.stop, found))

        listed = team.map(list_foreground, blocks, found)
        cell_start = kernels.first_slots(count)
        self.chains = kernels.chain_cells(lowest_rank, cell_start, self._buckets)
        n = sum(listed)
        self.slots = Slots(
            np.empty((n, len(maps.offsets)), np.float32),
            np.empty(n, np.float32),
            np.empty(n, pixels.dtype),
            cell_start,
            cells,
        )

        def sort_by_cell(block: slice, found: Foreground, n: int) -> None:
            kernels.sort_by_cell(maps, found, block.start, block.start + n, self.slots)

        team.map(sort_by_cell, blocks, found, listed)
        self._spare: tuple[Ints, Ints] | None = pixels.view(np.int32), cell

    def take_spare(self) -> tuple[Ints, Ints] | None:
        """Return memory that the making needed, once: two arrays with a place for each slot.

        Faulting in new pages costs as much as writing them.
        """
        spare, self._spare = self._spare, None
        return spare

    @property
    def _buckets(self) -> int:
        """Number of seed buckets from 1 down to the threshold."""
        bits = int(np.float32(self.threshold).view(np.int32))
        return (max(0, kernels.ONE_BITS - bits) >> kernels.BUCKET_SHIFT) + 1


def flattened(maps: EmbeddingMaps) -> FlatMaps:
    """Return the maps of an image as the loops take them."""
    ndim, flat = maps.ndim, math.prod(maps.shape)
    seed = maps.seed[0] if len(maps.seed) == 1 else maps.seed.max(0)
    return FlatMaps(
        np.ascontiguousarray(maps.offsets, np.float32).reshape(ndim, flat),
        np.ascontiguousarray(maps.sigma, np.float32).reshape(-1, flat),
        np.ascontiguousarray(seed, np.float32).reshape(flat),
        np.array((1,) * (3 - ndim) + maps.shape, np.int64),
        np.array((1.0,) * (3 - ndim) + maps.spacing, np.float32),
    )


def _choose_cells(maps: FlatMaps, limit: np.float32) -> Cells:
    """Choose cells as wide as most objects' margins, not many more of them than foreground."""
    every = max(1, len(maps.seed) // 50_000)
    sample = np.flatnonzero(maps.seed[::every] > limit) * every
    sigma = maps.sigma[:, sample]
    cell = 2 * math.sqrt(SQUARED_MARGIN) * float(np.median(sigma)) if sigma.size else 1.0
    cell = max(1.0, cell if math.isfinite(cell) else 1.0)
    extent = maps.shape * maps.spacing
    while np.prod(np.ceil(extent / cell)) > max(4 * every * len(sample), 1024):
        cell *= 1.3
    return Cells(
        np.zeros(3, np.float32),
        np.full(3, 1 / cell, np.float32),
        np.maximum(1, np.ceil(extent / cell)).astype(np.int64),
    )
