"""Blocks that part an image: which objects each of them owns, and whether its halo was wide enough.

A block is its *core* and a *halo* around it. The cores part the image; the objects of a block are
found in both together, and those whose centre lies in the core are its own. Every centre lies in
exactly one core, so that every object has one owner, and nothing is merged afterwards.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.maps import EmbeddingMaps

Window = tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of an image, numbered in the order of its pixels.

    Parameters
    ----------
    shape : tuple of D ints
        Of the image, in pixels.
    edges : tuple of D ints
        Of a core, in pixels; less at the far ends.
    """

    shape: tuple[int, ...]
    edges: tuple[int, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of blocks along each axis."""
        return tuple(math.ceil(n / e) for n, e in zip(self.shape, self.edges, strict=True))

    def __len__(self) -> int:
        return math.prod(self.counts)

    def core(self, k: int) -> Window:
        """Return the pixels of a core."""
        at = np.unravel_index(k, self.counts)
        return tuple(
            slice(int(i) * e, min((int(i) + 1) * e, n))
            for i, e, n in zip(at, self.edges, self.shape, strict=True)
        )

    def outer(self, k: int, halo: tuple[int, ...]) -> Window:
        """Return the pixels of a core and its halo, inside the image."""
        return grown(self.core(k), halo, self.shape)

    def around(self, k: int) -> list[int]:
        """Return a block and those that touch it, in their order."""
        at = np.unravel_index(k, self.counts)
        near = [
            range(max(0, int(i) - 1), min(n, int(i) + 2))
            for i, n in zip(at, self.counts, strict=True)
        ]
        return [int(np.ravel_multi_index(i, self.counts)) for i in itertools.product(*near)]


def grown(window: Window, by: tuple[int, ...], shape: tuple[int, ...]) -> Window:
    """Return a window with so many pixels more to each side, inside the image."""
    return tuple(
        slice(max(0, part.start - b), min(n, part.stop + b))
        for part, b, n in zip(window, by, shape, strict=True)
    )


def within(window: Window, outer: Window) -> Window:
    """Return a window's place in another one that holds it."""
    return tuple(
        slice(w.start - o.start, w.stop - o.start) for w, o in zip(window, outer, strict=True)
    )


@dataclass(frozen=True, slots=True)
class OwnedObjects:
    """The N objects that a block owns, by descending score.

    Parameters
    ----------
    core : int32 (*core)
        0, or 1 to N: their pixels in the core.
    rim_pixels : int64 (R,)
        Their pixels outside the core, as flat indices into the image.
    rim_labels : int32 (R,), 1 to N
        Which object each of those belongs to.
    class_index, score, sigma, size
        As in `Instances`.
    centre : float64 (N, D)
        Index into the image, not whole.
    seed_pixel : int64 (N, D)
        Index into the image.
    """

    core: NDArray[np.int32]
    rim_pixels: NDArray[np.int64]
    rim_labels: NDArray[np.int32]
    class_index: NDArray[np.int64]
    score: NDArray[np.float32]
    centre: NDArray[np.float64]
    sigma: NDArray[np.float32]
    size: NDArray[np.int64]
    seed_pixel: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.score)


def centres(found: Instances, maps: EmbeddingMaps, outer: Window) -> NDArray[np.float64]:
    """Return the centres of instances of a part of an image, as indices into the image, (N, D).

    They are derived from the seed pixels, so that every block that finds an object gets the same.

    Parameters
    ----------
    found : Instances
        Of the maps.
    maps : EmbeddingMaps
        Of ``outer``.
    outer : tuple of D slices
    """
    offset = maps.offsets[(slice(None), *found.seed_pixel.T)].T.astype(np.float64)
    first = np.array([part.start for part in outer])
    centre: NDArray[np.float64] = found.seed_pixel + first + offset / np.array(maps.spacing)
    return centre


def in_core(centre: NDArray[np.float64], blocks: Blocks, k: int) -> NDArray[np.bool_]:
    """Return which centres (N, D) lie in the core of a block: each in that of exactly one.

    What counts is the pixel that a centre lies in; one outside the image is moved to its border.
    """
    pixel = np.clip(np.floor(centre + 0.5), 0, np.array(blocks.shape) - 1)
    core = blocks.core(k)
    start, stop = (np.array([getattr(part, name) for part in core]) for name in ("start", "stop"))
    return np.asarray(((pixel >= start) & (pixel < stop)).all(1), np.bool_)


def owned_objects(
    found: Instances,
    own: NDArray[np.bool_],
    centre: NDArray[np.float64],
    blocks: Blocks,
    k: int,
    outer: Window,
) -> OwnedObjects:
    """Return the own ones among the instances of a block with its halo.

    Parameters
    ----------
    found : Instances
    own : bool (N,)
    centre : float64 (N, D)
        As `in_core` and `centres` return them.
    blocks, k
        The blocks, and which one it is.
    outer : tuple of D slices
        The part of the image that the instances are those of.
    """
    table = np.zeros(int(found.ids.max(initial=0)) + 1, np.int32)
    table[found.ids[own]] = np.arange(1, int(own.sum()) + 1)
    labels = table[found.labels]
    inner = within(blocks.core(k), outer)
    core = labels[inner].copy()
    labels[inner] = 0
    at = np.nonzero(labels)
    first = [part.start for part in outer]
    places = tuple(index + start for index, start in zip(at, first, strict=True))
    return OwnedObjects(
        core=core,
        rim_pixels=np.ravel_multi_index(places, blocks.shape).astype(np.int64),
        rim_labels=labels[at],
        class_index=found.class_index[own],
        score=found.score[own],
        centre=centre[own],
        sigma=found.sigma[own],
        size=found.size[own],
        seed_pixel=found.seed_pixel[own] + np.array(first),
    )


def room_around(
    found: Instances, own: NDArray[np.bool_], outer: Window, shape: tuple[int, ...]
) -> tuple[bool, NDArray[np.bool_]]:
    """Return whether a block's halo is wide enough, and which of its objects are cut off by it.

    It is where as much room is left around each of its own objects as the widest object needs, so
    that those beside it are seen whole. The edges of the image are none of the halo's.

    Parameters
    ----------
    found : Instances
        Of the block with its halo.
    own : bool (N,)
        Which are the block's own.
    outer : tuple of D slices
        The block with its halo.
    shape : tuple of D ints
        Of the image.

    Returns
    -------
    enough : bool
    cut : bool (N,)
        Own objects that touch the halo's edge.
    """
    boxes = ndi.find_objects(found.labels)
    rows = [[(s.start, s.stop) for s in boxes[i - 1]] for i in found.ids.tolist()]
    bounds = np.array(rows, np.int64).reshape(-1, len(shape), 2)
    length = np.array([part.stop - part.start for part in outer])
    gaps = np.stack([bounds[:, :, 0], length - bounds[:, :, 1]], 2)
    for axis, (part, n) in enumerate(zip(outer, shape, strict=True)):
        gaps[:, axis, 0] += n * (part.start == 0)
        gaps[:, axis, 1] += n * (part.stop == n)
    touching = (gaps == 0).any((1, 2))
    known = own | ~touching
    widest = (bounds[:, :, 1] - bounds[:, :, 0])[known].max(0, initial=0)
    enough = bool((gaps[own].min(2) >= widest).all()) if own.any() else True
    return enough, own & touching


def find_objects(
    maps: EmbeddingMaps, blocks: Blocks, k: int, outer: Window, settings: ClusteringSettings
) -> tuple[OwnedObjects, bool, NDArray[np.float64]]:
    """Find the objects of a block.

    Parameters
    ----------
    maps : EmbeddingMaps
        Of ``outer``.
    blocks, k
        The blocks, and which one it is.
    outer : tuple of D slices
        The block with its halo.
    settings : ClusteringSettings

    Returns
    -------
    objects : OwnedObjects
    enough : bool
        Whether the halo is wide enough, see `room_around`.
    cut : float64 (M, D)
        Centres of the objects that it cuts off, as indices into the image.
    """
    found = cluster(maps, settings)
    centre = centres(found, maps, outer)
    own = in_core(centre, blocks, k)
    enough, cut = room_around(found, own, outer, blocks.shape)
    return owned_objects(found, own, centre, blocks, k, outer), enough, centre[cut]
