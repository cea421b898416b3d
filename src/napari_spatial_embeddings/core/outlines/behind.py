"""Masks of whole objects: also with the pixels that each shares with others.

In a label image a pixel that two objects claim is the first owner's alone. Its embedding lies
within the margins of both, so the one behind can be made whole again.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.grid import Grid, flattened
from napari_spatial_embeddings.core.grid_kernels import Slots
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.maps import (
    MARGIN,
    SQUARED_MARGIN,
    EmbeddingMaps,
    squared_distance,
)
from napari_spatial_embeddings.core.threads import ThreadTeam

from .masks import ObjectMask, masks_of


def whole_masks(
    found: Instances, maps: EmbeddingMaps, settings: ClusteringSettings
) -> Iterator[ObjectMask]:
    """Yield the mask of each object with all it claims, in ascending order of the labels.

    To its own pixels come those of other objects that have phi > 1/2 for it. Objects that were
    corrected stay as they are; what belongs to no object stays free.

    Parameters
    ----------
    found : Instances
        What these settings gave on these maps.
    maps : EmbeddingMaps
    settings : ClusteringSettings
    """
    with ThreadPoolExecutor(1) as pool:
        grid = Grid(flattened(maps), settings.foreground_threshold, ThreadTeam(1, pool))
    row = {label: k for k, label in enumerate(found.ids.tolist())}
    labels = found.labels.reshape(-1)
    for own in masks_of(found.labels):
        k = row[own.label]
        if found.locked[k]:
            yield own
            continue
        sigma = found.sigma[k] * np.float32(settings.margin_factor)
        claimed = _claimed(grid.slots, found.centre[k], sigma)
        claimed = claimed[(labels[claimed] != own.label) & (labels[claimed] > 0)]
        yield _with(own, np.stack(np.unravel_index(claimed, maps.shape), 1))


def _claimed(
    slots: Slots, centre: NDArray[np.float32], sigma: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the foreground pixels within the margin of an object, as flat indices."""
    cells, ndim = slots.cells, len(centre)
    at = np.concatenate([np.zeros(3 - ndim), centre.astype(np.float64)])
    reach = np.concatenate([np.zeros(3 - ndim), 1.001 * MARGIN * sigma.astype(np.float64)])
    low, high = (
        ((edge - cells.origin) * cells.scale).clip(0, cells.shape - 1).astype(np.int64)
        for edge in (at - reach, at + reach)
    )
    spans = []
    for z in range(low[0], high[0] + 1):
        for y in range(low[1], high[1] + 1):
            line = (z * cells.shape[1] + y) * cells.shape[2]
            first, last = slots.cell_start[line + low[2]], slots.cell_start[line + high[2] + 1]
            if first < last:
                spans.append(np.arange(first, last))
    if not spans:
        return np.empty(0, np.int64)
    near = np.concatenate(spans)
    inside = squared_distance(slots.points[near], centre[::-1], sigma[::-1]) < SQUARED_MARGIN
    pixels: NDArray[np.int64] = slots.pixels[near[inside]].astype(np.int64)
    return pixels


def _with(own: ObjectMask, pixels: NDArray[np.int64]) -> ObjectMask:
    """Return a mask with some more pixels (n, D), in a box that holds all."""
    if not len(pixels):
        return own
    start = np.minimum(own.start, pixels.min(0))
    stop = np.maximum(np.add(own.start, own.mask.shape), pixels.max(0) + 1)
    mask = np.zeros(stop - start, np.bool_)
    inside = tuple(
        slice(a - b, a - b + n)
        for a, b, n in zip(own.start, start.tolist(), own.mask.shape, strict=True)
    )
    mask[inside] = own.mask
    mask[tuple((pixels - start).T)] = True
    return ObjectMask(own.label, tuple(start.tolist()), mask)
