"""Objects of the frames of a time series: what their linking needs to know of the pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.core.label_values import MAX_TABLE, numbered, whole_numbers
from napari_spatial_embeddings.core.units import METRES, Lengths, finest_length, spacing_of
from napari_spatial_embeddings.errors import InputError


@dataclass(frozen=True, eq=False)
class Detections:
    """N objects in T frames, in an order that does not depend on their labels.

    They are sorted by frame and, within it, by the place of their first pixel.

    Parameters
    ----------
    frame, label : int32 (N,)
        Where an object is, and its label there.
    size : int64 (N,)
        Number of pixels.
    centre : float64 (N, D), pixels of the finest axis
        Mean position of the pixels.
    overlap : int64 (P, 2)
        Pairs of objects of consecutive frames that share pixels, the earlier one first: indices
        into the arrays above.
    iou : float64 (P,)
        Their intersection over union.
    frames : int
        T, with the frames that hold no object.
    spacing : tuple of D floats
        Size of a pixel along each axis in pixels of the finest.
    length : float, optional
        Size of a pixel along the finest axis in micrometres; None if unknown.
    """

    frame: NDArray[np.int32]
    label: NDArray[np.int32]
    size: NDArray[np.int64]
    centre: NDArray[np.float64]
    overlap: NDArray[np.int64]
    iou: NDArray[np.float64]
    frames: int
    spacing: tuple[float, ...]
    length: float | None = None

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """Index of the first object of each frame, and N: int64 (T + 1,)."""
        return np.searchsorted(self.frame, np.arange(self.frames + 1))

    @cached_property
    def index(self) -> dict[tuple[int, int], int]:
        """Index of each object by its frame and label."""
        places = zip(self.frame.tolist(), self.label.tolist(), strict=True)
        return {place: i for i, place in enumerate(places)}

    def of_frame(self, t: int) -> slice:
        """Return where the objects of a frame are."""
        return slice(int(self.first[t]), int(self.first[t + 1]))

    @property
    def diameter(self) -> float:
        """Median diameter of discs, or balls, of the objects' sizes, in pixels of the finest."""
        ndim = self.centre.shape[1]
        if not len(self):
            return 1.0
        volume = float(np.median(self.size)) * float(np.prod(self.spacing))
        return float(2 * (volume / np.pi) ** 0.5 if ndim == 2 else (6 * volume / np.pi) ** (1 / 3))


@dataclass(frozen=True, slots=True)
class DetectionReport:
    """Progress of `detect`.

    Parameters
    ----------
    done, total : int
        Frames.
    result : Detections, optional
        With the last report, unless it was cancelled.
    """

    done: int
    total: int
    result: Detections | None = None


def detect(
    labels: PixelArray,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[DetectionReport]:
    """Measure the objects of a series of label images, one frame at a time.

    Parameters
    ----------
    labels : whole numbers (T, Y, X) or (T, Z, Y, X)
        May be larger than memory: two frames are held at a time. Values of 0 and below are no
        objects.
    pixel_size : tuple of D floats, optional
        Size of a pixel along each spatial axis, in ``unit``.
    unit : str, optional
    cancelled : callable, optional
        Asked before every frame.

    Raises
    ------
    InputError
        If the labels are no series, no whole numbers, or above 2^31 - 1.
    """
    ndim = labels.ndim - 1
    if ndim not in (2, 3):
        raise InputError(
            f"labels of shape {labels.shape}; expected a time series (T, Y, X) or (T, Z, Y, X)"
        )
    spacing = spacing_of(pixel_size) or (1.0,) * ndim
    finest = finest_length(pixel_size)
    length = finest * METRES[unit] / METRES["um"] if finest and unit in METRES else None
    total = labels.shape[0]
    parts: list[_Frame] = []
    pairs, ious, start = [np.empty((0, 2), np.int64)], [np.empty(0)], 0
    before, known = np.zeros((1,) * ndim, np.int32), _Frame.of(np.zeros((1,) * ndim, np.int32))
    for t in range(total):
        yield DetectionReport(t, total)
        if cancelled():
            return
        now = read_frame(labels, t)
        found = _Frame.of(now)
        if parts:
            one, other, shared = shared_pixels(before, now)
            i, j = known.index(one), found.index(other)
            order = np.lexsort((j, i))
            i, j, shared = i[order], j[order], shared[order]
            pairs.append(np.stack([i + start - len(known.ids), j + start], 1))
            ious.append(shared / (known.size[i] + found.size[j] - shared))
        parts.append(found)
        start += len(found.ids)
        before, known = now, found
    none = _Frame.of(before * 0)
    result = Detections(
        np.repeat(np.arange(total, dtype=np.int32), [len(part.ids) for part in parts]),
        np.concatenate([none.ids, *(part.ids for part in parts)]),
        np.concatenate([none.size, *(part.size for part in parts)]),
        np.concatenate([none.centre, *(part.centre for part in parts)]) * np.array(spacing),
        np.concatenate(pairs),
        np.concatenate(ious),
        total,
        spacing,
        length,
    )
    yield DetectionReport(total, total, result)


def read_frame(labels: PixelArray, t: int, part: tuple[slice | int, ...] = ()) -> NDArray[np.int32]:
    """Read a frame of a series of labels, or a part of it, as int32; what is no object is 0.

    Raises
    ------
    InputError
        If the labels are no whole numbers, or above 2^31 - 1.
    """
    frame = whole_numbers(np.asarray(labels[(t, *part)]), f"frame {t}")
    if frame.size and int(frame.max()) > np.iinfo(np.int32).max:
        raise InputError(f"label {frame.max()} in frame {t} is too high; use up to 2147483647")
    objects: NDArray[np.int32] = np.maximum(frame, 0).astype(np.int32, copy=False)
    return objects


@dataclass(frozen=True, slots=True)
class _Frame:
    """The n objects of one frame, in the order of their first pixels.

    Parameters
    ----------
    ids : int32 (n,)
    size : int64 (n,), pixels
    centre : float64 (n, D), index
    """

    ids: NDArray[np.int32]
    size: NDArray[np.int64]
    centre: NDArray[np.float64]

    @classmethod
    def of(cls, labels: NDArray[np.int32]) -> _Frame:
        """Measure the objects of a label image."""
        at = np.flatnonzero(labels)
        ids, places = numbered(labels.ravel()[at])
        ids, owner = ids[1:].astype(np.int32), places - 1
        size = np.bincount(owner, minlength=len(ids))
        axes = np.unravel_index(at, labels.shape)
        sums = np.stack([np.bincount(owner, axis, len(ids)) for axis in axes], 1)
        first = np.zeros(len(ids), np.int64)
        first[owner[::-1]] = at[::-1]  # of several values for one index, the last one stays
        order = np.argsort(first)
        return cls(ids[order], size[order], (sums / size[:, None])[order])

    def index(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where labels are among the ids."""
        order = np.argsort(self.ids)
        return order[np.searchsorted(self.ids, labels, sorter=order)]


def shared_pixels(
    one: NDArray[np.int32], other: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of labels, both above 0, that share pixels of two label images.

    Returns
    -------
    one, other : int64 (P,)
        Labels.
    count : int64 (P,)
        Pixels that they share.
    """
    both = (one > 0) & (other > 0)
    first, i = numbered(one[both])
    second, j = numbered(other[both])
    # Sorting all pixels would take ten times as long, and let no other thread run meanwhile.
    table = len(first) * len(second) <= MAX_TABLE
    number = i * len(second) + j
    count = np.bincount(number) if table else np.empty(0, np.int64)
    pairs = np.flatnonzero(count)
    shared = count[pairs]
    if not table:
        pairs, shared = np.unique(number, return_counts=True)
    i, j = np.divmod(pairs, len(second))
    return first[i].astype(np.int64), second[j].astype(np.int64), shared
