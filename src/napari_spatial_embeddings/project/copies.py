"""Copies of images in a project, read, compressed and written tile by tile."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_spatial_embeddings.core.image_data import LazyArray, Part, PixelArray, in_memory
from napari_spatial_embeddings.core.sampling import all_blocks
from napari_spatial_embeddings.core.units import Lengths, as_metadata
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.files.stored import size_in_bytes
from napari_spatial_embeddings.system.atomic import atomic_file

TILE_EDGE = 512
"""Edge in pixels of what is compared or copied at once."""


def converted(array: PixelArray, dtype: DTypeLike) -> PixelArray:
    """Return an array with another type of values as a view that is not read yet."""
    if array.dtype == dtype:
        return array
    return np.asarray(array, dtype) if in_memory(array) else _Converted(array, dtype)


def tiles(image: PixelArray) -> Iterator[tuple[int | slice, ...]]:
    """Yield the parts of an array (..., Y, X), plane by plane."""
    planes = itertools.product(*map(range, image.shape[:-2]))
    return ((*plane, *tile) for plane in planes for tile in all_blocks(image.shape[-2:], TILE_EDGE))


def write_copy(
    path: Path,
    image: PixelArray,
    pixel_size: Lengths | None,
    unit: str | None,
    axes: str | None = None,
) -> None:
    """Write a copy of an image, compressed without loss, whole or not at all.

    It is read, compressed and written tile by tile.

    Raises
    ------
    FileError, Failure
        If the system refuses.
    """
    import tifffile

    facts = {"axes": axes or copied_axes(image), "unit": unit, **as_metadata(pixel_size)}
    # Compressed, it may be larger than the 4 GiB of a plain TIFF, if hardly.
    with writing(path), atomic_file(path) as file:
        tifffile.imwrite(
            file,
            (np.asarray(image[part]) for part in tiles(image)),
            shape=image.shape,
            dtype=image.dtype,
            # TIFF wants multiples of 16.
            tile=tuple(min(TILE_EDGE, -(-n // 16) * 16) for n in image.shape[-2:]),
            bigtiff=size_in_bytes(image) > 2**32 - 2**25,
            photometric="minisblack",
            compression="zlib",
            buffersize=2**24,
            metadata={k: v for k, v in facts.items() if v is not None},
        )


def copied_axes(image: PixelArray) -> str:
    """Return the axes of a copy of an image (C, *S)."""
    return "CYX" if image.ndim == 3 else "CZYX"


class _Converted(LazyArray):
    """An array with another type of values."""

    def __init__(self, source: PixelArray, dtype: DTypeLike) -> None:
        super().__init__(source.shape, dtype)
        self._source = source

    def _read(self, wanted: tuple[Part, ...]) -> NDArray[Any]:
        return np.asarray(self._source[wanted]).astype(self.dtype)
