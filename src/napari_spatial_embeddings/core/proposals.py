"""What the clustering keeps between two calls: the grid, and who proposed what.

Neither depends on the thresholds' exact values. A proposal takes what is free within its margin, by
descending seed; so who owns a pixel is decided by pixels of higher seed alone. A higher foreground
threshold takes pixels away from their owners, and changes no owner; a higher seed threshold leaves
off the last proposals. What is found at the lowest thresholds serves all higher ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import greedy_kernels as _greedy
from . import grid_kernels as _cells
from .maps import SQUARED_MARGIN

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


class Crew:
    """Threads that share a pass over many pixels."""

    def __init__(self, threads: int, pool: ThreadPoolExecutor) -> None:
        self._threads, self._pool = threads, pool

    def share(self, work: Callable[..., Any], n: int, least: int, *also: list[Any]) -> list[Any]:
        """Call ``work(first, last, ...)`` for blocks of 0 to n, each of ``least`` or more.

        Further arguments are the next items of the lists. This thread does the first block itself:
        waking another costs a millisecond.
        """
        jobs = [*zip(self.blocks(n, least), *also, strict=True)]
        others = [self._pool.submit(work, *block, *more) for block, *more in jobs[1:]]
        (block, *more), *_ = jobs
        return [work(*block, *more), *(other.result() for other in others)]

    def blocks(self, n: int, least: int) -> list[tuple[int, int]]:
        """Divide 0 to n into as many blocks as there is work for."""
        count = max(1, min(self._threads, n // least))
        return list(pairwise(n * k // count for k in range(count + 1)))


@dataclass(frozen=True, slots=True)
class FlatMaps:
    """The maps of one image as the compiled loops take them; an image is a volume of one slice.

    Parameters
    ----------
    offsets : float32 (D, n)
    sigma : float32 (1 or D, n)
    seed : float32 (n,)
        The highest of the classes.
    shape : int64 (3,)
    spacing : float32 (3,)
    """

    offsets: Floats
    sigma: Floats
    seed: Floats
    shape: NDArray[np.int64]
    spacing: Floats


class Grid:
    """The foreground's embeddings sorted by cell. It is not changed once it is made.

    Parameters
    ----------
    maps : FlatMaps
    threshold : float
        The foreground threshold; the grid serves this one and all above.
    crew : Crew

    Attributes
    ----------
    points : float32 (n, D)
        x, y and in volumes z of the embeddings, in pixels of the finest axis.
    values : float32 (n,)
        Their seed values.
    pixels : integer (n,)
        Where they come from.
    """

    def __init__(self, maps: FlatMaps, threshold: float, crew: Crew) -> None:
        self.threshold, self.sigma = threshold, maps.sigma
        shape, spacing, total = maps.shape, maps.spacing, len(maps.seed)
        limit = np.float32(threshold)
        self._choose_cells(maps, limit)
        cells = int(self.grid.prod())
        found = np.empty(total, np.int32 if total < 2**31 else np.int64)
        cell = np.empty(total, np.int32)
        blocks = crew.blocks(total, 100_000)
        count = np.zeros((len(blocks), cells), np.int32)
        top = np.full((len(blocks), cells), np.iinfo(np.int32).max, np.int32)

        def find(first: int, last: int, i: int) -> int:
            listed: int = _cells.find(
                maps.seed, limit, maps.offsets, shape, spacing, self.origin, self.scale, self.grid,
                first, last, found, cell, count[i], top[i],
            )  # fmt: skip
            return listed

        order = [*range(len(blocks))]
        listed = crew.share(find, total, 100_000, order)
        self.cell_start: Ints = _cells.starts(count)
        self.chains: tuple[Ints, Ints] = _cells.queue_up(top, self.cell_start, self._buckets)
        n = sum(listed)
        self.points = np.empty((n, len(maps.offsets)), np.float32)
        self.values = np.empty(n, np.float32)
        self.pixels = np.empty(n, found.dtype)

        def place(first: int, _: int, i: int) -> None:
            _cells.place(
                found, cell, maps.seed, maps.offsets, shape, spacing, first, first + listed[i],
                count[i], self.points, self.values, self.pixels,
            )  # fmt: skip

        crew.share(place, total, 100_000, order)
        self._spare: tuple[Ints, Ints] | None = found.view(np.int32), cell

    def hand_over(self) -> tuple[Ints, Ints] | None:
        """Return memory that the making needed, once: two arrays with a place for each slot.

        To have new memory made ready takes as long as to fill it.
        """
        spare, self._spare = self._spare, None
        return spare

    def _choose_cells(self, maps: FlatMaps, limit: np.float32) -> None:
        """Choose cells as wide as most objects' margins, not many more of them than foreground."""
        every = max(1, len(maps.seed) // 50_000)
        sample = np.flatnonzero(maps.seed[::every] > limit) * every
        sigma = maps.sigma[:, sample]
        cell = 2 * math.sqrt(SQUARED_MARGIN) * float(np.median(sigma)) if sigma.size else 1.0
        cell = max(1.0, cell if math.isfinite(cell) else 1.0)
        extent = maps.shape * maps.spacing
        while np.prod(np.ceil(extent / cell)) > max(4 * every * len(sample), 1024):
            cell *= 1.3
        self.origin = np.zeros(3, np.float32)
        self.scale = np.full(3, 1 / cell, np.float32)
        self.grid = np.maximum(1, np.ceil(extent / cell)).astype(np.int64)

    @property
    def _buckets(self) -> int:
        """Number of seed buckets from 1 down to the threshold."""
        bits = int(np.float32(self.threshold).view(np.int32))
        return (max(0, _cells.ONE_BITS - bits) >> _cells.FINE) + 1


class Proposals:
    """Who proposed what, down to some seed value, for one margin factor at a time.

    Parameters
    ----------
    grid : Grid
    taken : bool (n,)
        Whether nobody may have a pixel; empty if that is true of none.
    spare : two int32 arrays of as many items as the grid has slots, or more; optional
    """

    def __init__(
        self, grid: Grid, taken: NDArray[np.bool_], spare: tuple[Ints, Ints] | None = None
    ) -> None:
        n = len(grid.pixels)
        self._grid, self._taken = grid, taken
        self._alive, owner = spare or (np.empty(n, np.int32), np.empty(n, np.int32))
        self.owner = owner[:n]
        self._alive_end = np.empty(len(grid.cell_start) - 1, np.int32)
        self._first_choice = np.full(len(grid.cell_start) - 1, -1, np.int32)
        self._slot, self._free = np.empty(n, np.int32), np.empty(n, np.int32)
        self._alone = np.empty(n, np.bool_)
        self._margin = math.nan

    def make(self, margin: float, until: float, crew: Crew) -> None:
        """Make the proposals of all pixels with a seed of ``until`` or more."""
        grid = self._grid
        if margin != self._margin:
            self._margin, self._widen = margin, np.float32(margin)
            self._head, self._following = (chain.copy() for chain in grid.chains)
            self._alive_end.fill(_greedy.WHOLE)
            self.owner.fill(_greedy.FREE)
            if len(self._taken):
                crew.share(self._withhold, len(self._alive_end), 10_000)
            self._count = self._bucket = 0
            self._until, self._counted = math.inf, math.nan
        if until >= self._until:
            return
        self._count, self._bucket = _greedy.propose(
            np.float32(until), self._bucket, self._count, self._head, self._following, grid.points,
            grid.values, grid.pixels, grid.sigma, self._widen, SQUARED_MARGIN, grid.origin,
            grid.scale, grid.grid, grid.cell_start, self._first_choice, self._alive,
            self._alive_end, self.owner, self._slot, self._free, self._alone,
        )  # fmt: skip
        self._until, self._counted = until, math.nan

    def _withhold(self, first: int, last: int) -> None:
        grid = self._grid
        _greedy.withhold(
            self._taken, grid.pixels, grid.cell_start, first, last, self.owner, self._alive,
            self._alive_end,
        )  # fmt: skip

    @property
    def slot(self) -> Ints:
        """The slot of the pixel that made each proposal."""
        return self._slot[: self._count]

    def free(self, foreground: float, crew: Crew) -> Ints:
        """Count how many pixels above a threshold each proposal won."""
        if foreground != self._counted:
            self._counted, limit = foreground, np.float32(foreground)
            self._won, owner, values = self._free[: self._count], self.owner, self._grid.values
            if foreground > self._grid.threshold:
                blocks = len(crew.blocks(len(owner), 100_000))
                won = [np.zeros(self._count, np.int32) for _ in range(blocks)]
                crew.share(
                    lambda a, b, won: _greedy.count(owner, values, limit, a, b, won),
                    len(owner), 100_000, won,
                )  # fmt: skip
                self._won = np.sum(won, 0, dtype=np.int32)
            # A proposal that met no other's pixels won all that it asked for.
            self._asked = np.where(self._alone[: self._count], self._won, -1).astype(np.int32)
        return self._won

    def asked(self, chosen: NDArray[np.intp], crew: Crew) -> Ints:
        """Return how many foreground pixels some proposals asked for, as `free` was told last."""
        grid, missing = self._grid, chosen[self._asked[chosen] < 0]
        limit = np.float32(self._counted)
        crew.share(
            lambda a, b: _greedy.measure(
                missing, a, b, limit, self._slot, grid.points, grid.values, grid.pixels,
                grid.sigma, self._widen, SQUARED_MARGIN, grid.origin, grid.scale, grid.grid,
                grid.cell_start, self._asked,
            ),
            len(missing), 100,
        )  # fmt: skip
        return self._asked[chosen]
