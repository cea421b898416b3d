"""Reader of maps from their OME-Zarr folder, which `export.maps` writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatial_embeddings import PROGRAM
from napari_spatial_embeddings.core.maps import EmbeddingMaps, Float
from napari_spatial_embeddings.core.units import Lengths

from .errors import FileError, reading
from .folders import stem
from .ome_zarr import ome, open_group, read_multiscale

KEY = PROGRAM
"""Attribute of the folder's root that holds what OME-Zarr has no place for."""

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class StoredMaps:
    """Maps with the metadata of their file.

    Parameters
    ----------
    maps : EmbeddingMaps
    pixel_size : tuple of D floats, optional
        Of the image, along each axis, in ``unit``.
    unit : str, optional
    name : str
        The file's name without its endings.
    model : dict
        The card of the model that predicted them; empty if unknown.
    made : dict
        How they were made: the record that `predict` left there; empty if unknown.
    """

    maps: EmbeddingMaps
    pixel_size: Lengths | None
    unit: str | None
    name: str
    model: dict[str, Any]
    made: dict[str, Any]


def read_maps(path: str | Path) -> StoredMaps:
    """Read the maps of one image.

    Seed values are clipped to 0..1.

    Raises
    ------
    FileError
        If the folder is missing, incomplete, from a newer version, or the maps are not finite or
        do not fit together.
    """
    path = Path(path)
    with reading(path):
        group = open_group(path)
        facts = group.attrs.get(KEY)
        if not isinstance(facts, dict) or not isinstance(facts.get("schema"), int):
            raise FileError(f"{path} holds no maps; expected a folder written by predict --maps")
        if facts["schema"] > SCHEMA:
            raise FileError(
                f"{path} was written by a newer version ({facts.get('version')}); upgrade {KEY}"
            )
        offsets, sigma, seed = (_read(group, name, path) for name in ("offsets", "sigma", "seed"))
        if (sigma <= 0).any():
            raise FileError(f"{path}: sigma must be above 0 everywhere")
        spacing = tuple(float(s) for s in facts["spacing"])
        maps = EmbeddingMaps(offsets, sigma, seed.clip(0, 1), spacing)
        pixel_size = facts["pixel_size"]
        return StoredMaps(
            maps,
            tuple(s and float(s) for s in pixel_size) if pixel_size else None,
            facts["unit"],
            stem(path),
            facts.get("model") or {},
            facts.get("made") or {},
        )


def _read(group: Any, name: str, path: Path) -> Float:
    if name not in group:
        raise FileError(f"{path} is incomplete: the map '{name}' is missing")
    array = np.asarray(read_multiscale(group[name], ome(group[name]), path, whole=True).array)
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise FileError(f"{path}: the map '{name}' must hold finite numbers of a float type")
    return array.astype(np.float32, copy=False)
