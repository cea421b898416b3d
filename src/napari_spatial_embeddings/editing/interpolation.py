"""Interpolation of annotated objects between slices of a volume."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

Labels = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Filling:
    """Pixels between annotated slices that belong to the same objects.

    Parameters
    ----------
    where : tuple of D arrays of ints (n,)
        The pixels.
    labels : int32 (n,)
    objects : int
        How many objects they belong to.
    """

    where: tuple[NDArray[np.intp], ...]
    labels: Labels
    objects: int


def interpolated(labels: Labels, axis: int, without: Collection[int] = ()) -> Filling:
    """Fill the slices between those that an object is painted in.

    The shape changes evenly, by its signed distance from the outline, while its centre moves along
    a straight line. Annotated pixels stay as they are.

    Parameters
    ----------
    labels : int32 (*S)
    axis : int
        Across the slices.
    without : collection of ints
        Labels that are no objects.
    """
    turned = np.moveaxis(labels, axis, 0)
    places, values, objects = [], [], 0
    for label, box in enumerate(ndi.find_objects(turned), 1):
        if box is None or label in without:
            continue
        own = turned[box] == label
        corner = np.array([s.start for s in box])
        at = [
            pixels + corner
            for before, after in _gaps(own)
            for pixels in _between(own[before], own[after], before, after)
        ]
        pixels = np.concatenate([np.empty((0, labels.ndim), np.intp), *at])
        pixels = pixels[((pixels >= 0) & (pixels < turned.shape)).all(1)]
        pixels = pixels[turned[tuple(pixels.T)] == 0]
        objects += bool(len(pixels))
        places.append(pixels)
        values.append(np.full(len(pixels), label, np.int32))
    pixels = np.concatenate([np.empty((0, labels.ndim), np.intp), *places])
    found = np.concatenate([np.empty(0, np.int32), *values])
    # A pixel between two objects goes to the first.
    _, first = np.unique(pixels, axis=0, return_index=True)
    columns = list(pixels[first].T)
    columns.insert(axis, columns.pop(0))
    return Filling(tuple(columns), found[first], objects)


def _gaps(own: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield the slices before and after each gap of an object."""
    there = np.flatnonzero(own.reshape(len(own), -1).any(1)).tolist()
    for before, after in itertools.pairwise(there):
        if after - before > 1:
            yield before, after


def _between(
    one: NDArray[np.bool_], other: NDArray[np.bool_], before: int, after: int
) -> Iterator[NDArray[np.intp]]:
    """Yield the pixels (n, D) of the slices between two; they may lie outside the box."""
    at = [np.argwhere(mask) for mask in (one, other)]
    centres = [pixels.mean(0) for pixels in at]
    middles = [np.round(centre).astype(np.intp) for centre in centres]
    reach = max(int(abs(p - m).max()) for p, m in zip(at, middles, strict=True)) + 1
    depths = []
    for pixels, middle in zip(at, middles, strict=True):
        mask = np.zeros((2 * reach + 1,) * one.ndim, bool)
        mask[tuple((pixels - middle + reach).T)] = True
        inside, outside = ndi.distance_transform_edt(mask), ndi.distance_transform_edt(~mask)
        depths.append(np.where(mask, inside - 0.5, 0.5 - outside))
    for z in range(before + 1, after):
        part = (z - before) / (after - before)
        shape = (1 - part) * depths[0] + part * depths[1] > 0
        centre = np.round((1 - part) * centres[0] + part * centres[1]).astype(np.intp)
        flat = np.argwhere(shape) - reach + centre
        yield np.column_stack([np.full(len(flat), z), flat])
