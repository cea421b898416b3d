"""Outlines of objects: rings around their pieces and the holes in them.

A ring runs between the middles of pixels inside and outside: straight along a row of pixels, half a
pixel from their middles, and across the corner of a pixel at a corner. So no middle of a pixel lies
on a ring, and whatever fills the rings, by whatever rule for borders, gives back the mask. Pixels
that touch at a corner are one piece, and a ring touches neither itself nor another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .masks import ObjectMask

Ring: TypeAlias = NDArray[np.float64]
"""Corners (n, 2) as (x, y), in pixels, n >= 4; the first is not repeated at the end."""

Piece: TypeAlias = tuple[Ring, ...]
"""A ring around one piece of an object, and those around the holes in it."""

LEVEL = np.nextafter(0.5, 0)
"""Just below half: so that where only corners touch, the inside is connected."""

CANVAS = 2**20
"""Pixels in which the outlines of several objects are found at once, to save overhead."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The outline of an object, or of an object in one slice of a volume.

    Outer rings run clockwise as seen on the screen, with y downwards, and those of holes the other
    way round: what GeoJSON asks for, which has y upwards, is the same order.

    Parameters
    ----------
    label : int, > 0
    z : int, optional
        The slice; None in an image.
    pieces : tuple of Piece
    """

    label: int
    z: int | None
    pieces: tuple[Piece, ...]


def outlines(masks: Iterable[ObjectMask]) -> Iterator[Outline]:
    """Yield the outline of each object, of one in a volume that of each slice it is in.

    Parameters
    ----------
    masks : iterable of ObjectMask
        Read as needed; some are in memory at once.
    """
    batch: list[_Item] = []
    high = wide = 0
    for item in _planes(masks):
        h, w = item.mask.shape
        if batch and max(high, h + 2) * (wide + w + 2) > CANVAS:
            yield from _traced(batch, high, wide)
            batch, high, wide = [], 0, 0
        batch.append(item)
        high, wide = max(high, h + 2), wide + w + 2
    if batch:
        yield from _traced(batch, high, wide)


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """An object in one plane, with the place of its box there."""

    label: int
    z: int | None
    y: int
    x: int
    mask: NDArray[np.bool_]


def _planes(masks: Iterable[ObjectMask]) -> Iterator[_Item]:
    for one in masks:
        y, x = one.start[-2:]
        if one.mask.ndim == 2:
            yield _Item(one.label, None, y, x, one.mask)
            continue
        for z, plane in enumerate(one.mask, one.start[0]):
            if plane.any():
                yield _Item(one.label, z, y, x, plane)


def _traced(batch: list[_Item], high: int, wide: int) -> Iterator[Outline]:
    """Yield the outlines of some objects, which are found side by side in one picture."""
    from contourpy import FillType, contour_generator

    canvas = np.zeros((high, wide), np.float64)
    first = np.zeros(len(batch) + 1, np.intp)
    for k, item in enumerate(batch):
        h, w = item.mask.shape
        canvas[1 : h + 1, first[k] + 1 : first[k] + 1 + w] = item.mask
        first[k + 1] = first[k] + w + 2
    lines = contour_generator(z=canvas, fill_type=FillType.ChunkCombinedOffsetOffset)
    found = lines.filled(LEVEL, 2.0)
    assert len(found) == 3
    if found[0][0] is None or found[1][0] is None or found[2][0] is None:
        return
    # All lie on whole or half pixels, but for the difference of the level from half.
    every: Ring = np.round(2 * found[0][0]) / 2
    starts, pieces = found[1][0].astype(np.intp), found[2][0].astype(np.intp)
    owner = np.searchsorted(first, every[starts[pieces[:-1]], 0], side="right") - 1
    points, rings = _without_straight(every, starts)
    parts: list[list[Piece]] = [[] for _ in batch]
    bounds, ends = rings.tolist(), pieces.tolist()
    for k, start, stop in zip(owner.tolist(), ends[:-1], ends[1:], strict=True):
        item = batch[k]
        # The middle of a pixel is a whole number in the picture, which has a frame of one pixel.
        shift = np.array([item.x - int(first[k]) - 0.5, item.y - 0.5])
        piece = (points[bounds[r] : bounds[r + 1]] + shift for r in range(start, stop))
        parts[k].append(tuple(piece))
    for item, own in zip(batch, parts, strict=True):
        yield Outline(item.label, item.z, tuple(own))


def _without_straight(points: Ring, rings: NDArray[np.intp]) -> tuple[Ring, NDArray[np.intp]]:
    """Leave out the points at which rings go straight on, and the last ones, which are the first.

    Parameters
    ----------
    points : (n, 2)
        Of all rings, each of which ends where it starts.
    rings : intp (R + 1,)
        First point of each ring, and n.
    """
    step = np.diff(points, axis=0, append=points[:1])
    before = np.roll(step, 1, 0)
    start, last = rings[:-1], rings[1:] - 1
    before[start] = step[last - 1]
    kept = step[:, 0] * before[:, 1] != step[:, 1] * before[:, 0]
    kept[last] = False
    counts = np.add.reduceat(kept.astype(np.intp), start)
    return points[kept], np.concatenate([[0], np.cumsum(counts)])
