"""Regions in which annotation is expected to help most, ranked by the uncertainty in them.

A region is a box of a size that suits the objects; in a volume it lies in one slice, as one
annotates slice by slice. Its *gain* is the sum of the uncertainties of the unsure objects in it,
each by the share of it that is inside, over the number of objects in it that are not annotated yet,
which are the work. Where something near it is annotated already, up to half of that is lost, and
half again in an image of which anything is annotated. What is annotated counts no more, and regions
that are complete are not proposed.

Regions are taken one by one, the highest gain first. What is left loses gain the more, the nearer
it lies to those that were taken, and the more alike its unsure objects are to theirs; another
image is never near. So ten regions are ten places, in as many images as there are, rather than one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.errors import InputError

from .uncertainty import UNSURE, Uncertainty

EDGE, MIN_EDGE = 4.0, 48.0
"""Edge of a region in diameters of an object, and in pixels of the finest axis at least.

A model that does not know the objects may find specks alone.
"""

CELLS = 4
"""Cells along the edge of a region: the steps in which it is moved."""

IN_IMAGE, IN_ALL = 24, 12
"""Regions of one image that are compared with those of others, and of all that are proposed."""

VISIT = 2.0
"""Work of going to a region, in objects to annotate."""

SAME_IMAGE = 0.5
"""Least share of its gain that a region loses if its image is annotated or proposed already."""

NEAR = 1.5
"""Distance, in edges of a region, over which two regions are neighbours; a frame is one edge."""

ALIKE = 0.2
"""Share of its gain that a region far away loses if its unsure objects are wholly alike."""

PARTS_PER_UNIT = 4.0
"""Weight of a difference of uncertainties beside that of diameters, which counts in octaves."""

PIXELS_AT_ONCE = 2**22
"""Pixels whose uncertainties are in memory at once."""

Box = tuple[slice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ProposedRegion:
    """A region of an image that is to be annotated.

    Parameters
    ----------
    box : tuple of D slices
    gain : float, > 0
    unsure, nearly : int
        Objects in it, whole or cut, that are unsure, and that were nearly found.
    kind : float64 (6,)
        What its unsure objects are like.
    centre : float64 (D,), edges of a region
        Its middle.
    image, series : str
        Keys of the image, and of its time series; the same where it is none.
    frame : int
        Its number in the series.
    """

    box: Box
    gain: float
    unsure: int
    nearly: int
    kind: NDArray[np.float64]
    centre: NDArray[np.float64]
    image: str = ""
    series: str = ""
    frame: int = 0

    def overlaps(self, other: ProposedRegion) -> bool:
        """Return whether two regions share pixels."""
        pairs = zip(self.box, other.box, strict=True)
        same = self.image == other.image and len(self.box) == len(other.box)
        return same and all(a.start < b.stop and b.start < a.stop for a, b in pairs)


def region_shape(
    objects: Instances, nearly: Instances, spacing: Sequence[float]
) -> tuple[int, ...]:
    """Return the shape of an image's regions, in pixels: one slice of a volume."""
    sizes = np.concatenate([objects.size, nearly.size]) if len(objects) < 3 else objects.size
    size, ndim = float(np.median(sizes)) * math.prod(spacing), len(spacing)
    diameter = 2 * math.sqrt(size / math.pi) if ndim == 2 else math.cbrt(6 * size / math.pi)
    edge = max(MIN_EDGE, EDGE * diameter)
    return (1,) * (ndim - 2) + tuple(max(1, round(edge / step)) for step in spacing[-2:])


def regions_in(
    found: Uncertainty,
    objects: Instances,
    spacing: Sequence[float],
    annotation: NDArray[np.integer] | None = None,
    complete: NDArray[np.bool_] | None = None,
    count: int = IN_IMAGE,
) -> list[ProposedRegion]:
    """Return the regions of one image, the highest gain first; none where nothing is unsure.

    No two of them overlap, and none shares a pixel with a complete region.

    Parameters
    ----------
    found : Uncertainty
    objects : Instances
        The objects that it is of.
    spacing : sequence of D floats
    annotation : integer (*S), optional
        What is annotated: not 0. An object half of whose pixels are counts no more.
    complete : bool (*S), optional
        Complete regions.
    count : int
        Regions at most.
    """
    weights, work = list[tuple[Instances, NDArray[np.float32]]](), []
    for layer, values in ((objects, found.objects), (found.nearly, found.near)):
        shares = _shares(layer, annotation)
        work.append((layer, shares))
        weights.append((layer, _weights(layer, values, shares)))
    if not any(table.any() for _, table in weights):
        return []
    shape = objects.labels.shape
    edges = tuple(min(n, e) for n, e in zip(shape, _edges(found, objects, spacing), strict=True))
    cell = tuple(max(1, math.ceil(edge / CELLS)) for edge in edges)
    sums, count_in = (
        np.add(*(_cells(layer.labels, cell, table) for layer, table in tables))
        for tables in (weights, work)
    )
    window = tuple(min(CELLS if e > 1 else 1, n) for e, n in zip(edges, sums.shape, strict=True))
    gain = _windows(sums, window) / (VISIT + _windows(count_in, window))
    length = np.array(cell) * spacing
    if annotation is not None or complete is not None:
        done = np.zeros(sums.shape, bool)
        for mask in (annotation, complete):
            if mask is not None:
                done |= _cells(mask != 0, cell) > 0
        if done.any():
            far = ndi.distance_transform_edt(~done, sampling=length) / (length[-1] * CELLS)
            new = 1 - np.exp(-((far / NEAR) ** 2) / 2)
            gain *= 0.5 + 0.5 * _windows(new, window) / math.prod(window)
            gain *= 1 - SAME_IMAGE
    if complete is not None:
        gain[_windows(_cells(complete, cell), window) > 0] = 0
    starts = _chosen(gain, window, length / (length[-1] * CELLS), count)
    regions = []
    for at in starts:
        box = tuple(
            slice(i * c, min((i + w) * c, n))
            for i, c, w, n in zip(at, cell, window, shape, strict=True)
        )
        middle = (np.array(at) + np.array(window) / 2) * length / (length[-1] * CELLS)
        regions.append(_region(box, float(gain[at]), weights, found, middle, spacing))
    return regions


def ranked(
    regions: Sequence[ProposedRegion],
    first: str = "",
    before: Sequence[ProposedRegion] = (),
    count: int = IN_ALL,
) -> list[ProposedRegion]:
    """Return the regions of many images in the order in which they are to be annotated.

    Parameters
    ----------
    regions : sequence of ProposedRegion
    first : str
        Key of the image whose best region comes first, whatever others promise.
    before : sequence of ProposedRegion
        Regions that were proposed already; they are not among those that are returned.
    count : int
        Regions at most.

    Raises
    ------
    InputError
        If there is none.
    """
    left = [x for x in regions if x.gain > 0 and not any(x.overlaps(old) for old in before)]
    if not left:
        raise InputError(
            "nothing stands out: no object that was found, or nearly found, is unsure where nothing"
            " is annotated yet"
        )
    gain, taken = np.array([region.gain for region in left]), list[ProposedRegion]()
    own = np.array([region.image == first for region in left])
    for old in before:
        gain = gain * (1 - np.array([similarity(x, old) for x in left]))
    while len(taken) < count and gain.max() > 0:
        here = gain * own if not taken and (gain * own).any() else gain
        chosen = left[int(here.argmax())]
        taken.append(replace(chosen, gain=float(here.max())))
        alike = [1.0 if x.overlaps(chosen) else similarity(x, chosen) for x in left]
        gain = gain * (1 - np.array(alike))
    return taken


def similarity(one: ProposedRegion, other: ProposedRegion) -> float:
    """Return how near two regions are in place, and how alike in kind, from 0 to 1."""
    kind = math.exp(-float(((one.kind - other.kind) ** 2).sum()) / 2)
    place = 0.0
    if one.series == other.series and one.centre.shape == other.centre.shape:
        squared = float(((one.centre - other.centre) ** 2).sum()) + (one.frame - other.frame) ** 2
        place = math.exp(-squared / NEAR**2 / 2)
    if one.image == other.image:
        place = max(place, SAME_IMAGE)
    return place * (0.5 + 0.5 * kind) + (1 - place) * ALIKE * kind


def _edges(found: Uncertainty, objects: Instances, spacing: Sequence[float]) -> tuple[int, ...]:
    return region_shape(objects, found.nearly, spacing)


def _shares(objects: Instances, annotation: NDArray[np.integer] | None) -> NDArray[np.float32]:
    """Return, by label, which share of its object a pixel is; 0 if that is annotated."""
    n = int(objects.ids.max(initial=0)) + 1
    free = np.ones(len(objects), bool)
    if annotation is not None and len(objects):
        own = np.bincount(objects.labels[annotation == 0], minlength=n)[objects.ids]
        free = 2 * own > objects.size
    table = np.zeros(n, np.float32)
    table[objects.ids[free]] = 1 / np.maximum(objects.size[free], 1)
    return table


def _weights(
    objects: Instances, values: NDArray[np.float32], shares: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return, by label, the uncertainty that each pixel of an unsure object has its share of."""
    table = np.zeros_like(shares)
    table[objects.ids] = np.where(values >= UNSURE, values, 0) * shares[objects.ids]
    return table


def _cells(
    values: NDArray[Any], cell: Sequence[int], table: NDArray[np.float32] | None = None
) -> NDArray[np.float64]:
    """Return the sums (*cells) of values (*S), or of what a table makes of them, in cells."""
    slabs = []
    rows = cell[0] * max(1, PIXELS_AT_ONCE // max(1, cell[0] * math.prod(values.shape[1:])))
    for start in range(0, values.shape[0], rows):
        part = values[start : start + rows]
        part = part if table is None else table[part]
        for axis, step in reversed(list(enumerate(cell))):
            first = np.arange(0, part.shape[axis], step)
            part = np.add.reduceat(part, first, axis, dtype=np.float64)
        slabs.append(part)
    return np.concatenate(slabs)


def _windows(cells: NDArray[np.float64], window: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the sum of the cells in each window, by its first cell."""
    axes = tuple(range(cells.ndim, 2 * cells.ndim))
    sums: NDArray[np.float64] = sliding_window_view(cells, window).sum(axes)
    return sums


def _chosen(
    gain: NDArray[np.float64],
    window: tuple[int, ...],
    length: NDArray[np.float64],
    count: int,
) -> list[tuple[int, ...]]:
    """Return the first cells of windows that do not overlap, the highest gain first.

    In a volume they do not lie in front of each other either, within the edge of a region: they
    would show the same objects. Cells have a ``length`` (D,) in edges of a region.
    """
    gain, starts = gain.copy(), list[tuple[int, ...]]()
    reach = [max(w, round(1 / step)) for w, step in zip(window, length, strict=True)]
    axes = [np.arange(n) * step for n, step in zip(gain.shape, length, strict=True)]
    while len(starts) < count and gain.max(initial=0) > 1e-9:
        at = tuple(int(i) for i in np.unravel_index(int(gain.argmax()), gain.shape))
        starts.append(at)
        away = [(x - x[i]) ** 2 for x, i in zip(axes, at, strict=True)]
        squared = sum(np.ix_(*away))
        gain *= 1 - np.exp(-squared / NEAR**2 / 2)
        gain[tuple(slice(max(0, i - r + 1), i + r) for i, r in zip(at, reach, strict=True))] = 0
    return starts


def _region(
    box: Box,
    gain: float,
    weights: Sequence[tuple[Instances, NDArray[np.float32]]],
    found: Uncertainty,
    middle: NDArray[np.float64],
    spacing: Sequence[float],
) -> ProposedRegion:
    """Return a region, with what is unsure in it."""
    counts, kinds = [], []
    for (objects, table), parts in zip(weights, (found.parts, None), strict=True):
        inside = np.unique(objects.labels[box])
        rows = np.flatnonzero(np.isin(objects.ids, inside[inside > 0]) & (table[objects.ids] > 0))
        counts.append(len(rows))
        diameter = (objects.size[rows] * math.prod(spacing)) ** (1 / len(spacing))
        own = np.zeros((len(rows), 4)) if parts is None else parts[rows]
        more = np.full(len(rows), float(parts is None))
        columns = (np.log2(np.maximum(diameter, 1)), *(PARTS_PER_UNIT * own.T), more)
        kinds.append(np.column_stack(columns))
    kind = np.concatenate(kinds).mean(0) if sum(counts) else np.zeros(6)
    unsure, nearly = counts
    return ProposedRegion(box, gain, unsure, nearly, kind, middle)
