"""Arrays that know how much of them was read, to prove that something is lazy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


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
