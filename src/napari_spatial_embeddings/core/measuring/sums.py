"""Sums over the pixels of each object, block by block: moments, boxes, borders, intensities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.outlines.masks import MAX_LISTED
from napari_spatial_embeddings.core.sampling import all_blocks

from .borders import border_weights, steps_around

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import PixelArray

EDGE = {2: 512, 3: 64}
"""Edge of the blocks that are read at once, in pixels."""

Floats = NDArray[np.float64]


@dataclass(slots=True, eq=False)
class Sums:
    """What is known of N objects after some blocks.

    Parameters
    ----------
    size : int64 (N,)
        Number of pixels.
    first, stop : int64 (N, D)
        The bounding box: its first pixel, and the one after the last along each axis.
    mean : float64 (N, D)
        Centroid, as an index.
    spread : float64 (N, D, D)
        Sum of the products of the differences from it.
    border : float64 (N,)
        Perimeter or surface, in pixels of the finest axis to the power of D - 1.
    neighbours : int64 (N,)
        Number of other objects that it touches, at a corner at least.
    lowest, highest, total, average, deviation : float64 (N, C)
        Of the intensities; ``deviation`` is the sum of the squares of the differences from
        ``average``.
    """

    size: NDArray[np.int64]
    first: NDArray[np.int64]
    stop: NDArray[np.int64]
    mean: Floats
    spread: Floats
    border: Floats
    neighbours: NDArray[np.int64]
    lowest: Floats
    highest: Floats
    total: Floats
    average: Floats
    deviation: Floats
    pairs: list[NDArray[np.int64]] = field(default_factory=list)

    @classmethod
    def of(cls, count: int, ndim: int, channels: int) -> Sums:
        """Return those of no pixel."""
        return cls(
            size=np.zeros(count, np.int64),
            first=np.full((count, ndim), np.iinfo(np.int64).max),
            stop=np.zeros((count, ndim), np.int64),
            mean=np.zeros((count, ndim)),
            spread=np.zeros((count, ndim, ndim)),
            border=np.zeros(count),
            neighbours=np.zeros(count, np.int64),
            lowest=np.full((count, channels), np.inf),
            highest=np.full((count, channels), -np.inf),
            total=np.zeros((count, channels)),
            average=np.zeros((count, channels)),
            deviation=np.zeros((count, channels)),
        )


def add_all(
    sums: Sums,
    labels: NDArray[np.integer[Any]],
    ids: NDArray[np.integer[Any]],
    spacing: tuple[float, ...],
    image: PixelArray | None = None,
) -> Iterator[tuple[int, int]]:
    """Add the pixels of all objects, and yield how many blocks are done, and of how many.

    Parameters
    ----------
    sums : Sums
        Those of no pixel; complete at the end.
    labels : integers (*S), not negative
    ids : integers (N,)
        The objects, in any order; no two are equal, and other labels count as background.
    spacing : tuple of D floats
        Size of a pixel along each axis in pixels of the finest.
    image : (C, *S), optional
        Read where there are objects.
    """
    rows, weights = Rows(ids), border_weights(spacing)
    blocks = list(all_blocks(labels.shape, EDGE[labels.ndim])) if len(ids) else []
    yield 0, len(blocks)
    for done, block in enumerate(blocks, 1):
        _add_block(sums, labels, block, rows, weights, image)
        yield done, len(blocks)
    if sums.pairs:
        every = np.unique(np.concatenate(sums.pairs))
        sums.pairs.clear()
        sums.neighbours[:] = np.bincount(every // len(ids), minlength=len(ids))
    yield len(blocks), len(blocks)


class Rows:
    """Rows of objects by their labels, counted from 1; 0 for what is none of them.

    Memory goes with the number of objects and not with their highest label.

    Parameters
    ----------
    ids : integers (N,), > 0
        The objects, in any order; no two are equal.
    """

    def __init__(self, ids: NDArray[np.integer[Any]]) -> None:
        self._order = np.argsort(ids).astype(np.int32)
        self._sorted = ids[self._order]
        top = int(ids.max(initial=0))
        self._place = np.zeros(top + 1, np.int32) if top <= MAX_LISTED else None
        if self._place is not None:
            self._place[ids] = np.arange(1, len(ids) + 1)

    def of(self, labels: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
        """Return the row of each label, of any shape."""
        if self._place is not None:
            known = labels < len(self._place)
            return np.where(known, self._place[np.where(known, labels, 0)], 0)
        at = np.minimum(np.searchsorted(self._sorted, labels), len(self._sorted) - 1)
        found = np.where(self._sorted[at] == labels, self._order[at] + 1, 0)
        return found.astype(np.int32)


def _add_block(
    sums: Sums,
    labels: NDArray[np.integer[Any]],
    block: tuple[slice, ...],
    rows: Rows,
    weights: Floats,
    image: PixelArray | None,
) -> None:
    """Add the pixels of a block, whose neighbours may lie in others."""
    if not labels[block].any():
        return
    inner = tuple(s.stop - s.start for s in block)
    around = tuple(
        slice(max(s.start - 1, 0), s.stop + 1) for s in block
    )  # a slice may end beyond the image
    framed = np.zeros(tuple(n + 2 for n in inner), np.int32)
    part = rows.of(labels[around])
    lead = [0 if s.start else 1 for s in block]
    framed[tuple(slice(a, a + n) for a, n in zip(lead, part.shape, strict=True))] = part
    row = framed[(slice(1, -1),) * labels.ndim].ravel()
    at = np.flatnonzero(row)
    if not len(at):
        return
    at = at[np.argsort(row[at], kind="stable")]
    row = row[at]
    starts = np.flatnonzero(np.diff(row, prepend=0))
    who, counts = row[starts] - 1, np.diff(starts, append=len(row))
    index = np.unravel_index(at, inner)
    _add_places(sums, who, counts, starts, [i + s.start for i, s in zip(index, block, strict=True)])
    _add_borders(sums, framed, [i + 1 for i in index], row, starts, weights)
    for c in range(0 if image is None else image.shape[0]):
        assert image is not None
        values = np.asarray(image[(c, *block)], np.float64).ravel()[at]
        _add_values(sums, c, who, counts, starts, values)
    sums.size[who] += counts


def _add_places(
    sums: Sums,
    who: NDArray[np.int32],
    counts: NDArray[np.int64],
    starts: NDArray[np.int64],
    index: list[NDArray[np.int64]],
) -> None:
    """Add the positions of pixels: box, centroid, and spread about it."""
    before, n = sums.size[who], len(index)
    mean = np.stack([np.add.reduceat(i, starts) / counts for i in index], axis=1)
    off = [i - np.repeat(mean[:, d], counts) for d, i in enumerate(index)]
    spread = np.empty((len(who), n, n))
    for d in range(n):
        lowest, highest = (
            np.minimum.reduceat(index[d], starts),
            np.maximum.reduceat(index[d], starts),
        )
        sums.first[who, d] = np.minimum(sums.first[who, d], lowest)
        sums.stop[who, d] = np.maximum(sums.stop[who, d], highest + 1)
        for e in range(d, n):
            spread[:, d, e] = spread[:, e, d] = np.add.reduceat(off[d] * off[e], starts)
    # Two groups of values have the spread of both, and that of their means.
    total, apart = before + counts, mean - sums.mean[who]
    both = (before * counts / total)[:, None, None]
    sums.spread[who] += spread + both * apart[:, :, None] * apart[:, None, :]
    sums.mean[who] += apart * (counts / total)[:, None]


def _add_borders(
    sums: Sums,
    framed: NDArray[np.int32],
    index: list[NDArray[np.int64]],
    row: NDArray[np.int32],
    starts: NDArray[np.int64],
    weights: Floats,
) -> None:
    """Add the neighbours of pixels that belong to others, or to none."""
    flat, count = framed.ravel(), len(sums.size)
    at = np.ravel_multi_index(tuple(index), framed.shape)
    strides = np.array([s // framed.itemsize for s in framed.strides])
    border, pairs = np.zeros(len(at)), []
    for step, weight in zip(steps_around(framed.ndim) @ strides, weights, strict=True):
        other = flat[at + step]
        beyond = other != row
        border[beyond] += weight
        beyond &= other > 0
        if beyond.any():
            key = (row[beyond].astype(np.int64) - 1) * count + other[beyond] - 1
            pairs.append(np.unique(key))
    sums.border[row[starts] - 1] += np.add.reduceat(border, starts)
    if pairs:
        sums.pairs.append(np.unique(np.concatenate(pairs)))


def _add_values(
    sums: Sums,
    c: int,
    who: NDArray[np.int32],
    counts: NDArray[np.int64],
    starts: NDArray[np.int64],
    values: Floats,
) -> None:
    """Add the intensities of a channel; what is no number makes all of its object's none."""
    with np.errstate(invalid="ignore", over="ignore"):
        total = np.add.reduceat(values, starts)
        mean = total / counts
        deviation = np.add.reduceat((values - np.repeat(mean, counts)) ** 2, starts)
        sums.lowest[who, c] = np.minimum(sums.lowest[who, c], np.minimum.reduceat(values, starts))
        sums.highest[who, c] = np.maximum(sums.highest[who, c], np.maximum.reduceat(values, starts))
        before = sums.size[who]
        both, apart = before + counts, mean - sums.average[who, c]
        sums.total[who, c] += total
        sums.deviation[who, c] += deviation + apart**2 * (before * counts / both)
        sums.average[who, c] += apart * (counts / both)
