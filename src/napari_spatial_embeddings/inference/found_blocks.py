"""The objects that were found block by block, in files until they are written.

A block that has a file is done: later runs go on from there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.system.atomic import atomic_file

from .blocks import Blocks, OwnedObjects, Window, grown, within

ARRAYS = tuple(field.name for field in fields(OwnedObjects))

Key = tuple[int, int]
"""An object: its block, and its label in there."""


Claim = tuple[int, tuple[NDArray[np.int64], ...], NDArray[np.int32]]
"""A block, pixels of a core by their indices in there, and the block's labels of those."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of a block whose objects are in a file.

    Parameters
    ----------
    count : int
        Number of objects.
    widened, narrow : bool
        Whether its halo had to grow, and is still narrower than objects there would have it.
    cut : tuple of tuples of D ints
        The centre's pixel of each object that the halo cuts off.
    """

    count: int
    widened: bool = False
    narrow: bool = False
    cut: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class _Rival:
    """An object that claims pixels which another block's object claims too."""

    score: float
    size: int
    pixels: list[int]


ROWS = 4
"""Rows of blocks whose rims are kept in memory."""

KEPT = 3
"""Blocks whose objects are kept in memory."""


class FoundBlocks:
    """The objects of all blocks of an image.

    The blocks are added in any order; ids are given in the order of the blocks, and within one by
    descending score, so that they do not depend on it.

    Parameters
    ----------
    blocks : Blocks
    spacing : tuple of D floats
        Of the maps.
    folder : path
        For a file of each block.

    Attributes
    ----------
    folder : path
    contested : int
        Pixels that objects of two blocks claimed: where the halo did not show all that decides.
    bytes : int
        Size of the files.
    """

    def __init__(self, blocks: Blocks, spacing: tuple[float, ...], folder: Path) -> None:
        self.blocks, self.spacing, self.folder = blocks, spacing, folder
        self._counts = np.zeros(len(blocks), np.int64)
        self._lost: dict[int, list[int]] = defaultdict(list)
        self._dropped: dict[int, list[int]] = defaultdict(list)
        self.contested = self.bytes = 0
        self._kept: dict[int, OwnedObjects] = {}
        self._rims_read: dict[int, tuple[NDArray[np.int64], NDArray[np.int32]]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs, which may run in another folder."""
        folder = self.folder.resolve()
        return {**self.__dict__, "folder": folder, "_kept": {}, "_rims_read": {}}

    def write(self, k: int, objects: OwnedObjects, outcome: Outcome | None = None) -> Outcome:
        """Write a block's file, whole or not at all; in any process. Return the outcome."""
        outcome = outcome or Outcome(len(objects))
        arrays: dict[str, Any] = {name: getattr(objects, name) for name in ARRAYS}
        # Few objects fit into fewer bits, which takes less time to write and to read.
        arrays["core"] = objects.core.astype(np.min_scalar_type(len(objects)))
        arrays["flags"] = np.array([outcome.widened, outcome.narrow])
        arrays["cut"] = np.array(outcome.cut, np.int64)
        with atomic_file(self._path(k)) as file:
            np.savez_compressed(file, **arrays)
        return outcome

    def read(self) -> dict[int, Outcome]:
        """Return what is known of the blocks that have files, and count them as added."""
        found = {k: outcome for k in self.done() if (outcome := self.outcome(k)) is not None}
        for k, outcome in found.items():
            self.add(k, outcome)
        return found

    def done(self) -> list[int]:
        """Return the blocks that have files, in order."""
        return sorted(int(path.stem) for path in self.folder.glob("*.npz"))

    def outcome(self, k: int) -> Outcome | None:
        """Return what is known of a block; None if it has no file."""
        if not self._path(k).exists():
            return None
        with np.load(self._path(k)) as stored:
            widened, narrow = stored["flags"].tolist()
            cut = tuple(map(tuple, stored["cut"].tolist()))
            return Outcome(len(stored["score"]), widened, narrow, cut)

    def add(self, k: int, outcome: Outcome) -> None:
        """Count a block that has a file."""
        self._counts[k] = outcome.count
        self.bytes += self._path(k).stat().st_size

    def _path(self, k: int) -> Path:
        return self.folder / f"{k}.npz"

    def __len__(self) -> int:
        """Return the number of objects."""
        return int(self._counts.sum()) - sum(map(len, self._dropped.values()))

    def _objects(self, k: int) -> OwnedObjects:
        """Return a block's objects; those of the last few blocks are kept."""
        kept = self._kept.get(k)
        if kept is None:
            with np.load(self._path(k)) as stored:
                arrays = {name: stored[name] for name in ARRAYS}
            arrays["core"] = arrays["core"].astype(np.int32)
            kept = self._kept[k] = OwnedObjects(**arrays)
            if len(self._kept) > KEPT:
                self._kept.pop(next(iter(self._kept)), None)
        return kept

    def _rim(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return the pixels of a block's objects outside its core, and their labels.

        Those of some rows of blocks are kept, as all blocks around ask for them.
        """
        rim = self._rims_read.get(k)
        if rim is None:
            with np.load(self._path(k)) as stored:
                rim = self._rims_read[k] = stored["rim_pixels"], stored["rim_labels"]
            if len(self._rims_read) > ROWS * max(self.blocks.counts):
                self._rims_read.pop(next(iter(self._rims_read)), None)
        return rim

    def _rims(self, k: int) -> Iterator[Claim]:
        """Yield the neighbours whose objects reach into a core: pixels in there, and labels."""
        core = self.blocks.core(k)
        for other in self.blocks.around(k):
            if other == k or not self._counts[other]:
                continue
            pixels, labels = self._rim(other)
            keep = ~np.isin(pixels, self._lost[other]) if self._lost.get(other) else None
            if keep is not None:
                pixels, labels = pixels[keep], labels[keep]
            at = np.unravel_index(pixels, self.blocks.shape)
            inside = np.ones(len(pixels), np.bool_)
            for index, part in zip(at, core, strict=True):
                inside &= (index >= part.start) & (index < part.stop)
            if inside.any():
                places = tuple(
                    index[inside] - part.start for index, part in zip(at, core, strict=True)
                )
                yield other, places, labels[inside]

    # -------------------------------------------------------------- rivals

    def resolve(self, settings: ClusteringSettings) -> Iterator[int]:
        """Decide by score who gets pixels that objects of two blocks claim; yield each block.

        It is the clustering's own rule: a pixel is that of the object of higher score, and an
        object of which too little is left is none.
        """
        rivals: dict[Key, _Rival] = {}
        for k in range(len(self.blocks)):
            self._find_rivals(k, rivals)
            yield k
        taken: set[int] = set()
        for (k, label), rival in sorted(rivals.items(), key=lambda item: (-item[1].score, item[0])):
            lost = [pixel for pixel in rival.pixels if pixel in taken]
            left = rival.size - len(lost)
            if left < settings.min_size or left <= settings.min_free_fraction * rival.size:
                self._dropped[k].append(label)
                self._lost[k].extend(rival.pixels)
            else:
                self._lost[k].extend(lost)
                taken.update(rival.pixels)

    def _find_rivals(self, k: int, rivals: dict[Key, _Rival]) -> None:
        claims = list(self._rims(k))
        if not claims:
            return
        core = self.blocks.core(k)
        edges = tuple(part.stop - part.start for part in core)
        at = [np.ravel_multi_index(places, edges) for _, places, _ in claims]
        pixels, count = np.unique(np.concatenate(at), return_counts=True)
        own = np.zeros(len(pixels), np.int32)
        if self._counts[k]:
            with np.load(self._path(k)) as stored:
                own = stored["core"].reshape(-1)[pixels]
        contested = count + (own > 0) > 1
        twice = pixels[contested]
        self.contested += len(twice)
        if not len(twice):
            return
        first = [part.start for part in core]
        others = (
            (block, flat, labels) for flat, (block, _, labels) in zip(at, claims, strict=True)
        )
        for block, flat, labels in (*others, (k, pixels, own)):
            claimed = np.isin(flat, twice) & (labels > 0)
            if not claimed.any():
                continue
            index = np.unravel_index(flat[claimed], edges)
            places = tuple(i + start for i, start in zip(index, first, strict=True))
            whole = np.ravel_multi_index(places, self.blocks.shape).tolist()
            with np.load(self._path(block)) as stored:
                score, size = stored["score"], stored["size"]
            for label, pixel in zip(labels[claimed].tolist(), whole, strict=True):
                new = _Rival(float(score[label - 1]), int(size[label - 1]), [])
                rivals.setdefault((block, label), new).pixels.append(pixel)

    # ------------------------------------------------------------- results

    def _table(self, k: int) -> NDArray[np.int32]:
        """Return the id of each of a block's labels; 0 for none."""
        kept = np.ones(self._counts[k] + 1, np.int64)
        kept[[0, *self._dropped.get(k, ())]] = 0
        before = int(self._counts[:k].sum()) - sum(
            len(gone) for block, gone in self._dropped.items() if block < k
        )
        ids: NDArray[np.int32] = ((before + kept.cumsum()) * kept).astype(np.int32)
        return ids

    def labels(self, k: int) -> NDArray[np.int32]:
        """Return the ids of the objects in a core, int32 (*core); after `resolve`."""
        core = self.blocks.core(k)
        out = np.zeros([part.stop - part.start for part in core], np.int32)
        if self._counts[k]:
            out[...] = self._table(k)[self._without_lost(k, self._objects(k)).core]
        for other, places, labels in self._rims(k):
            ids = self._table(other)[labels]
            out[places] = np.where(ids > 0, ids, out[places])
        return out

    def _without_lost(self, k: int, objects: OwnedObjects) -> OwnedObjects:
        if lost := self._lost.get(k):
            changed = {name: getattr(objects, name).copy() for name in ("core", "rim_labels")}
            objects = replace(objects, **changed)
            at = np.unravel_index(lost, self.blocks.shape)
            core = self.blocks.core(k)
            inside = np.ones(len(lost), np.bool_)
            for index, part in zip(at, core, strict=True):
                inside &= (index >= part.start) & (index < part.stop)
            objects.core[
                tuple(i[inside] - part.start for i, part in zip(at, core, strict=True))
            ] = 0
            objects.rim_labels[np.isin(objects.rim_pixels, lost)] = 0
        return objects

    def objects_around(self, k: int) -> tuple[NDArray[np.int32], Window]:
        """Return the objects that a block owns, labelled from 1, and the part that holds them.

        They are those that the block has found; `resolve` may leave some of their pixels to others.
        """
        return self._around(k, self._objects(k))

    def _around(self, k: int, objects: OwnedObjects) -> tuple[NDArray[np.int32], Window]:
        core, shape = self.blocks.core(k), self.blocks.shape
        at = np.unravel_index(objects.rim_pixels, shape)
        ends = [
            (int(i.min(initial=n)), int(i.max(initial=0)) + 1)
            for i, n in zip(at, shape, strict=True)
        ]
        by = tuple(
            max(0, part.start - low, high - part.stop)
            for (low, high), part in zip(ends, core, strict=True)
        )
        window = grown(core, by, shape)
        labels = np.zeros([part.stop - part.start for part in window], np.int32)
        labels[within(core, window)] = objects.core
        labels[tuple(i - part.start for i, part in zip(at, window, strict=True))] = (
            objects.rim_labels
        )
        return labels, window

    def instances(self, k: int) -> tuple[Instances, Window] | None:
        """Return the objects that a block owns, all their pixels, and the part that holds these.

        Positions count from the image's first pixel, and labels are the ids; None without objects.
        """
        table = self._table(k)
        if not table.any():
            return None
        objects = self._without_lost(k, self._objects(k))
        labels, window = self._around(k, objects)
        size = np.bincount(labels.reshape(-1), minlength=len(table))[1:]
        kept = table[1:] > 0
        found = Instances(
            labels=table[labels],
            ids=table[1:][kept],
            class_index=objects.class_index[kept],
            score=objects.score[kept],
            centre=(objects.centre[kept] * np.array(self.spacing)).astype(np.float32),
            sigma=objects.sigma[kept],
            size=size[kept],
            seed_pixel=objects.seed_pixel[kept],
            locked=np.zeros(int(kept.sum()), np.bool_),
        )
        return found, window
