"""Time series of label images whose cells are known, their detections and their tracks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.tracking.corrections import NONE, LinkCorrections
from napari_spatial_embeddings.tracking.detections import Detections, detect
from napari_spatial_embeddings.tracking.linking import link
from napari_spatial_embeddings.tracking.tracks import Tracks

Spots = Mapping[int, Mapping[int, tuple[float, ...]]]
"""Centre of each cell in each of its frames, by id and frame."""

FAR = TrackingSettings(max_step=12)


def movie(
    spots: Spots, shape: tuple[int, ...] = (48, 64), frames: int | None = None, radius: float = 4
) -> NDArray[np.int32]:
    """Draw discs, or balls: int32 (T, *S); later cells cover earlier ones."""
    count = frames or 1 + max(t for path in spots.values() for t in path)
    labels = np.zeros((count, *shape), np.int32)
    grid = np.moveaxis(np.indices(shape), 0, -1)
    for cell, path in spots.items():
        for t, centre in path.items():
            labels[t][((grid - np.array(centre)) ** 2).sum(-1) <= radius**2] = cell
    return labels


def moving(
    count: int, frames: int, shape: tuple[int, ...] = (96, 96), seed: int = 0, step: float = 2.0
) -> NDArray[np.int32]:
    """Draw cells on a grid, each of which takes random steps around its place."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(count ** (1 / len(shape))))
    places = np.stack(np.unravel_index(np.arange(count), (side,) * len(shape)), 1)
    start = (places + 0.5) * np.array(shape) / side
    paths = {
        k + 1: {t: tuple(start[k] + rng.uniform(-step, step, len(shape))) for t in range(frames)}
        for k in range(count)
    }
    return movie(paths, shape, frames, radius=min(shape) / side / 4)


def scrambled(labels: NDArray[np.int32], seed: int = 0, highest: int = 1000) -> NDArray[np.int32]:
    """Give the objects of every frame random labels."""
    rng = np.random.default_rng(seed)
    out = np.zeros_like(labels)
    for t, frame in enumerate(labels):
        ids = np.unique(frame[frame > 0])
        for old, new in zip(ids, rng.permutation(highest)[: len(ids)] + 1, strict=True):
            out[t][frame == old] = new
    return out


def detections(
    labels: NDArray[np.integer],
    pixel_size: tuple[float, ...] | None = None,
    unit: str | None = None,
) -> Detections:
    """Measure all frames."""
    *_, last = detect(labels, pixel_size, unit)
    assert last.result is not None
    return last.result


def partition(tracks: Tracks, labels: NDArray[np.integer]) -> set[frozenset[tuple[int, int]]]:
    """Return the tracks as sets of (frame, label), with the labels of a series of the same pixels.

    It does not depend on the ids of the tracks, nor on the labels that were linked.
    """
    found = tracks.detections
    sets: dict[int, set[tuple[int, int]]] = {}
    shape = labels.shape[1:]
    centre = np.rint(found.centre / np.array(found.spacing)).astype(int)
    for i, track in enumerate(tracks.track.tolist()):
        t, at = int(found.frame[i]), tuple(np.clip(centre[i], 0, np.array(shape) - 1))
        sets.setdefault(track, set()).add((t, int(labels[(t, *at)])))
    return {frozenset(members) for members in sets.values()}


def linked(
    labels: NDArray[np.integer],
    settings: TrackingSettings = FAR,
    corrections: LinkCorrections = NONE,
) -> Tracks:
    return link(detections(labels), settings, corrections)
