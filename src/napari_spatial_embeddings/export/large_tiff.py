"""Label images larger than memory as tiled TIFF."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.core.units import Lengths, as_metadata
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.files.stored import size_in_bytes
from napari_spatial_embeddings.system.atomic import atomic_file

from .labels import is_ome, ome_metadata
from .places import SOFTWARE

TILE = 512
"""Edge of a tile, in pixels."""

CLASSIC_LIMIT = 2**31
"""Bytes up to which a TIFF is not BigTIFF, which some programs cannot open."""


def write_large_tiff(
    path: Path,
    labels: PixelArray,
    pixel_size: Lengths | None,
    unit: str | None,
    settings: Mapping[str, Any],
    written: Callable[[], None] = lambda: None,
) -> Path:
    """Write a label image tile by tile, whole or not at all; BigTIFF where it is large.

    Parameters
    ----------
    path : path
        One that ends in ``.ome.tif`` gives OME-TIFF.
    labels : uint16 or uint32 (*S)
        Of which a tile is read at once.
    pixel_size, unit, settings
        As in `labels.write_labels`.
    written : callable
        Called for each tile.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    import tifffile

    axes = "ZYX"[-labels.ndim :]

    def tiles() -> Iterator[NDArray[Any]]:
        *planes, height, width = labels.shape
        for plane in itertools.product(*map(range, planes)):
            for y, x in itertools.product(range(0, height, TILE), range(0, width, TILE)):
                place = slice(y, min(y + TILE, height)), slice(x, min(x + TILE, width))
                tile = np.asarray(labels[(*plane, *place)])
                missing = [(0, TILE - n) for n in tile.shape]
                written()
                yield np.pad(tile, missing)

    options: dict[str, Any] = {"metadata": {"axes": axes, "unit": unit, "settings": settings}}
    options["metadata"] |= as_metadata(pixel_size)
    if is_ome(path):
        options["metadata"] = ome_metadata(axes, pixel_size, unit, json.dumps(settings))
    big = size_in_bytes(labels) >= CLASSIC_LIMIT
    with (
        writing(path),
        atomic_file(path) as file,
        tifffile.TiffWriter(file, bigtiff=big, ome=is_ome(path)) as writer,
    ):
        writer.write(
            tiles(),
            shape=labels.shape,
            dtype=labels.dtype,
            tile=(TILE, TILE),
            compression="zlib",
            photometric="minisblack",
            software=SOFTWARE,
            **options,
        )
    return path
