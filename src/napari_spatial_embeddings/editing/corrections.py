"""Corrections of the objects of one image, which survive every re-clustering.

`Corrections` are values: each function takes some and returns others. To see what they lead to,
cluster again, ``clustering.corrected(corrections)(settings, like=instances)``. As long as the
settings stay, every object that was not corrected comes out as it was; only what is added or
painted in the background can change a neighbour, where it takes the place of a proposal that was
refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.instances import (
    NOTHING,
    Corrections,
    Instances,
    Row,
    fit,
    row_of,
    unused_ids,
)
from napari_spatial_embeddings.core.maps import SQUARED_MARGIN, EmbeddingMaps, squared_distance
from napari_spatial_embeddings.errors import InputError

GAP = 2
"""Pixels between objects that touch, at most: between predicted ones a thin gap is usual."""

BACKGROUND_SEED = 0.1
"""Seed value of a pixel below which there is only background, as far as the model sees."""


def accept(
    corrections: Corrections, instances: Instances, labels: Iterable[int] | None = None
) -> Corrections:
    """Lock objects as they are; all of them if no labels are given.

    Raises
    ------
    InputError
        If there is no object of such a label.
    """
    wanted = instances.ids.tolist() if labels is None else list(labels)
    rows = {label: row_of(instances, label) for label in wanted}
    table = np.zeros(int(instances.ids.max(initial=0)) + 1, np.bool_)
    table[wanted] = True
    pixels = table[instances.labels]
    return with_objects(corrections, np.where(pixels, instances.labels, corrections.labels), rows)


def delete(corrections: Corrections, instances: Instances, label: int) -> Corrections:
    """Delete an object; its pixels stay empty.

    Raises
    ------
    InputError
        If there is no object of this label.
    """
    row = row_of(instances, label)
    own = instances.labels == label
    labels = np.where(own, np.int32(NOTHING), corrections.labels)
    inside = own[tuple(row.seed_pixel)]  # a painted object may have lost its seed pixel
    mark = row.seed_pixel if inside else np.unravel_index(int(own.argmax()), own.shape)
    changed = with_objects(corrections, labels, {}, gone=[label])
    return replace(changed, deleted=np.vstack([corrections.deleted, mark]))


def release(corrections: Corrections, label: int) -> Corrections:
    """Unlock an object, or with `NOTHING` all that was deleted: the clustering decides again.

    Raises
    ------
    InputError
        If there is no locked object of this label.
    """
    if label != NOTHING and label not in corrections.ids:
        raise InputError(f"object {label} is not locked; nothing to unlock")
    labels = np.where(corrections.labels == label, np.int32(0), corrections.labels)
    return with_objects(corrections, labels, {}, gone=[label])


def set_class(
    corrections: Corrections, instances: Instances, label: int, index: int
) -> Corrections:
    """Set the class of an object, and lock it.

    Raises
    ------
    InputError
        If there is no object of this label.
    """
    row = replace(row_of(instances, label), class_index=index)
    labels = np.where(instances.labels == label, instances.labels, corrections.labels)
    return with_objects(corrections, labels, {label: row})


def merge(corrections: Corrections, instances: Instances, a: int, b: int) -> Corrections:
    """Make one object of two. It has the label ``a``, and the class of the one of higher score.

    Its centre and sigma are those of one Gaussian in place of two, weighted by their sizes.

    Raises
    ------
    InputError
        If one of the objects does not exist, or both are the same.
    """
    rows = row_of(instances, a), row_of(instances, b)
    if a == b:
        raise InputError(f"object {a} cannot be merged with itself; choose two objects")
    sizes = [instances.size[instances.ids == label][0] for label in (a, b)]
    centre = np.average([r.centre for r in rows], axis=0, weights=sizes)
    variances = [r.sigma**2 + (r.centre - centre) ** 2 for r in rows]
    sigma = np.sqrt(np.average(variances, axis=0, weights=sizes))
    row = replace(max(rows, key=lambda r: r.score), centre=centre, sigma=sigma)
    both = (instances.labels == a) | (instances.labels == b)
    return with_objects(corrections, np.where(both, np.int32(a), corrections.labels), {a: row}, [b])


def touching(instances: Instances, a: int, b: int) -> bool:
    """Return whether at most `GAP` pixels lie between two objects, also diagonally."""
    one = instances.labels == a
    box = ndi.find_objects(one.view(np.uint8))[0]
    wide = tuple(slice(max(0, s.start - GAP - 1), s.stop + GAP + 1) for s in box)
    around = ndi.binary_dilation(one[wide], np.ones((3,) * one.ndim, bool), GAP + 1)
    return bool((instances.labels[wide][around] == b).any())


def split(
    corrections: Corrections,
    instances: Instances,
    maps: EmbeddingMaps,
    a: Sequence[int],
    b: Sequence[int],
) -> Corrections:
    """Split the object that two pixels lie in; the part of ``a`` keeps the label.

    The embedding and sigma of each of the two pixels are its part's centre and sigma, and every
    pixel of the object goes where its phi is larger. Where the network sees one centre, the two
    embeddings nearly coincide; then the nearer of the two pixels decides.

    Raises
    ------
    InputError
        If the pixels are the same, or do not lie in the same object.
    """
    a, b = maps.checked_pixel(a), maps.checked_pixel(b)
    label, other = int(instances.labels[a]), int(instances.labels[b])
    if a == b:
        raise InputError("choose two different pixels of the object to split")
    if label == 0 or label != other:
        lie = " and ".join("the background" if i == 0 else f"object {i}" for i in (label, other))
        raise InputError(f"the two pixels lie in {lie}; choose two pixels of one object to split")
    old = row_of(instances, label)
    at = np.argwhere(instances.labels == label)
    one, two = (fit(maps, np.array([pixel]), old.class_index) for pixel in (a, b))
    new = int(unused_ids(np.union1d(instances.ids, corrections.ids), 1)[0])
    labels = corrections.labels.copy()
    first = nearer_to_first(maps, at, (one, two), (a, b))
    labels[tuple(at.T)] = np.where(first, label, new)
    changed = with_objects(corrections, labels, {label: one, new: two})
    return replace(changed, split=np.vstack([corrections.split, (label, new)]))


def nearer_to_first(
    maps: EmbeddingMaps,
    at: NDArray[np.integer],
    rows: tuple[Row, Row],
    pixels: tuple[Sequence[int], Sequence[int]],
) -> NDArray[np.bool_]:
    """Return which pixels belong to the first of two objects rather than to the second.

    Parameters
    ----------
    maps : EmbeddingMaps
    at : integer (n, D)
        The pixels.
    rows : two of Row
        The objects' centres and sigmas: a pixel goes where its phi is larger.
    pixels : two of D ints
        A pixel of each: where the two centres nearly coincide, the nearer one decides.

    Returns
    -------
    bool (n,)
    """
    narrow = min(rows, key=lambda r: float(np.prod(r.sigma)))
    apart = squared_distance(rows[0].centre, rows[1].centre, narrow.sigma)
    if SQUARED_MARGIN / 4 < apart < np.inf:
        e = maps.embeddings_at(at)
        far = [squared_distance(e, row.centre, row.sigma) for row in rows]
    else:  # or no number
        spacing = np.array(maps.spacing)
        far = [squared_distance(at * spacing, np.array(one) * spacing, 1) for one in pixels]
    first: NDArray[np.bool_] = far[0] <= far[1]
    return first


def add(
    corrections: Corrections,
    instances: Instances,
    maps: EmbeddingMaps,
    settings: ClusteringSettings,
    pixel: Sequence[int],
) -> Corrections:
    """Add the object that a pixel proposes: what is free within the margin of its embedding.

    A doubtful pixel brings the foreground threshold down with it, to half its own seed value. What
    was deleted does not come back unless the pixel itself was.

    Raises
    ------
    InputError
        If the pixel lies in an object, or too few pixels point to where it points.
    """
    pixel = maps.checked_pixel(pixel)
    if instances.labels[pixel]:
        raise InputError(
            f"the pixel lies in object {instances.labels[pixel]}; choose one in the background, or"
            " split that object"
        )
    seed = maps.seed.max(0)
    threshold = min(settings.foreground_threshold, float(seed[pixel]) / 2)
    free = (instances.labels == 0) & (seed > threshold)
    if corrections.labels[pixel] != NOTHING:
        free &= corrections.labels != NOTHING
    row = fit(maps, np.array([pixel]))
    at = np.argwhere(free)
    reach = row.sigma * np.float32(settings.margin_factor)
    at = at[squared_distance(maps.embeddings_at(at), row.centre, reach) < SQUARED_MARGIN]
    if len(at) < settings.min_size:
        raise InputError(
            f"only {len(at)} free pixels point to where this one points, fewer than the minimum"
            f" size of {settings.min_size}; choose a pixel nearer the middle, or paint the object"
        )
    new = int(unused_ids(np.union1d(instances.ids, corrections.ids), 1)[0])
    labels = corrections.labels.copy()
    labels[tuple(at.T)] = new
    return with_objects(corrections, labels, {new: row})


def painted(
    corrections: Corrections,
    instances: Instances,
    maps: EmbeddingMaps,
    labels: NDArray[np.integer],
) -> Corrections:
    """Take over painted labels: the differences of a label image from the instances'.

    Objects that gained or lost pixels are locked as they are now, and what was erased stays empty.
    A new object has the class, centre and sigma of its pixel of highest seed; one that was there
    before keeps its class.

    Raises
    ------
    InputError
        If the labels are not whole numbers, too high, or of another shape.
    """
    labels = np.asarray(labels)
    if labels.shape != maps.shape or labels.dtype.kind not in "iu":
        raise InputError(
            f"painted labels of shape {labels.shape} and type {labels.dtype}; expected whole"
            f" numbers of shape {maps.shape}"
        )
    if labels.size and labels.max() > np.iinfo(np.int32).max:
        raise InputError(f"label {labels.max()} is too high; use labels up to 2147483647")
    changed = labels != instances.labels
    before, now = instances.labels[changed], labels[changed]
    touched = np.union1d(before, now)
    touched = touched[touched > 0]
    locked = np.where(changed, np.int32(NOTHING), corrections.labels)
    at = np.argwhere(np.isin(labels, touched))
    own = labels[tuple(at.T)].astype(np.int32)
    locked[tuple(at.T)] = own
    rows = {}
    for label in np.unique(own).tolist():
        known = instances.class_index[instances.ids == label]
        rows[label] = fit(maps, at[own == label], int(known[0]) if len(known) else None)
    return with_objects(corrections, locked, rows, gone=touched.tolist())


def with_objects(
    corrections: Corrections,
    labels: NDArray[np.int32],
    rows: dict[int, Row],
    gone: Collection[int] = (),
) -> Corrections:
    """Return corrections with other pixels, some objects more or other, and some gone."""
    keep = ~np.isin(corrections.ids, [*rows, *gone])

    def joined(old: NDArray[Any], new: Iterable[Any]) -> NDArray[Any]:
        added = np.empty((len(rows), *old.shape[1:]), old.dtype)
        for place, value in enumerate(new):  # numpy would let no other thread run meanwhile
            added[place] = value
        return np.concatenate([old[keep], added])

    known = {
        name: joined(getattr(corrections, name), (getattr(row, name) for row in rows.values()))
        for name in Row.__slots__
    }
    return Corrections(
        labels.astype(np.int32, copy=False),
        joined(corrections.ids, rows),
        **known,
        deleted=corrections.deleted,
        split=corrections.split,
    )
