"""OME-Zarr plates and collections, as other programs write them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zarr
from numpy.typing import NDArray

from label_files import ome_zarr


def _group(path: Path, version: str, facts: Mapping[str, Any]) -> None:
    new = version == "0.5"
    group = zarr.open_group(path, mode="a", zarr_format=3 if new else 2)
    group.attrs.update({"ome": {"version": version, **facts}} if new else dict(facts))


def plate(
    path: Path,
    fields: Mapping[str, Mapping[str, NDArray[Any]]],
    axes: str = "YX",
    version: str = "0.5",
    listed: Mapping[str, list[str]] | None = None,
) -> Path:
    """Write a plate of wells such as "A/1", each with fields such as "0".

    Parameters
    ----------
    path : path
    fields : mapping from well to mapping from field to array
    axes, version : str
        Of the arrays; of the format.
    listed : mapping from well to fields, optional
        What the metadata name besides.
    """
    wells = {well: list(own) for well, own in fields.items()}
    for well, more in (listed or {}).items():
        wells[well] = [*wells.get(well, []), *more]
    rows = sorted({well.split("/")[0] for well in wells})
    columns = sorted({well.split("/")[1] for well in wells})
    facts: dict[str, Any] = {
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": [
            {
                "path": well,
                "rowIndex": rows.index(well.split("/")[0]),
                "columnIndex": columns.index(well.split("/")[1]),
            }
            for well in wells
        ],
        "field_count": max(map(len, wells.values())),
    }
    own = {} if version == "0.5" else {"version": version}
    _group(path, version, {"plate": {**own, **facts, "name": "plate"}})
    for well, names in wells.items():
        if well not in fields:
            continue
        _group(path / well.split("/")[0], version, {})
        _group(path / well, version, {"well": {**own, "images": [{"path": n} for n in names]}})
        for name, array in fields[well].items():
            scale = [0.3 if a in "YX" else 1.0 for a in axes]
            ome_zarr(path / well / name, array, axes, version, scale)
    return path


def collection(path: Path, images: Mapping[str, NDArray[Any]], axes: str = "YX") -> Path:
    """Write several images into one folder, as bioformats2raw does."""
    _group(path, "0.5", {"bioformats2raw.layout": 3})
    _group(path / "OME", "0.5", {"series": list(images)})
    for name, array in images.items():
        ome_zarr(path / name, array, axes)
    return path
