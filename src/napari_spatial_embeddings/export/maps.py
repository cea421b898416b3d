"""Maps as OME-Zarr 0.5: one folder per image, the maps as images in it.

The folder is a collection in the layout of bioformats2raw that OME-Zarr adopted: the images
``seed``, ``sigma`` and ``offsets`` (float32, axes c, (z), y, x), listed under ``OME``. The axes
carry the image's pixel size and unit; the values themselves are in pixels, see `EmbeddingMaps`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatial_embeddings import __version__
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.core.units import NGFF, Lengths, filled
from napari_spatial_embeddings.files.maps import KEY, SCHEMA

from .folders import replacing
from .labels import about_window

CHUNKS = {2: (1, 512, 512), 3: (1, 64, 64, 64)}
"""One megabyte each, and the default tiles of a prediction are whole chunks."""


def write_maps(
    path: str | Path,
    maps: EmbeddingMaps,
    pixel_size: Lengths | None = None,
    unit: str | None = None,
    model: Mapping[str, Any] | None = None,
    start: tuple[int, ...] = (),
    *,
    made: Mapping[str, Any] | None = None,
) -> Path:
    """Write the maps of one image, whole or not at all.

    Parameters
    ----------
    path : path
        A folder, by custom ``<name>.maps.zarr``; older maps in it are replaced.
    maps : EmbeddingMaps
    pixel_size : tuple of floats, optional
        Of the image, along each axis, in ``unit``.
    unit : str, optional
        "um", "nm", ...
    model : mapping, optional
        The card of the model that predicted them, kept as it is.
    start : tuple of D ints
        First pixel in the large image that they are of a window of; empty if they are not.
    made : mapping, optional
        Of `record.record`, kept as ``made``.

    Raises
    ------
    FileError
        If the folder cannot be written, or is there and holds something else.
    """
    path = Path(path)
    facts = {
        "schema": SCHEMA,
        "version": __version__,
        "spacing": list(maps.spacing),
        "pixel_size": list(pixel_size) if pixel_size else None,
        "unit": unit,
        "model": dict(model) if model else None,
        **about_window(start),
        **({"made": dict(made)} if made else {}),
    }
    written = {"seed": maps.seed, "sigma": maps.sigma, "offsets": maps.offsets}
    counts = {name: len(values) for name, values in written.items()}
    with replacing(path, own=KEY in _root(path), what="maps") as folder:
        scale = filled(pixel_size) if pixel_size else maps.spacing
        arrays = _create(folder, counts, maps.shape, scale, unit, facts)
        for name, values in written.items():
            arrays[name][...] = values
    return path


def _create(
    folder: Path,
    counts: Mapping[str, int],
    shape: tuple[int, ...],
    scale: tuple[float, ...],
    unit: str | None,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Make the collection and return its empty arrays."""
    from yaozarrs import DimSpec, v05
    from yaozarrs.write.v05 import Bf2RawBuilder

    builder = Bf2RawBuilder(
        folder, extra_attributes={KEY: facts}, writer="zarr", chunks=CHUNKS[len(shape)]
    )
    long = NGFF.get(unit, unit) if unit else None
    space = [
        DimSpec(name=name, size=n, scale=s, unit=long)
        for name, n, s in zip("zyx"[-len(shape) :], shape, scale, strict=True)
    ]
    for name, count in counts.items():
        multiscale = v05.Multiscale.from_dims([DimSpec(name="c", size=count), *space], name=name)
        image = v05.Image(multiscales=[multiscale])
        builder.add_series(name, image, ((count, *shape), np.float32))
    _, arrays = builder.prepare()
    return {name: arrays[f"{name}/0"] for name in counts}


def _root(path: Path) -> str:
    try:
        return (path / "zarr.json").read_text("utf-8")
    except OSError:
        return ""
