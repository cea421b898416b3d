"""Arrays that stay in their files: read where they are sliced, by opening the file each time.

No file is left open and none stays mapped into memory: an image may be replaced or deleted while it
is shown, on any system. Images of up to `MAX_BYTES_IN_MEMORY` bytes are not worth it and are read
whole.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_spatial_embeddings.core.image_data import LazyArray, Part, PixelArray

from .errors import FileError, reading

MAX_BYTES_IN_MEMORY = 64 * 2**20
"""Bytes up to which an image is read whole."""

CACHE_BYTES = 128 * 2**20
"""Bytes of decoded chunks that are kept: neighbouring tiles share many of them."""

Read = Callable[[tuple[Part, ...]], Any]


def size_in_bytes(array: PixelArray) -> int:
    """Return how much memory an array takes as a whole."""
    return prod(array.shape) * array.dtype.itemsize


def is_small(array: PixelArray) -> bool:
    """Whether an image is read whole."""
    return size_in_bytes(array) <= MAX_BYTES_IN_MEMORY


def read_if_small(array: PixelArray, axes: str, *, whole: bool) -> PixelArray:
    """Return an array that is read if it is small, or asked for ``whole``.

    A time series stays in its file where reading fails: perhaps only a frame of it is damaged, and
    the others are worth having.
    """
    if not whole and not is_small(array):
        return array
    try:
        return np.asarray(array[()])
    except Exception:  # damaged data makes decoders raise nearly anything
        if whole or not has_frames(axes, array.shape):
            raise
        return array


def has_frames(axes: str, shape: tuple[int, ...]) -> bool:
    """Whether an array is a series of several frames, by the letters that its file has."""
    return any(a == "T" and n > 1 for a, n in zip(axes, shape, strict=True))


class StoredArray(LazyArray):
    """An array in a file or folder.

    What is read has this processor's byte order; a file that cannot be read any more is a
    `FileError`.

    Parameters
    ----------
    path : path
    shape, dtype
        Of the array.
    read : function
        Returns what an index, one slice or integer per axis, selects of the array.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: DTypeLike, read: Read) -> None:
        super().__init__(shape, np.dtype(dtype).newbyteorder("="))
        self._path, self._reader = path, read

    def _read(self, wanted: tuple[Part, ...]) -> NDArray[Any]:
        with reading(self._path):
            return np.asarray(self._reader(wanted), self.dtype, order="C")


def unchanged(path: Path, read: Read) -> Read:
    """Return a function that reads only as long as a file is the one that it is now."""

    def state() -> tuple[int, int]:
        now = path.stat()
        return now.st_size, now.st_mtime_ns

    before = state()

    def checked(wanted: tuple[Part, ...]) -> Any:
        if state() != before:
            raise FileError(f"{path} was changed while it was in use; open it again")
        return read(wanted)

    return checked


def mapped(path: Path, shape: tuple[int, ...], dtype: DTypeLike, offset: int) -> StoredArray:
    """Return an array that lies in a file as it would in memory."""

    def read(wanted: tuple[Part, ...]) -> NDArray[Any]:
        return np.array(np.memmap(path, dtype, "r", offset, shape)[wanted])

    return StoredArray(path, shape, dtype, unchanged(path, read))


class ChunkCache:
    """Decoded chunks of an array, of which those of the last reads are kept.

    As many as one read needs are kept in any case, so that the next tile of a row finds them.

    Parameters
    ----------
    source : array
    chunks : tuple of ints
        Shape of its chunks.
    """

    def __init__(self, source: PixelArray, chunks: tuple[int, ...]) -> None:
        self._source, self._chunks = source, chunks
        self._kept: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def read(self, wanted: tuple[Part, ...]) -> NDArray[Any]:
        """Return what an index, one per axis, selects of the source."""
        spans = [p if isinstance(p, slice) else slice(p, p + 1, 1) for p in wanted]
        shape = [span.stop - span.start for span in spans]
        with self._lock:
            if prod(shape) * self._source.dtype.itemsize > CACHE_BYTES:
                return np.asarray(self._source[wanted])
            block = np.empty(shape, self._source.dtype)
            needed = [
                range(span.start // size, (span.stop - 1) // size + 1)
                for span, size in zip(spans, self._chunks, strict=True)
            ]
            found = 0
            for place in itertools.product(*needed):
                chunk = self._chunk(place)
                found += chunk.nbytes
                to, source = [], []
                for at, size, span in zip(place, self._chunks, spans, strict=True):
                    start, stop = max(at * size, span.start), min((at + 1) * size, span.stop)
                    to.append(slice(start - span.start, stop - span.start))
                    source.append(slice(start - at * size, stop - at * size))
                block[tuple(to)] = chunk[tuple(source)]
            while self._bytes > max(CACHE_BYTES, found):
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return block[
            tuple(slice(None, None, p.step) if isinstance(p, slice) else 0 for p in wanted)
        ]

    def _chunk(self, place: tuple[int, ...]) -> NDArray[Any]:
        if place not in self._kept:
            index = tuple(
                slice(at * size, min((at + 1) * size, n))
                for at, size, n in zip(place, self._chunks, self._source.shape, strict=True)
            )
            self._kept[place] = np.asarray(self._source[index])
            self._bytes += self._kept[place].nbytes
        self._kept.move_to_end(place)
        return self._kept[place]
