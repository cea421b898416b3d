"""Pairs of a pixel and an object in whose reach its embedding lies, in time proportional to them.

The embeddings are sorted by the cells of a grid over each crop, whose rows run along the last axis.
An object reaches one range of cells in each row, and the pixels there are one range of those
sorted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

ROWS_PER_REACH = 4
"""Rows of cells that the mean object's reach spans."""

CELLS_PER_ROW = 8
"""How much narrower a cell is along the last axis than its row is wide."""


def take(values: Tensor, index: Tensor) -> Tensor:
    """Return ``values[index]``, several times faster than that.

    Its gradient adds up in a fixed order, whatever the threads.
    """
    return values.index_select(0, index)


def squared_distance(
    e: Iterable[Tensor], centre: Tensor, sigma: Tensor, pixel: Tensor, obj: Tensor
) -> Tensor:
    """Return the squared Mahalanobis distance of each (pixel, object) pair, (P,).

    ``d^2 = sum_d ((e_d - C_d) / sigma_d)^2``, as `maps.squared_distance`; one axis at a time, since
    gathers along one axis are fast.

    Parameters
    ----------
    e : (D, N), pixels
        Embeddings; one tensor, or a list of D.
    centre, sigma : (D, K), pixels
        Of each object.
    pixel, obj : int64 (P,)
        Indices of the pairs.
    """
    inverse = 1 / sigma
    square = torch.zeros((), dtype=centre.dtype, device=centre.device)
    for line, c, i in zip(e, centre, inverse, strict=True):
        square = square + ((take(line, pixel) - take(c, obj)) * take(i, obj)) ** 2
    return square


@torch.no_grad()
def others_near(
    e: Tensor, centre: Tensor, reach: Tensor, owner: Tensor, crop: Tensor, crops: int
) -> tuple[Tensor, Tensor]:
    """Return the pairs of a known pixel and an object not its own that it lies within reach of.

    Parameters
    ----------
    e : (D, N), pixels
        Embeddings of the pixels of all crops, one crop after the other.
    centre, reach : (D, K), pixels
        Of each object; it reaches an ellipse or ellipsoid of these semi-axes.
    owner : int64 (N,)
        Object of each pixel, 0 to K - 1; K for background, K + 1 for unknown.
    crop : int64 (K,)
        Crop of each object.
    crops : int
        Number of crops.

    Returns
    -------
    pixel, obj : int64 (P,)
        In the order of the objects.
    """
    if not len(crop):
        return crop, crop
    known = owner <= len(crop)
    grid = _Grid.over(torch.where(known, e, centre[:, :1]), centre, reach, crops)
    key = torch.arange(crops, dtype=grid.kind, device=e.device)
    key = key.repeat_interleave(len(owner) // crops)
    for axis, line in enumerate(e):
        key = grid.key(key, axis, grid.cells(axis, line))
    key, order = torch.where(known, key, torch.iinfo(grid.kind).max).sort(stable=True)

    row_object, first, last = grid.rows(centre, reach, crop)
    start = torch.searchsorted(key, first)
    row, place = _spread(start, torch.searchsorted(key, last, right=True) - start)
    obj = take(row_object, row)
    e_sorted = [take(line, order) for line in e]
    near = squared_distance(e_sorted, centre, reach, place, obj) < 1
    near &= take(take(owner, order), place) != obj
    pair = near.nonzero().squeeze(1)
    return take(order, take(place, pair)), take(obj, pair)


class _Grid(NamedTuple):
    """Cells over the embeddings of every crop, which are narrow along the last axis.

    Parameters
    ----------
    low : (D,), pixels
        Start of the first cell.
    cell : (D,), pixels
        Size of a cell.
    shape : list of D ints
        Number of cells.
    kind : dtype
        Of the keys: integers that order cells by crop, row and place in the row.
    """

    low: Tensor
    cell: Tensor
    shape: list[int]
    kind: torch.dtype

    @classmethod
    def over(cls, e: Tensor, centre: Tensor, reach: Tensor, crops: int) -> _Grid:
        """Cover what both objects reach and embeddings take up, in no more rows than pixels."""
        low = torch.maximum(e.amin(1), (centre - reach).amin(1))
        high = torch.minimum(e.amax(1), (centre + reach).amax(1))
        extent = (high - low).clamp(min=1)
        fair = (extent.prod() * crops / e.shape[1]) ** (1 / len(e))
        cell = torch.maximum(reach.mean(1) / ROWS_PER_REACH, fair)
        cell[-1] /= CELLS_PER_ROW
        shape = [int(n) + 1 for n in (extent / cell).tolist()]
        # Short integers are sorted several times as fast.
        fits = crops * math.prod(shape) < torch.iinfo(torch.int32).max
        return cls(low, cell, shape, torch.int32 if fits else torch.int64)

    def cells(self, axis: int, at: Tensor) -> Tensor:
        """Return the cells of coordinates along an axis; what is off the grid goes to its edge."""
        at = (at - self.low[axis]) / self.cell[axis]
        return at.clamp(0, self.shape[axis] - 1).to(self.kind)

    def key(self, leading: Tensor, axis: int, cell: Tensor) -> Tensor:
        """Return the keys of cells along an axis, given those of the axes before."""
        return leading * self.shape[axis] + cell

    def rows(self, centre: Tensor, reach: Tensor, crop: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the rows that objects reach: object, first key and last key of each."""
        *axes, last = range(len(centre))
        starts = [self.cells(a, centre[a] - reach[a]) for a in axes]
        spans = [self.cells(a, centre[a] + reach[a]) - starts[a] + 1 for a in axes]
        # One row for every combination of the leading cells; the last axis has what they leave.
        obj, rest = _spread(torch.zeros_like(crop), torch.stack(spans).prod(0))
        key, share = take(crop, obj).to(self.kind), torch.ones_like(take(centre[last], obj))
        for a in axes:
            span, middle = take(spans[a], obj), take(centre[a], obj)
            cell = take(starts[a], obj) + rest % span
            rest = rest // span
            key = self.key(key, a, cell.to(self.kind))
            start = self.low[a] + cell * self.cell[a]
            nearest = torch.minimum(torch.maximum(middle, start), start + self.cell[a])
            share = share - ((nearest - middle) / take(reach[a], obj)) ** 2
        half = take(reach[last], obj) * share.clamp(min=0).sqrt()
        middle = take(centre[last], obj)
        first, final = (self.cells(last, at) for at in (middle - half, middle + half))
        return obj, self.key(key, last, first), self.key(key, last, final)


def _spread(start: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Return (range, item) of all items of ranges, each of ``count`` items from ``start`` on."""
    which = torch.repeat_interleave(count)
    shift = start - (count.cumsum(0) - count)
    return which, torch.arange(len(which), device=count.device) + take(shift, which)
