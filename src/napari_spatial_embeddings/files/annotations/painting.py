"""Outlines painted into labels: the pixels whose middle lies inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .outlines import Outline

Int = NDArray[np.int64]

MAX_AT_ONCE = 2**22
"""Crossings, or pixels, that are worked on at once."""


@dataclass(frozen=True, slots=True)
class Painted:
    """What became of the objects that were painted.

    Parameters
    ----------
    labels : set of int
        Objects that have pixels.
    shared : set of int
        Those of them that lost some to others, which were there before.
    shared_pixels : int
    covered : set of int
        Objects all of whose pixels are others'.
    small : set of int
        Objects that no pixel's middle lies in.
    outside : set of int
        Objects that lie beside the image.
    """

    labels: set[int]
    shared: set[int]
    shared_pixels: int
    covered: set[int]
    small: set[int]
    outside: set[int]


def paint(
    labels: NDArray[np.int32], outlines: Sequence[Outline], planes: Sequence[int | None]
) -> Painted:
    """Paint objects where nothing is yet: a pixel belongs to the first that its middle lies in.

    A middle on an outline counts where the object lies to its right or below, so that outlines that
    share a border share no pixel. An outline of a mask, around its pixels or through the middles
    between pixels inside and outside, gives the mask.

    Parameters
    ----------
    labels : int32 (planes, Y, X), in one block
        Changed.
    outlines : sequence of Outline
    planes : sequence of int, optional
        The plane of each; None for one that is in none.
    """
    height, width = labels.shape[1:]
    flat = labels.reshape(-1)
    wanted: set[int] = set()
    lost: dict[int, int] = {}
    inside = set()
    for outline, plane in zip(outlines, planes, strict=True):
        top, left, bottom, right = outline.bounds
        if plane is not None and top < height and left < width and bottom > 0 and right > 0:
            inside.add(outline.label)
    at = np.array([-1 if plane is None else plane for plane in planes], np.int64)
    ids = np.array([outline.label for outline in outlines], np.int64)
    for owner, row, start, stop in _spans(outlines, at, height, width):
        first = (at[owner] * height + row) * width + start
        for chosen in _chunks(stop - start):
            length = (stop - start)[chosen]
            before = np.cumsum(length) - length
            pixels = np.repeat(first[chosen] - before, length) + np.arange(length.sum())
            own = np.repeat(ids[owner[chosen]], length)
            free = flat[pixels] == 0
            # Backwards, so that the first of several stays.
            flat[pixels[free][::-1]] = own[free][::-1]
            wanted.update(np.unique(own).tolist())
            taken, times = np.unique(own[flat[pixels] != own], return_counts=True)
            for label, n in zip(taken.tolist(), times.tolist(), strict=True):
                lost[label] = lost.get(label, 0) + n
    every = set(ids.tolist())
    kept = _present(flat, every)
    return Painted(
        kept,
        set(lost) & kept,
        sum(lost.values()),
        wanted - kept,
        (every & inside) - wanted,
        every - inside,
    )


def _present(flat: NDArray[np.int32], labels: set[int]) -> set[int]:
    highest = max(labels, default=0)
    if highest > 8 * flat.size:  # a table would be larger than the image
        return set(np.unique(flat).tolist()) & labels
    there = np.zeros(max(highest, 0) + 2, np.bool_)
    for part in range(0, flat.size, MAX_AT_ONCE):
        there[np.clip(flat[part : part + MAX_AT_ONCE], -1, highest)] = True  # IGNORE is the last
    return {label for label in labels if there[label]}


def _chunks(sizes: Int) -> Iterator[slice]:
    """Yield slices of what has some sizes, each of about `MAX_AT_ONCE` in all, in their order."""
    total = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        before = int(total[start - 1]) if start else 0
        stop = int(np.searchsorted(total, before + MAX_AT_ONCE, "right"))
        stop = max(stop, start + 1)
        yield slice(start, stop)
        start = stop


def _spans(
    outlines: Sequence[Outline], planes: Int, height: int, width: int
) -> Iterator[tuple[Int, Int, Int, Int]]:
    """Yield runs of pixels within the image: place of the outline, row, first column, last + 1."""
    sizes = np.array(
        [sum(map(len, x.rings)) + (0 if x.mask is None else x.mask.size) for x in outlines]
    )
    rows = np.array([min(height, x.bounds[2]) - max(0, x.bounds[0]) for x in outlines])
    # Each edge may cross each row of its outline, but few do.
    load = sizes + 4 * np.maximum(rows, 0).astype(np.int64)
    for chosen in _chunks(load.astype(np.int64)) if len(outlines) else ():
        here = [k for k in range(chosen.start, min(chosen.stop, len(outlines))) if planes[k] >= 0]
        by_ring = [(k, one) for k in here for one in outlines[k].rings if len(one)]
        found = [*_ring_spans(by_ring, height, width)]
        found += [
            _mask_spans(k, mask, outlines[k].corner, height, width)
            for k in here
            if (mask := outlines[k].mask) is not None
        ]
        if found:
            owner, row, start, stop = (np.concatenate(part) for part in zip(*found, strict=True))
            order = np.argsort(owner, kind="stable")
            yield owner[order], row[order], start[order], stop[order]


def _ring_spans(
    rings: Sequence[tuple[int, NDArray[np.float64]]], height: int, width: int
) -> Iterator[tuple[Int, Int, Int, Int]]:
    """Yield the runs of pixels that rings of the same outline enclose, by the even-odd rule."""
    if not rings:
        return
    ends = np.concatenate([np.roll(one, -1, 0) for _, one in rings])
    begins = np.concatenate([one for _, one in rings])
    owner = np.repeat([k for k, _ in rings], [len(one) for _, one in rings]).astype(np.int64)
    low, high = (f(begins[:, 0], ends[:, 0]) for f in (np.minimum, np.maximum))
    first = np.clip(np.ceil(low - 0.5), 0, height).astype(np.int64)
    count = np.clip(np.ceil(high - 0.5), 0, height).astype(np.int64) - first
    edge = np.repeat(np.arange(len(owner)), count)
    before = np.cumsum(count) - count
    row = np.repeat(first - before, count) + np.arange(len(edge))
    (y0, x0), (y1, x1) = begins[edge].T, ends[edge].T
    x = x0 + (row + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
    line = owner[edge] * (height + 1) + row
    order = np.lexsort((x, line))
    # The row's middle is crossed an even number of times, as rings are closed.
    column = np.clip(np.ceil(x[order] - 0.5), 0, width).astype(np.int64)
    start, stop, at = column[0::2], column[1::2], order[0::2]
    some = stop > start
    yield owner[edge][at][some], row[at][some], start[some], stop[some]


def _mask_spans(
    place: int, mask: NDArray[np.bool_], corner: tuple[int, int], height: int, width: int
) -> tuple[Int, Int, Int, Int]:
    """Return the runs of a mask's pixels."""
    y, x = corner
    part = mask[max(0, -y) : max(0, height - y), max(0, -x) : max(0, width - x)]
    edges = np.diff(np.pad(part, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(edges == 1)
    _, stop = np.nonzero(edges == -1)
    down, right = max(0, y), max(0, x)
    owner = np.full(len(row), place, np.int64)
    return owner, row.astype(np.int64) + down, start + right, stop + right
