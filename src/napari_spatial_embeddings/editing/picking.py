"""Objects that single pixels propose: of a click on one, or of a dot on each of many.

The embedding and sigma of a pixel define phi, as in clustering (Neven et al. 2019, sec. 3.4); its
proposal is the connected foreground with phi > 1/2 that it lies in. The pixel of highest seed in
there knows the object best, so its proposal is taken if it holds the first pixel as well. Nothing
but the pixels nearby is looked at, so that a proposal takes the same time in an image of any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.instances import Row, fit
from napari_spatial_embeddings.core.maps import (
    MARGIN,
    SQUARED_MARGIN,
    EmbeddingMaps,
    squared_distance,
)
from napari_spatial_embeddings.errors import InputError

from .corrections import BACKGROUND_SEED, nearer_to_first

Box = tuple[slice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """The object that a pixel proposes.

    Parameters
    ----------
    box : tuple of D slices
        Around its pixels.
    mask : bool (*box)
        Its pixels.
    pixel : tuple of D ints
        The pixel that proposed it.
    own : Row
        Centre and sigma as that pixel sees them.
    class_index : int
        Class of its pixel of highest seed.
    score : float, 0 to 1
        Seed value there.
    """

    box: Box
    mask: NDArray[np.bool_]
    pixel: tuple[int, ...]
    own: Row
    class_index: int
    score: float

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(self.mask.sum())


def known_at(maps: EmbeddingMaps, pixel: Sequence[int]) -> bool:
    """Return whether the network was run at a pixel: else offsets and seed are exactly 0 there."""
    at: tuple[Any, ...] = (slice(None), *maps.checked_pixel(pixel))
    return bool(maps.offsets[at].any() or maps.seed[at].any())


def object_at(
    maps: EmbeddingMaps,
    pixel: Sequence[int],
    settings: ClusteringSettings,
    taken: NDArray[np.bool_] | None = None,
) -> Picked:
    """Return the object that a pixel proposes.

    A doubtful pixel brings the foreground threshold down with it, to half its own seed value.

    Parameters
    ----------
    maps : EmbeddingMaps
    pixel : D ints
    settings : ClusteringSettings
    taken : bool (*S), optional
        Pixels that belong to other objects.

    Raises
    ------
    InputError
        If the pixel lies outside or is taken, or shows background, or too few pixels belong to it.
    """
    pixel = maps.checked_pixel(pixel)
    if taken is not None and taken[pixel]:
        raise InputError("this pixel is annotated already: click on another object")
    own = fit(maps, np.array([pixel]))
    if not own.score >= BACKGROUND_SEED or not np.isfinite([own.centre, own.sigma]).all():
        raise InputError(
            f"there is no object here, as far as the model sees (seed value {own.score:.2f}): click"
            " in the middle of one, or paint it"
        )
    foreground = min(settings.foreground_threshold, own.score / 2)
    box, mask = _proposal(maps, own, pixel, foreground, settings.margin_factor, taken)
    best = fit(maps, np.argwhere(mask) + [part.start for part in box])
    if best.score > own.score:
        at = tuple(int(i) for i in best.seed_pixel)
        other = _proposal(maps, best, at, foreground, settings.margin_factor, taken)
        if _holds(*other, pixel):
            box, mask = other
    if (size := int(mask.sum())) < settings.min_size:
        raise InputError(
            f"only {size} free pixels point to where this one points, fewer than the minimum size"
            f" of {settings.min_size}: click nearer the middle, or paint the object"
        )
    return Picked(box, mask, pixel, own, best.class_index, best.score)


def _proposal(
    maps: EmbeddingMaps,
    row: Row,
    pixel: tuple[int, ...],
    foreground: float,
    factor: float,
    taken: NDArray[np.bool_] | None,
) -> tuple[Box, NDArray[np.bool_]]:
    """Return the connected pixels of a pixel's proposal, and a box around them."""
    reach = row.sigma * np.float32(factor)
    away = np.abs(np.array(pixel) * maps.spacing - row.centre)
    wide = away + 2 * MARGIN * reach + max(maps.spacing)
    while True:
        box = maps.box_around(np.array(pixel) * maps.spacing, wide)
        e = np.moveaxis(maps.embeddings(box), 0, -1)
        inside = squared_distance(e, row.centre, reach) < SQUARED_MARGIN
        inside &= maps.seed[(slice(None), *box)].max(0) > foreground
        if taken is not None:
            inside &= ~taken[box]
        within = tuple(i - part.start for i, part in zip(pixel, box, strict=True))
        inside[within] = True
        parts, _ = ndi.label(inside)
        mask = parts == parts[within]
        found = ndi.find_objects(mask.view(np.uint8))[0]
        cut = [
            (f.start == 0 and b.start > 0) or (f.stop == b.stop - b.start and b.stop < n)
            for f, b, n in zip(found, box, maps.shape, strict=True)
        ]
        if not any(cut):
            around = tuple(
                slice(b.start + f.start, b.start + f.stop) for f, b in zip(found, box, strict=True)
            )
            return around, mask[found]
        wide = 2 * wide


def _holds(box: Box, mask: NDArray[np.bool_], pixel: tuple[int, ...]) -> bool:
    """Return whether a pixel is one of a mask in a box."""
    inside = all(part.start <= i < part.stop for i, part in zip(pixel, box, strict=True))
    return inside and bool(mask[tuple(i - part.start for i, part in zip(pixel, box, strict=True))])


def objects_at(
    maps: EmbeddingMaps,
    pixels: Sequence[tuple[int, ...]],
    settings: ClusteringSettings,
    taken: NDArray[np.bool_] | None = None,
) -> list[Picked | None]:
    """Return the object of each of some dots, no two of which share a pixel.

    A pixel that several dots claim belongs to the one of larger phi, by the embeddings and sigmas
    of the dots themselves; where the network sees one centre for both, to the nearer dot. So two
    dots part what the model takes for one object.

    Parameters
    ----------
    maps : EmbeddingMaps
    pixels : sequence of D ints
        No two are the same.
    settings : ClusteringSettings
    taken : bool (*S), optional
        Pixels that belong to other objects.

    Returns
    -------
    list of Picked or None
        None where the model sees no object, or little of one is left.
    """
    found: list[Picked | None] = []
    owner = np.zeros(maps.shape, np.int32)
    for k, pixel in enumerate(pixels):
        try:
            new = object_at(maps, pixel, settings, taken)
        except InputError:
            found.append(None)
            continue
        found.append(new)
        inside = owner[new.box]
        mine = new.mask & (inside == 0)
        for other in np.unique(inside[new.mask & (inside > 0)]).tolist():
            rival = found[other - 1]
            assert rival is not None
            both = np.argwhere(new.mask & (inside == other))
            at = both + [part.start for part in new.box]
            mine[tuple(both.T)] = nearer_to_first(
                maps, at, (new.own, rival.own), (new.pixel, rival.pixel)
            )
        inside[mine] = k + 1
    return [
        None if one is None else _left(one, owner[one.box] == k, settings.min_size)
        for k, one in enumerate(found, 1)
    ]


def _left(one: Picked, mask: NDArray[np.bool_], least: int) -> Picked | None:
    """Return an object with the pixels that are left to it; None if they are too few."""
    if not _holds(one.box, mask, one.pixel):
        return None
    parts, _ = ndi.label(mask)
    within = tuple(i - part.start for i, part in zip(one.pixel, one.box, strict=True))
    mask = parts == parts[within]
    return replace(one, mask=mask) if int(mask.sum()) >= least else None
