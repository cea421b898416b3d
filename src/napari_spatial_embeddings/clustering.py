"""From maps to instances: the greedy rule, at a cost that follows the output.

The rule (Neven et al. 2019, sec. 3.4): take the free foreground pixel of highest seed; its
embedding and sigma define phi; propose the foreground pixels with phi > 1/2. The proposal becomes
an object if enough of it is still free; its pixels are no longer free either way. A pixel claimed
twice stays with its first owner, which has the higher score.

What makes it fast, and what is kept between two calls:

- *grid*: embeddings are binned in cells, so that a proposal looks only where its margin reaches.
  Rebuilt when the foreground threshold falls below the one it was built for.
- *proposals*: which pixel proposes what depends neither on the seed threshold (a higher one keeps a
  prefix, a lower one goes on from there) nor on the sizes. Redone when the foreground threshold or
  the margin moves.
- *selection*: seed threshold, minimum size and free fraction only choose among the proposals, by a
  table from proposal to label.

Labels are names that stay: an object may keep the one that it had before, and what a person
corrected or accepted is never up for discussion again.
"""

from __future__ import annotations

import copy
import math
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _greedy
from .config import ClusteringSettings
from .errors import InputError
from .maps import EmbeddingMaps

if TYPE_CHECKING:
    from .corrections import Corrections

LIMIT = np.float32(2 * math.log(2))
"""``phi > 1/2`` as a bound on the squared distance in units of sigma."""


@dataclass(frozen=True, slots=True)
class Instances:
    """A label image and what is known about its N objects.

    Locked objects come first, in the order of their corrections, the others by descending score.

    Parameters
    ----------
    labels : int32 (*S)
        0 is background.
    label : int32 (N,), > 0
        The label of each object in ``labels``; no two are equal.
    index : int64 (N,)
        Class of each object: that of its seed pixel.
    score : float32 (N,), 0 to 1
        Seed value of the pixel that proposed the object.
    centre : float32 (N, D), pixels of the finest axis
        Embedding of that pixel.
    sigma : float32 (N, D), pixels of the finest axis
        Its bandwidth, without the margin factor.
    size : int64 (N,)
        Number of pixels.
    seed_pixel : int64 (N, D)
        Position of the pixel that proposed the object.
    locked : bool (N,)
        Whether a person corrected or accepted the object.
    """

    labels: NDArray[np.int32]
    label: NDArray[np.int32]
    index: NDArray[np.int64]
    score: NDArray[np.float32]
    centre: NDArray[np.float32]
    sigma: NDArray[np.float32]
    size: NDArray[np.int64]
    seed_pixel: NDArray[np.int64]
    locked: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.score)


def cluster(maps: EmbeddingMaps, settings: ClusteringSettings | None = None) -> Instances:
    """Recover the instances of one image or volume.

    Parameters
    ----------
    maps : EmbeddingMaps
    settings : ClusteringSettings, optional
        The defaults if not given.
    """
    return Clustering(maps)(settings or ClusteringSettings())


class Clustering:
    """The clustering of one image's maps, quick to repeat with other settings.

    Calls are serialised: it may be called from any thread.

    Parameters
    ----------
    maps : EmbeddingMaps
    threads : int, optional
        Threads of the passes over all pixels; the number of processors, at most 8, if not given.
    corrections : Corrections, optional
        What a person said about this image's objects. Locked ones keep their label and their
        pixels, deleted areas stay empty, and the rest is clustered around them: to the other
        objects, both are as pixels that somebody of a higher score took.

    Raises
    ------
    InputError
        If the corrections are those of an image of another shape.
    """

    def __init__(
        self,
        maps: EmbeddingMaps,
        threads: int | None = None,
        corrections: Corrections | None = None,
    ) -> None:
        self.maps = maps
        ndim = maps.ndim
        flat = math.prod(maps.shape)
        self._shape = np.array((1,) * (3 - ndim) + maps.shape, np.int64)
        self._spacing = np.array((1.0,) * (3 - ndim) + maps.spacing, np.float32)
        self._offsets = np.ascontiguousarray(maps.offsets, np.float32).reshape(ndim, flat)
        self._sigma = np.ascontiguousarray(maps.sigma, np.float32).reshape(-1, flat)
        seed = maps.seed[0] if len(maps.seed) == 1 else maps.seed.max(0)
        self._seed = np.ascontiguousarray(seed, np.float32).reshape(flat)
        self._threads = threads or min(8, os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._grid: _Grid | None = None
        self._proposals: _Proposals | None = None
        self._locked: Instances | None = None
        self._taken = np.empty(0, np.bool_)
        if corrections is not None:
            self._respect(corrections)

    def corrected(self, corrections: Corrections | None) -> Clustering:
        """Return a clustering of the same maps with other corrections; quicker than a new one.

        Raises
        ------
        InputError
            If the corrections are those of an image of another shape.
        """
        other = copy.copy(self)
        other._lock, other._proposals = threading.Lock(), None
        other._locked, other._taken = None, np.empty(0, np.bool_)
        if corrections is not None:
            other._respect(corrections)
        return other

    def _respect(self, corrections: Corrections) -> None:
        if corrections.labels.shape != self.maps.shape:
            raise InputError(
                f"the corrections are those of an image of shape {corrections.labels.shape}, but"
                f" this one has the shape {self.maps.shape}"
            )
        self._locked = corrections.instances()
        taken = corrections.labels.reshape(-1) != 0
        self._taken = taken if taken.any() else self._taken

    def __call__(
        self, settings: ClusteringSettings, like: Instances | NDArray[np.integer] | None = None
    ) -> Instances:
        """Return the instances for these settings.

        Parameters
        ----------
        settings : ClusteringSettings
        like : Instances or integer (*S), optional
            What the labels were before. The first object, by score, whose seed pixel lies in one
            of these keeps its label; others get labels that are not among them. So colours stay
            while a threshold moves. The cost is per object, but of an array all pixels are read.

        Raises
        ------
        ValueError
            If ``like`` has another shape than the maps.
        """
        labels = like.labels if isinstance(like, Instances) else like
        if labels is not None and labels.shape != self.maps.shape:
            raise ValueError(f"like has shape {labels.shape}, expected {self.maps.shape}")
        foreground = np.float32(settings.foreground_threshold)
        key = float(foreground), settings.margin
        with self._lock, ThreadPoolExecutor(self._threads) as pool:
            if self._grid is None or foreground < self._grid.threshold:
                self._grid = _Grid(self, float(foreground), pool)
                self._proposals = None
            if self._proposals is None or self._proposals.key != key:
                self._proposals = _Proposals(self, self._grid, key, pool)
            self._proposals.advance(settings.seed_threshold)
            return self._select(self._grid, self._proposals, settings, like, pool)

    def _blocks(self, n: int, least: int = 20_000) -> list[tuple[int, int]]:
        count = max(1, min(self._threads, n // least))
        edges = [n * k // count for k in range(count + 1)]
        return list(pairwise(edges))

    def _select(
        self,
        grid: _Grid,
        made: _Proposals,
        settings: ClusteringSettings,
        like: Instances | NDArray[np.integer] | None,
        pool: ThreadPoolExecutor,
    ) -> Instances:
        score, free = grid.points[made.slot, 3], made.free
        keep = (score >= np.float32(settings.seed_threshold)) & (free >= settings.min_size)
        chosen = np.flatnonzero(keep)
        enough = free[chosen] > settings.min_free_fraction * made.total(chosen, pool)
        chosen = chosen[enough]
        ndim, shape, slot, locked = self.maps.ndim, self.maps.shape, made.slot[chosen], self._locked
        pixel = grid.pixels[slot].astype(np.int64)
        seed_pixel = np.stack(np.unravel_index(pixel, shape), 1)
        names = _names(seed_pixel, like, locked)
        table = np.zeros(len(free), np.int32)
        table[chosen] = names
        labels = np.zeros(len(self._seed), np.int32) if locked is None else locked.labels.flatten()
        _run(
            pool,
            lambda a, b: _greedy.relabel(grid.pixels, made.owner, table, a, b, labels),
            self._blocks(len(grid.pixels)),
        )
        seeds = self.maps.seed.reshape(len(self.maps.seed), -1)[:, pixel]
        sigma = np.broadcast_to(self._sigma[:, pixel], (ndim, len(pixel)))
        found = Instances(
            labels=labels.reshape(shape),
            label=names,
            index=seeds.argmax(0).astype(np.int64),
            score=score[chosen],
            centre=grid.points[slot, 3 - ndim : 3],
            sigma=sigma.T.copy(),
            size=free[chosen].astype(np.int64),
            seed_pixel=seed_pixel,
            locked=np.zeros(len(chosen), np.bool_),
        )
        return found if locked is None else _joined(locked, found)


def fresh(used: NDArray[np.integer], count: int) -> NDArray[np.int32]:
    """Return the ``count`` lowest labels, 1 and up, that are not among those used."""
    return np.setdiff1d(np.arange(1, len(used) + count + 1, dtype=np.int32), used)[:count]


def _names(
    seed_pixel: NDArray[np.int64],
    like: Instances | NDArray[np.integer] | None,
    locked: Instances | None,
) -> NDArray[np.int32]:
    """Label objects, given in order of score; as `like` where that can be, see `Clustering`."""
    names = np.zeros(len(seed_pixel), np.int32)
    taken = used = np.empty(0, np.int32) if locked is None else locked.label
    if like is not None:
        known, labels = (
            (like.label, like.labels) if isinstance(like, Instances) else (np.unique(like), like)
        )
        used = np.union1d(known, taken)
        there = labels[tuple(seed_pixel.T)]
        own, first = np.unique(np.where(np.isin(there, taken), 0, there), return_index=True)
        names[first] = own.clip(0)
    unnamed = np.flatnonzero(names == 0)
    names[unnamed] = fresh(used, len(unnamed))
    return names


def _joined(first: Instances, then: Instances) -> Instances:
    """Return the objects of both; the labels are those of the second."""
    rows = {
        field.name: np.concatenate([getattr(first, field.name), getattr(then, field.name)])
        for field in fields(Instances)
        if field.name != "labels"
    }
    return Instances(labels=then.labels, **rows)


def _run(pool: ThreadPoolExecutor, work: Callable[..., Any], jobs: list[Any]) -> list[Any]:
    """Run jobs side by side, the first one in this thread: waking another costs a millisecond."""
    others = [pool.submit(work, *job) for job in jobs[1:]]
    return [work(*jobs[0]), *(other.result() for other in others)]


class _Grid:
    """The foreground's embeddings sorted by cell."""

    def __init__(self, owner: Clustering, threshold: float, pool: ThreadPoolExecutor) -> None:
        self.threshold = threshold
        seed, shape, spacing = owner._seed, owner._shape, owner._spacing
        limit = np.float32(threshold)
        blocks = owner._blocks(len(seed), 100_000)
        counts = _run(pool, lambda a, b: _greedy.count_above(seed, limit, a, b), blocks)
        n = sum(counts)
        wide = np.int32 if len(seed) < 2**31 else np.int64
        found: NDArray[np.integer] = np.empty(n, wide)
        at = np.cumsum([0, *counts])
        jobs = [(a, b, k) for (a, b), k in zip(blocks, at[:-1], strict=True)]
        _run(pool, lambda a, b, k: _greedy.list_above(seed, limit, a, b, found, k), jobs)

        # Cells a little narrower than sigma, and not many more of them than pixels.
        sample = owner._sigma[:, found[:: max(1, n // 10_000)]]
        cell = float(np.median(sample)) * 0.8 if n else 1.0
        cell = max(1.0, cell if math.isfinite(cell) else 1.0)
        extent = shape * spacing
        while np.prod(np.ceil(extent / cell)) > max(4 * n, 1024):
            cell *= 1.3
        self.origin = np.zeros(3, np.float32)
        self.scale = np.full(3, 1 / cell, np.float32)
        self.grid = np.maximum(1, np.ceil(extent / cell)).astype(np.int64)

        blocks = owner._blocks(n)
        jobs = [(a, b, i) for i, (a, b) in enumerate(blocks)]
        cells = np.empty(n, np.int32)
        count = np.zeros((len(blocks), int(self.grid.prod())), np.int32)
        _run(
            pool,
            lambda a, b, i: _greedy.find_cells(
                found, owner._offsets, shape, spacing, self.origin, self.scale, self.grid, a, b,
                cells, count[i],
            ),
            jobs,
        )  # fmt: skip
        self.cell_start = _greedy.starts(count)
        self.points = np.empty((n, 4), np.float32)
        self.pixels = np.empty_like(found)
        _run(
            pool,
            lambda a, b, i: _greedy.place(
                found, seed, owner._offsets, shape, spacing, a, b, cells, count[i], self.points,
                self.pixels,
            ),
            jobs,
        )  # fmt: skip

    @property
    def buckets(self) -> int:
        """Number of seed buckets from 1 down to the threshold."""
        bits = int(np.float32(self.threshold).view(np.int32))
        return (max(0, _greedy.ONE_BITS - bits) >> _greedy.FINE) + 1


class _Proposals:
    """Who proposed what, down to some seed value, for one foreground threshold and margin."""

    def __init__(
        self, owner: Clustering, grid: _Grid, key: tuple[float, float], pool: ThreadPoolExecutor
    ) -> None:
        self.key, self._clustering, self._grid = key, owner, grid
        n, cells = len(grid.pixels), len(grid.cell_start) - 1
        foreground, self._widen = np.float32(key[0]), np.float32(key[1])
        self.owner, self._alive = np.empty(n, np.int32), np.empty(n, np.int32)
        self._alive_end, keys = np.empty(cells, np.int32), np.empty(cells, np.int64)
        _run(
            pool,
            lambda a, b: _greedy.revive(
                grid.cell_start, grid.points, grid.pixels, foreground, owner._taken, a, b,
                self.owner, self._alive, self._alive_end, keys,
            ),
            owner._blocks(cells, 10_000),
        )  # fmt: skip
        self._head, self._following = _greedy.queue_up(keys, grid.buckets)
        self._slot, self._free = np.empty(n, np.int32), np.empty(n, np.int32)
        self._total = np.full(n, -1, np.int32)
        self._count = self._bucket = 0
        self._until = math.inf

    @property
    def free(self) -> NDArray[np.int32]:
        """How many pixels each proposal won."""
        return self._free[: self._count]

    @property
    def slot(self) -> NDArray[np.int32]:
        """The slot of the pixel that made each proposal."""
        return self._slot[: self._count]

    def advance(self, until: float) -> None:
        """Make the proposals of all pixels with a seed of ``until`` or more."""
        if until >= self._until:
            return
        grid = self._grid
        self._count, self._bucket = _greedy.propose(
            np.float32(until), self._bucket, self._count, self._head, self._following, grid.points,
            grid.pixels, self._clustering._sigma, self._widen, LIMIT, grid.origin, grid.scale,
            grid.grid, grid.cell_start, self._alive, self._alive_end, self.owner, self._slot,
            self._free,
        )  # fmt: skip
        self._until = until

    def total(self, chosen: NDArray[np.intp], pool: ThreadPoolExecutor) -> NDArray[np.int32]:
        """Return how many pixels some proposals asked for; counted once, when first needed."""
        grid, missing = self._grid, chosen[self._total[chosen] < 0]
        _run(
            pool,
            lambda a, b: _greedy.measure(
                missing, a, b, self._slot, grid.points, grid.pixels, self._clustering._sigma,
                self._widen, LIMIT, grid.origin, grid.scale, grid.grid, grid.cell_start,
                self.owner, self._total,
            ),
            self._clustering._blocks(len(missing), 100),
        )  # fmt: skip
        return self._total[chosen]
