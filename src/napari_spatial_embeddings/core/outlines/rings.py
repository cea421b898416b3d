"""Outlines of objects: rings around their pieces and the holes in them.

There are two ways around a mask. No middle of a pixel lies on a ring of either, so that whatever
fills the rings, by whatever rule for borders, gives back the mask.

Smooth rings run between the middles of pixels inside and outside: straight along a row of pixels,
half a pixel from their middles, and across the corner of a pixel at a corner. Pixels that touch at
a corner are one piece, and a ring touches neither itself nor another one.

Rings along the edges of pixels enclose the pixels as squares, and so have the area of the mask.
Pixels that touch at a corner alone are pieces of their own. Where rings touch at such a corner,
they do so at single points, and each by itself is simple, as polygons have to be to be valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .masks import ObjectMask

Ring: TypeAlias = NDArray[np.float64]
"""Corners (n, 2) as (x, y), in pixels, n >= 4; the first is not repeated at the end."""

Piece: TypeAlias = tuple[Ring, ...]
"""A ring around one piece of an object, and those around the holes in it."""

SMOOTH_LEVEL, EDGE_LEVEL = np.nextafter(0.5, 0), np.nextafter(0.5, 1)
"""Just below half, where only corners touch, the inside is connected; just above it the outside."""

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


def outlines(masks: Iterable[ObjectMask], *, edges: bool = False) -> Iterator[Outline]:
    """Yield the outline of each object, of one in a volume that of each slice it is in.

    Parameters
    ----------
    masks : iterable of ObjectMask
        Read as needed; some are in memory at once.
    edges : bool
        Along the edges of pixels, with whole numbers as corners, instead of smooth.
    """
    batch: list[_Item] = []
    high = wide = 0
    for item in _planes(masks):
        h, w = item.mask.shape
        if batch and max(high, h + 2) * (wide + w + 2) > CANVAS:
            yield from _traced(batch, high, wide, edges)
            batch, high, wide = [], 0, 0
        batch.append(item)
        high, wide = max(high, h + 2), wide + w + 2
    if batch:
        yield from _traced(batch, high, wide, edges)


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


def _traced(batch: list[_Item], high: int, wide: int, edges: bool) -> Iterator[Outline]:
    """Yield the outlines of some objects, which are found side by side in one picture."""
    from contourpy import FillType, contour_generator

    canvas = np.zeros((high, wide), np.float64)
    first = np.zeros(len(batch) + 1, np.intp)
    for k, item in enumerate(batch):
        h, w = item.mask.shape
        canvas[1 : h + 1, first[k] + 1 : first[k] + 1 + w] = item.mask
        first[k + 1] = first[k] + w + 2
    lines = contour_generator(z=canvas, fill_type=FillType.ChunkCombinedOffsetOffset)
    found = lines.filled(EDGE_LEVEL if edges else SMOOTH_LEVEL, 2.0)
    assert len(found) == 3
    if found[0][0] is None or found[1][0] is None or found[2][0] is None:
        return
    # All lie on whole or half pixels, but for the difference of the level from half.
    every: Ring = np.round(2 * found[0][0]) / 2
    starts, pieces = found[1][0].astype(np.intp), found[2][0].astype(np.intp)
    owner = np.searchsorted(first, every[starts[pieces[:-1]], 0], side="right") - 1
    points, rings = _without_straight(_corners(every, starts) if edges else every, starts)
    touching = set(_touching(points, rings).tolist()) if edges else set()
    parts: list[list[Piece]] = [[] for _ in batch]
    bounds, ends = rings.tolist(), pieces.tolist()
    for k, start, stop in zip(owner.tolist(), ends[:-1], ends[1:], strict=True):
        item = batch[k]
        # The middle of a pixel is a whole number in the picture, which has a frame of one pixel.
        shift = np.array([item.x - int(first[k]) - 0.5, item.y - 0.5])
        piece = [points[bounds[r] : bounds[r + 1]] + shift for r in range(start, stop)]
        if not touching.isdisjoint(range(start, stop)):
            piece = [part for ring in piece for part in _simple(ring)]
            piece.sort(key=_is_hole)
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


def joined(piece: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
    """Return the rings of a piece as a single one.

    It goes to each further ring and back by the same line, which encloses nothing.

    Parameters
    ----------
    piece : sequence of (n, 2), at least one

    Returns
    -------
    ring : (m, 2)
    """
    first, parts = piece[0][:1], [piece[0]]
    for ring in piece[1:]:
        parts += [first, ring, ring[:1]]
    return np.concatenate(parts + [first] * (len(piece) > 1)).astype(np.float64, copy=False)


def _corners(middles: Ring, rings: NDArray[np.intp]) -> Ring:
    """Return the corners of pixels that a path goes through from one edge's middle to the next.

    Parameters
    ----------
    middles : (n, 2)
        Of all edges along all rings, each of which ends where it starts; the middle of a pixel is a
        whole number, so that an edge along x has a whole x and a y that ends with a half.
    rings : intp (R + 1,)
        First point of each ring, and n.

    Returns
    -------
    corners : (n, 2)
        Each ring again ends where it starts.
    """
    after = np.roll(middles, -1, 0)
    # Along x, where an edge across it lies; halfway between two edges along it. And so along y.
    corners = np.where(
        middles % 1 > 0, middles, np.where(after % 1 > 0, after, (middles + after) / 2)
    )
    corners[rings[1:] - 1] = corners[rings[:-1]]
    return corners


def _touching(points: Ring, rings: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rings that go through a point twice."""
    ring = np.repeat(np.arange(len(rings) - 1), np.diff(rings))
    order = np.lexsort((points[:, 0], points[:, 1], ring))
    same = (points[order[1:]] == points[order[:-1]]).all(1) & (ring[order[1:]] == ring[order[:-1]])
    return np.unique(ring[order[1:][same]])


def _simple(ring: Ring) -> Iterator[Ring]:
    """Yield the rings that a ring is made of which goes through a point twice."""
    path: list[tuple[float, float]] = []
    place: dict[tuple[float, float], int] = {}
    for x, y in ring.tolist():
        if (first := place.get((x, y))) is not None:
            loop = path[first:]
            del path[first:]
            for point in loop:
                del place[point]
            yield np.array(loop)
        place[x, y] = len(path)
        path.append((x, y))
    yield np.array(path)


def _is_hole(ring: Ring) -> bool:
    """Whether a ring runs the other way round than those around pieces."""
    x, y = ring.T
    return bool(np.dot(x, np.roll(y, -1)) < np.dot(y, np.roll(x, -1)))
