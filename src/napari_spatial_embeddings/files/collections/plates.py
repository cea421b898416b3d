"""Wells and fields of OME-Zarr plates (HCS), each field an image of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from napari_spatial_embeddings.files.errors import FileError, reading
from napari_spatial_embeddings.files.folders import stem
from napari_spatial_embeddings.files.ome_zarr import is_zarr, ome, open_group

from .position import Position


def fields_of_plate(path: Path, facts: Mapping[str, Any]) -> Iterator[Position]:
    """Yield the fields of all wells that a plate lists; those that are not there, too.

    Parameters
    ----------
    path : path
    facts : mapping
        The plate's OME metadata.

    Raises
    ------
    FileError
        If it lists no wells.
    """
    wells = facts["plate"].get("wells") if isinstance(facts["plate"], dict) else None
    if not isinstance(wells, list) or not wells:
        raise FileError(f"{path} is a plate that lists no wells; open one of its fields")
    for well in wells:
        where = str(well.get("path", "")) if isinstance(well, dict) else str(well)
        yield from fields_of_well(path / where, path)


def fields_of_well(path: Path, plate: Path) -> Iterator[Position]:
    """Yield the fields that a well lists; a well that cannot be read is one with a problem.

    Parameters
    ----------
    path, plate : path
        The well's folder, and its plate's.
    """
    well = "".join(path.absolute().relative_to(plate.absolute()).parts)
    name = f"{stem(plate.resolve())}_{well}"
    try:
        if not is_zarr(path):
            raise FileError(f"{path} is missing: the plate lists the well {well}")
        with reading(path):
            listed = [str(one["path"]) for one in ome(open_group(path))["well"]["images"]]
    except FileError as error:
        yield Position(path, name, well=well, problem=str(error))
        return
    for field in listed:
        problem = ""
        if not is_zarr(path / field):
            problem = f"{path / field} is missing: the well {well} lists the field {field}"
        yield Position(path / field, f"{name}_{field}", well=well, problem=problem)
