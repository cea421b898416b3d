"""Arrays that know how much of them was read, to prove that something is lazy."""

from __future__ import annotations

import math
import sys
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

PACKAGES = ("napari", "napari_spatial_embeddings")
"""Those that may read a `Recorded` array."""


class Counted:
    """An array that counts the values that are read, and takes basic indices alone.

    Slices must go from low to high and be within bounds, as Zarr wants them.
    """

    def __init__(self, array: NDArray[Any]) -> None:
        self.array, self.read = array, 0
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        assert isinstance(index, tuple)
        for part, n in zip(index, self.shape, strict=False):
            if isinstance(part, slice):
                start, stop, step = part.indices(n)
                assert 0 <= start < stop <= n
                assert step > 0
            else:
                assert 0 <= int(part) < n
        block = self.array[index]
        self.read += block.size
        return np.asarray(block)


class Huge:
    """An image that does not exist: its pixels are made when they are read, and few at once.

    Parameters
    ----------
    shape : tuple of ints
    dtype
    most : int
        Values that may be read at once.
    """

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike, most: int) -> None:
        self.shape, self.dtype, self.ndim = shape, np.dtype(dtype), len(shape)
        self.most, self.read = most, 0

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        index = index if isinstance(index, tuple) else (index,)
        index += (slice(None),) * (self.ndim - len(index))
        ranges = [np.arange(n)[part] for n, part in zip(self.shape, index, strict=True)]
        size = math.prod(np.size(r) for r in ranges)
        assert size <= self.most, f"{size} values are read at once"
        self.read += size
        grid = np.ix_(*(np.atleast_1d(r) for r in ranges))
        pattern = 100 + 50 * np.sin(sum(axis / 7 for axis in grid))
        return np.asarray(pattern, self.dtype).reshape([r.size for r in ranges if np.ndim(r)])


@dataclass(frozen=True)
class Read:
    """One read of a `Recorded` array: by which package, how many values, in which thread."""

    package: str
    size: int
    main_thread: bool


class Recorded:
    """An array that napari can show, and that records each read.

    What views of the package pass on is read by whoever slices the view.
    """

    def __init__(self, array: NDArray[Any]) -> None:
        self.array, self.reads = array, list[Read]()
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self.size = array.size

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        block = np.asarray(self.array[index])
        main = threading.current_thread() is threading.main_thread()
        self.reads.append(Read(reader(), block.size, main))
        return block

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self[()], dtype, copy=copy)

    def of(self, package: str) -> list[Read]:
        """Return the reads of a package."""
        return [read for read in self.reads if read.package == package]


def reader() -> str:
    """Return the package that reads: the innermost one on the stack but for views of arrays.

    For those who count the reads of an array, and are called by it.
    """
    frame = sys._getframe(2)
    while frame is not None:
        package, _, module = frame.f_globals.get("__name__", "").partition(".")
        if package in PACKAGES and module != "core.image_data":
            return str(package)
        frame = frame.f_back  # type: ignore[assignment]
    return ""
