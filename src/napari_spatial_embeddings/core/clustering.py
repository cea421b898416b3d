"""Greedy clustering of embeddings into instances.

The rule (Neven et al. 2019, sec. 3.4): take the free foreground pixel of highest seed; its
embedding and sigma define phi; propose the foreground pixels with phi > 1/2. The proposal becomes
an object if enough of it is still free; its pixels are no longer free either way. A pixel claimed
twice stays with its first owner, which has the higher score.

What makes it fast, and what is kept between two calls:

- *grid*: embeddings are binned in cells, so that a proposal looks only where its margin reaches.
  Rebuilt when the foreground threshold falls below the one it was built for.
- *proposals*: who proposed what and who owns a pixel depends on no threshold, see `proposals`. A
  higher seed threshold keeps a prefix, a lower one goes on from there, and under a higher
  foreground threshold every owner keeps what is above it. Redone when the margin moves.
- *selection*: thresholds and sizes only choose among the proposals and their pixels, by a table
  from proposal to label.

Labels are stable: an object keeps the label that it had before where it can. Locked objects and
deleted areas, which come with the `Corrections`, are never clustered again.
"""

from __future__ import annotations

import copy
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.errors import InputError

from .grid import Grid, flattened
from .grid_kernels import FlatMaps
from .instances import Instances, unused_ids
from .label_kernels import write_labels
from .maps import EmbeddingMaps
from .proposals import Proposals
from .threads import ThreadTeam

if TYPE_CHECKING:
    from .instances import Corrections

GRID_HEADROOM = 0.8
"""When the foreground threshold falls below the grid's, the next grid goes on to this share of it,
so that a falling threshold does not need one at every step."""


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
        Locked objects keep their label and their pixels, deleted areas stay empty, and the rest is
        clustered around them: other objects see both as already claimed by a higher-scoring one.

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
        self._flat_maps: FlatMaps | None = None
        self._threads = threads or min(8, os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._grid: Grid | None = None
        self._proposals: Proposals | None = None
        self._locked: Instances | None = None
        self._excluded = np.empty(0, np.bool_)
        if corrections is not None:
            self._use_corrections(corrections)

    def release(self) -> None:
        """Drop what is kept between two calls; of maps that are in a file, also their copy."""
        with self._lock:
            self._flat_maps = self._grid = self._proposals = None

    @property
    def _flat(self) -> FlatMaps:
        """The maps as the loops take them; read when they are needed first."""
        if self._flat_maps is None:
            self._flat_maps = flattened(self.maps)
        return self._flat_maps

    def corrected(self, corrections: Corrections | None) -> Clustering:
        """Return a clustering of the same maps with other corrections; quicker than a new one.

        Raises
        ------
        InputError
            If the corrections are those of an image of another shape.
        """
        other = copy.copy(self)
        other._lock, other._proposals = threading.Lock(), None
        other._locked, other._excluded = None, np.empty(0, np.bool_)
        if corrections is not None:
            other._use_corrections(corrections)
        return other

    def _use_corrections(self, corrections: Corrections) -> None:
        if corrections.labels.shape != self.maps.shape:
            raise InputError(
                f"the corrections are those of an image of shape {corrections.labels.shape}, but"
                f" this one has the shape {self.maps.shape}"
            )
        self._locked = corrections.instances()
        excluded = corrections.labels.reshape(-1) != 0
        self._excluded = excluded if excluded.any() else self._excluded

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
        with self._lock, ThreadPoolExecutor(self._threads) as pool:
            team = ThreadTeam(self._threads, pool)
            grid, proposals = self._prepare(settings.foreground_threshold, team)
            proposals.make(settings.margin_factor, settings.seed_threshold, team)
            return self._select(grid, proposals, settings, like, team)

    def _prepare(self, foreground: float, team: ThreadTeam) -> tuple[Grid, Proposals]:
        """Return a grid that serves a foreground threshold, and a place for its proposals."""
        grid, proposals = self._grid, self._proposals
        if grid is None or foreground < grid.threshold:
            grid = Grid(
                self._flat, foreground if grid is None else GRID_HEADROOM * foreground, team
            )
            proposals = Proposals(grid, self._excluded, grid.take_spare())
        elif proposals is None:
            proposals = Proposals(grid, self._excluded)
        self._grid, self._proposals = grid, proposals
        return grid, proposals

    def _select(
        self,
        grid: Grid,
        proposals: Proposals,
        settings: ClusteringSettings,
        like: Instances | NDArray[np.integer] | None,
        team: ThreadTeam,
    ) -> Instances:
        """Choose among the proposals, and write the labels."""
        foreground = np.float32(settings.foreground_threshold)
        slots, score = grid.slots, grid.slots.values[proposals.slot]
        won = proposals.won(settings.foreground_threshold, team)
        keep = (score >= np.float32(settings.seed_threshold)) & (score > foreground)
        chosen = np.flatnonzero(keep & (won >= settings.min_size))
        enough = won[chosen] > settings.min_free_fraction * proposals.asked(chosen, team)
        chosen = chosen[enough]
        ndim, shape, locked = self.maps.ndim, self.maps.shape, self._locked
        slot = proposals.slot[chosen]
        pixel = slots.pixels[slot].astype(np.int64)
        seed_pixel = np.stack(np.unravel_index(pixel, shape), 1)
        ids = _choose_ids(seed_pixel, like, locked)
        table = np.zeros(len(won), np.int32)
        table[chosen] = ids
        labels = np.zeros(math.prod(shape), np.int32) if locked is None else locked.labels.flatten()
        pixels, owner, values = slots.pixels, proposals.owner, slots.values
        team.map(
            lambda block: write_labels(
                pixels[block], owner[block], values[block], foreground, table, labels
            ),
            team.blocks(len(pixels), 1_000_000),
        )
        seeds = self.maps.seed.reshape(len(self.maps.seed), -1)[:, pixel]
        sigma = np.broadcast_to(self._flat.sigma[:, pixel], (ndim, len(pixel)))
        found = Instances(
            labels=labels.reshape(shape),
            ids=ids,
            class_index=seeds.argmax(0).astype(np.int64),
            score=score[chosen],
            centre=np.ascontiguousarray(slots.points[slot, ::-1]),
            sigma=sigma.T.copy(),
            size=won[chosen].astype(np.int64),
            seed_pixel=seed_pixel,
            locked=np.zeros(len(chosen), np.bool_),
        )
        return found if locked is None else _joined(locked, found)


def _choose_ids(
    seed_pixel: NDArray[np.int64],
    like: Instances | NDArray[np.integer] | None,
    locked: Instances | None,
) -> NDArray[np.int32]:
    """Return the labels of objects, given in order of score; as `like` where possible."""
    ids = np.zeros(len(seed_pixel), np.int32)
    locked_ids = np.empty(0, np.int32) if locked is None else locked.ids
    known: NDArray[np.integer] = np.empty(0, np.int32)
    if like is not None:
        known, labels = (
            (like.ids, like.labels) if isinstance(like, Instances) else (np.unique(like), like)
        )
        there = labels[tuple(seed_pixel.T)]
        own, first = np.unique(np.where(np.isin(there, locked_ids), 0, there), return_index=True)
        ids[first] = own.clip(0)
    missing = np.flatnonzero(ids == 0)
    if len(missing):
        ids[missing] = unused_ids(np.union1d(known, locked_ids), len(missing))
    return ids


def _joined(first: Instances, then: Instances) -> Instances:
    """Return the objects of both; the labels are those of the second."""
    rows = {
        field.name: np.concatenate([getattr(first, field.name), getattr(then, field.name)])
        for field in fields(Instances)
        if field.name != "labels"
    }
    return Instances(labels=then.labels, **rows)
