"""Images as arrays that are read where they are sliced, with their axes and pixel size."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_spatial_embeddings.errors import InputError

from .sampling import level_ratios
from .units import Lengths, spacing_of

ORDERS = ("CYX", "CZYX", "TCYX", "TCZYX")
"""The orders of axes that an image may have: frames, channels, then space."""

MAX_PIXELS = 2**26
"""Pixels or voxels of an image whose maps may be in memory: there, 1.3 GB in 2D, 1.9 GB in 3D."""

Part = slice | int


class PixelArray(Protocol):
    """An array that may be larger than memory: of NumPy, Zarr or Dask, or a `LazyArray`.

    Only basic indexing is used: a tuple of integers and slices, perhaps of fewer than all axes.
    What comes out is made a NumPy array by `numpy.asarray`.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    def __getitem__(self, index: Any, /) -> Any: ...


class LazyArray(ABC):
    """Base of arrays that read what is sliced, and nothing else.

    Reading is safe from several threads if that of the source is.
    """

    def __init__(self, shape: Sequence[int], dtype: DTypeLike) -> None:
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        wanted = _ranges(index, self.shape)
        kept = [part for part in wanted if isinstance(part, range)]
        if not all(map(len, kept)):
            return np.empty([len(part) for part in kept], self.dtype)
        block = np.asarray(self._read(tuple(map(_forwards, wanted))))
        return block[tuple(slice(None, None, -1 if part.step < 0 else 1) for part in kept)]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a lazy array cannot be an array without being read")
        return np.asarray(self[()], dtype)

    @abstractmethod
    def _read(self, wanted: tuple[Part, ...]) -> NDArray[Any]:
        """Read one part per axis: an index or a slice, not empty, within bounds, step above 0."""


def arranged(array: PixelArray, axes: str, order: str | None = None) -> PixelArray:
    """Return a view of an array with its axes in the order of an image.

    Parameters
    ----------
    array : any array
    axes : str
        A letter for each of its axes: Y, X and perhaps T, C, Z; such as "YX", "YXC", "ZYX".
    order : str, optional
        Letters of the view's axes; those that the array does not have are of length one. The one of
        `ORDERS` with time and depth as the array has them if not given.

    Raises
    ------
    InputError
        If the letters do not name the array's axes.
    """
    if order is None:
        order = "".join(a for a in "TCZYX" if a in axes or a == "C")
    named = {"Y", "X"} <= set(axes) <= set(order) and len(set(axes)) == len(axes) == array.ndim
    if not named:
        raise InputError(
            f"axes={axes}: expected one letter for each axis of an array of shape {array.shape}: Y"
            " and X, and perhaps T, C and Z, each once"
        )
    places = [axes.index(a) if a in axes else None for a in order]
    if isinstance(array, np.ndarray):
        array = array.transpose([place for place in places if place is not None])
        return array[tuple(None if place is None else slice(None) for place in places)]
    return _View(array, [range(n) for n in array.shape], places)


def sliced(array: PixelArray, index: tuple[Part, ...]) -> PixelArray:
    """Return ``array[index]`` as a view that is not read yet; steps must be above 0."""
    if isinstance(array, np.ndarray):
        return array[index]
    taken = _ranges(index, array.shape)
    return _View(array, taken, [a for a, part in enumerate(taken) if isinstance(part, range)])


def in_memory(array: PixelArray) -> bool:
    """Whether the values are in memory, and neither in a file nor yet to be computed."""
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return False
        base = base.base
    return isinstance(array, np.ndarray)


def stacked(arrays: Sequence[PixelArray], axis: int = 0) -> PixelArray:
    """Return several arrays (c_i, *S) as the channels of one, not read yet.

    Parameters
    ----------
    arrays : sequence of arrays
        Not empty.
    axis : int
        Of the channels.

    Raises
    ------
    InputError
        If they do not cover the same pixels.
    """
    first = arrays[0]
    for other in arrays[1:]:
        shapes = [(*a.shape[:axis], *a.shape[axis + 1 :]) for a in (first, other)]
        if shapes[0] != shapes[1]:
            raise InputError(
                f"channels of shape {shapes[0]} and {shapes[1]}; those of one image must cover the"
                " same pixels"
            )
    return first if len(arrays) == 1 else _Stack(arrays, axis)


@dataclass(frozen=True, slots=True)
class ImageData:
    """An image or volume, or a time series of such; S is the spatial shape, of D = 2 or 3 axes.

    Parameters
    ----------
    data : (C, *S) or (T, C, *S), real
        May be larger than memory: slice it, and make of the slice what is needed.
    axes : one of `ORDERS`
    pixel_size : tuple of D floats, optional
        Size of a pixel along each spatial axis in ``unit``; None where, or along which axis, it is
        unknown.
    unit : str, optional
        "um", "nm", ...; None if the pixel size is only known as a ratio.
    name : str
        The file's name without its endings.
    frame_interval : float, optional
        Time between two frames in seconds.
    whole : as `data`, optional
        What it is a window or a frame of, and is normalised as; of a frame, with an axis of time.
    start : tuple of D ints
        Its first pixel in there; empty if it is no window.
    levels : tuple of arrays, as `data`
        Coarser copies, of which one is read where it has detail enough: see `resampling.Pyramid`.
    """

    data: PixelArray
    axes: str
    pixel_size: Lengths | None
    unit: str | None
    name: str
    frame_interval: float | None = None
    whole: PixelArray | None = None
    start: tuple[int, ...] = ()
    levels: tuple[PixelArray, ...] = ()

    def __post_init__(self) -> None:
        if self.axes not in ORDERS or len(self.axes) != self.data.ndim:
            raise ValueError(f"axes {self.axes} for an array of shape {self.data.shape}")

    @property
    def shape(self) -> tuple[int, ...]:
        """The spatial shape S."""
        return tuple(self.data.shape[self.axes.index("C") + 1 :])

    @property
    def ndim(self) -> int:
        """Number of spatial axes, D."""
        return len(self.shape)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.data.shape[self.axes.index("C")]

    @property
    def frames(self) -> int | None:
        """Number of frames; None without an axis of time."""
        return self.data.shape[0] if "T" in self.axes else None

    @property
    def spacing(self) -> tuple[float, ...]:
        """Size of a pixel along each spatial axis in pixels of the finest; ones if unknown."""
        return spacing_of(self.pixel_size) or (1.0,) * self.ndim

    def frame(self, t: int) -> ImageData:
        """Return a frame as an image or volume, not read yet; without an axis of time, itself."""
        if not 0 <= t < (self.frames or 1):
            raise IndexError(f"frame {t} of {self.frames or 1}")
        if self.frames is None:
            return self
        levels = tuple(sliced(x, (t,)) for x in self.levels if x.shape[0] == self.frames)
        return replace(self, data=sliced(self.data, (t,)), axes=self.axes[1:], levels=levels)

    @property
    def large(self) -> bool:
        """Whether it is worked on in windows, as the maps of all of it would be too large."""
        return self.whole is None and math.prod(self.shape) > MAX_PIXELS

    def part(self, window: tuple[slice, ...]) -> ImageData:
        """Return a window of the spatial axes as an image, not read yet."""
        before = (slice(None),) * (self.data.ndim - self.ndim)
        whole = self.data if self.whole is None else self.whole
        levels = []
        for level in self.levels:
            ratios = level_ratios(self.shape, level.shape[-self.ndim :])
            box = [slice(p.start / r, p.stop / r) for p, r in zip(window, ratios, strict=True)]
            if all(p.start.is_integer() for p in box):  # else it does not cover the same ground
                ends = [slice(int(p.start), math.ceil(p.stop)) for p in box]
                levels.append(sliced(level, (*before, *ends)))
        data = sliced(self.data, (*before, *window))
        own = self.start or (0,) * self.ndim
        start = tuple(n + part.start for n, part in zip(own, window, strict=True))
        return replace(self, data=data, whole=whole, start=start, levels=tuple(levels))

    def mapped(self, change: Callable[[PixelArray], PixelArray]) -> ImageData:
        """Return the image whose pixels, and all others that it knows, are made of its own."""
        whole = None if self.whole is None else change(self.whole)
        levels = tuple(map(change, self.levels))
        return replace(self, data=change(self.data), whole=whole, levels=levels)

    def with_channels(self, channels: Sequence[int]) -> ImageData:
        """Return an image of some of the channels, in the given order; not read yet."""
        axis = self.axes.index("C")
        before: tuple[Any, ...] = (slice(None),) * axis

        def chosen(array: PixelArray) -> PixelArray:
            if in_memory(array):
                return np.asarray(array)[(*before, list(channels))]
            return stacked([sliced(array, (*before, slice(c, c + 1))) for c in channels], axis)

        return self.mapped(chosen)


class _View(LazyArray):
    """Basic indexing and a permutation of axes, perhaps with new axes of length one.

    Parameters
    ----------
    source : array
    taken : a range or an index for each axis of the source
    places : for each axis of the view, that of the source; None for a new one
    """

    def __init__(
        self, source: PixelArray, taken: Sequence[range | int], places: Sequence[int | None]
    ) -> None:
        self._source, self._taken, self._places = source, taken, places
        lengths = [len(part) if isinstance(part, range) else 1 for part in taken]
        super().__init__([1 if p is None else lengths[p] for p in places], source.dtype)

    def _read(self, wanted: tuple[Part, ...]) -> NDArray[Any]:
        taken: list[range | int] = list(self._taken)
        for place, part in zip(self._places, wanted, strict=True):
            if place is not None:
                whole = taken[place]
                assert isinstance(whole, range)
                taken[place] = whole[part]
        block = np.asarray(self._source[tuple(map(_forwards, taken))])
        left = [place for place, part in enumerate(taken) if isinstance(part, range)]
        shown = [p for p, part in zip(self._places, wanted, strict=True) if isinstance(part, slice)]
        block = block.transpose([left.index(place) for place in shown if place is not None])
        return block[tuple(None if place is None else slice(None) for place in shown)]


class _Stack(LazyArray):
    """Arrays one after another along an axis."""

    def __init__(self, arrays: Sequence[PixelArray], axis: int) -> None:
        self._arrays, self._axis = arrays, axis
        shape = list(arrays[0].shape)
        shape[axis] = sum(array.shape[axis] for array in arrays)
        super().__init__(shape, np.result_type(*(array.dtype for array in arrays)))

    def _read(self, wanted: tuple[Part, ...]) -> NDArray[Any]:
        before, part, after = wanted[: self._axis], wanted[self._axis], wanted[self._axis + 1 :]
        chosen = [part] if isinstance(part, int) else range(part.start, part.stop, part.step)
        blocks, start = [], 0
        for array in self._arrays:
            stop = start + array.shape[self._axis]
            if inside := [c - start for c in chosen if start <= c < stop]:
                step = None if isinstance(part, int) else part.step
                here = inside[0] if step is None else slice(inside[0], inside[-1] + 1, step)
                block = np.asarray(array[(*before, here, *after)])
                blocks.append(block.astype(self.dtype, copy=False))
            start = stop
        axis = sum(isinstance(p, slice) for p in before)
        return blocks[0] if isinstance(part, int) else np.concatenate(blocks, axis)


def _ranges(index: Any, shape: tuple[int, ...]) -> tuple[range | int, ...]:
    """Return what a basic index takes of each axis: a range, or one index."""
    index = index if isinstance(index, tuple) else (index,)
    if len(index) > len(shape):
        raise IndexError(f"{len(index)} indices for an array of shape {shape}")
    rest = (slice(None),) * (len(shape) - len(index))
    return tuple(range(n)[part] for n, part in zip(shape, index + rest, strict=True))


def _forwards(part: Part | range) -> Part:
    """Return an index as it is, and a range, not empty, as a slice from low to high."""
    if not isinstance(part, range):
        return part
    part = part if part.step > 0 else part[::-1]
    return slice(part.start, part[-1] + 1, part.step)
