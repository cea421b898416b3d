"""Instances and corrections: label images with a row of properties for each object."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.errors import InputError

from .maps import EmbeddingMaps

NOTHING = -1
"""Label, in `Corrections`, of pixels where an object was deleted or erased."""


@dataclass(frozen=True, slots=True)
class Instances:
    """A label image and the properties of its N objects.

    Locked objects come first, in the order of their corrections, the others by descending score.

    Parameters
    ----------
    labels : int32 (*S)
        0 is background.
    ids : int32 (N,), > 0
        The label of each object in ``labels``; no two are equal.
    class_index : int64 (N,)
        Class of each object: that of its seed pixel.
    score : float32 (N,), 0 to 1
        Seed value of the pixel that proposed the object.
    centre : float32 (N, D), pixels of the finest axis
        Embedding of that pixel.
    sigma : float32 (N, D), pixels of the finest axis
        Its bandwidth, without the margin factor.
    size : int64 (N,)
        Number of pixels.
    seed_pixel : int64 (N, D)
        Position of the pixel that proposed the object.
    locked : bool (N,)
        Whether the object was corrected or accepted by the user; no setting changes it.
    """

    labels: NDArray[np.int32]
    ids: NDArray[np.int32]
    class_index: NDArray[np.int64]
    score: NDArray[np.float32]
    centre: NDArray[np.float32]
    sigma: NDArray[np.float32]
    size: NDArray[np.int64]
    seed_pixel: NDArray[np.int64]
    locked: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True, slots=True)
class Corrections:
    """The M locked objects of an image, and its deleted areas.

    Parameters
    ----------
    labels : int32 (*S)
        0 is free, to be clustered; > 0 a locked object's label; `NOTHING` where there is none.
    ids : int32 (M,), > 0
        The label of each locked object; no two are equal.
    class_index : int64 (M,)
        Class of each.
    score : float32 (M,), 0 to 1
        Seed value of its seed pixel.
    centre, sigma : float32 (M, D), pixels of the finest axis
        As in `Instances`.
    seed_pixel : int64 (M, D)
        Position of the pixel that stands for the object.
    deleted : int64 (K, D), optional
        A pixel of each deleted object; none if not given. Only those are kept at which ``labels``
        is `NOTHING`.
    split : int32 (P, 2), optional
        Pairs of locked objects that were split from each other; none if not given. Only those are
        kept of which both are locked.

    Attributes
    ----------
    emptied : bool
        Whether any pixel is `NOTHING`: kept, as to look at all pixels takes time.

    Raises
    ------
    ValueError
        If the arrays' shapes do not fit together.
    """

    labels: NDArray[np.int32]
    ids: NDArray[np.int32]
    class_index: NDArray[np.int64]
    score: NDArray[np.float32]
    centre: NDArray[np.float32]
    sigma: NDArray[np.float32]
    seed_pixel: NDArray[np.int64]
    deleted: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 1), np.int64))
    split: NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 2), np.int32))
    emptied: bool = field(init=False)

    def __post_init__(self) -> None:
        n, ndim = len(self.ids), self.labels.ndim
        marks = self.deleted.reshape(-1, ndim).astype(np.int64)
        there = self.labels[tuple(marks.T)] == NOTHING
        object.__setattr__(self, "deleted", marks[there])
        object.__setattr__(self, "emptied", bool(self.labels.min(initial=0) < 0))
        pairs = self.split.reshape(-1, 2).astype(np.int32)
        object.__setattr__(self, "split", pairs[np.isin(pairs, self.ids).all(1)])
        for name in ("ids", *Row.__slots__):
            shape = getattr(self, name).shape
            expected = (n, ndim) if name in ("centre", "sigma", "seed_pixel") else (n,)
            if shape != expected:
                raise ValueError(f"{name} has shape {shape}, expected {expected}")

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Corrections:
        """Return the corrections of an image without any."""
        return cls(
            labels=np.zeros(shape, np.int32),
            ids=np.empty(0, np.int32),
            class_index=np.empty(0, np.int64),
            score=np.empty(0, np.float32),
            centre=np.empty((0, len(shape)), np.float32),
            sigma=np.empty((0, len(shape)), np.float32),
            seed_pixel=np.empty((0, len(shape)), np.int64),
        )

    def instances(self) -> Instances:
        """Return the locked objects alone."""
        labels = np.maximum(self.labels, 0)
        # Cast by itself: `bincount` would let no other thread run while it does.
        flat = labels.reshape(-1).astype(np.intp)
        counted = np.bincount(flat, minlength=int(self.ids.max(initial=0)) + 1)
        return Instances(
            labels=labels,
            ids=self.ids,
            class_index=self.class_index,
            score=self.score,
            centre=self.centre,
            sigma=self.sigma,
            size=counted[self.ids],
            seed_pixel=self.seed_pixel,
            locked=np.ones(len(self), np.bool_),
        )


@dataclass(frozen=True, slots=True)
class Row:
    """The properties of one object; its row in the columns of `Corrections`."""

    class_index: int
    score: float
    centre: NDArray[np.floating]
    sigma: NDArray[np.floating]
    seed_pixel: NDArray[np.integer]


def row_of(instances: Instances, label: int) -> Row:
    """Return the properties of an object.

    Raises
    ------
    InputError
        If there is no object of this label.
    """
    k = np.flatnonzero(instances.ids == label)
    if not len(k):
        raise InputError(f"there is no object {label}; choose a pixel inside an object")
    return Row(*(getattr(instances, name)[k[0]] for name in Row.__slots__))


def unused_ids(used: NDArray[np.integer], count: int) -> NDArray[np.int32]:
    """Return the ``count`` lowest labels, 1 and up, that are not used; int32 (count,)."""
    return np.setdiff1d(np.arange(1, len(used) + count + 1, dtype=np.int32), used)[:count]


def fit(maps: EmbeddingMaps, at: NDArray[np.integer], index: int | None = None) -> Row:
    """Return the properties of the object of some pixels (n, D), as the clustering finds them.

    They are those of its seed pixel, the pixel of highest seed value; so is the class, unless
    ``index`` is given.
    """
    seeds = maps.seed[(slice(None), *at.T)]
    best = at[int(np.nan_to_num(seeds).max(0).argmax())]
    there = (slice(None), *best)
    seed = np.nan_to_num(maps.seed[there])
    return Row(
        int(seed.argmax()) if index is None else index,
        float(seed.max()),
        maps.embeddings_at(best[None])[0],
        np.broadcast_to(maps.sigma[there], (maps.ndim,)),
        best,
    )
