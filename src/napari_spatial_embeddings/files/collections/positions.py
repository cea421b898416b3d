"""List of the images that a file or a folder of Zarr holds."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from napari_spatial_embeddings.files.endings import JPEG, PNG, TIFF
from napari_spatial_embeddings.files.errors import FileError
from napari_spatial_embeddings.files.folders import stem
from napari_spatial_embeddings.files.ome_zarr import is_array, is_zarr, ome, open_zarr, series_names

from .plates import fields_of_plate, fields_of_well
from .position import Position


def positions(path: str | Path) -> list[Position]:
    """List the images of a file or folder.

    These are the fields of an OME-Zarr plate or well, the images of a collection of OME-Zarr
    (``0``, ``1``, ...), those of an OME-TIFF, and the scenes of a microscope's file. Anything else
    is one image, and so is what cannot be opened: whoever reads it learns what is wrong. A field or
    an image of a collection alone has the name that it has among the others.

    Parameters
    ----------
    path : path
    """
    path = Path(path)
    try:
        found = _in_zarr(path) if is_zarr(path) else _in_file(path)
    except FileError as error:
        return [Position(path, stem(path), problem=str(error))]
    return found or [_inside(path) or Position(path, stem(path))]


def _inside(path: Path) -> Position | None:
    """Return a field of a plate, or an image of a collection, as it is called among the others."""
    around = path.absolute().parent
    if not (is_zarr(path) and is_zarr(around)):
        return None
    with suppress(FileError):
        group = open_zarr(around)
        if not is_array(group) and "well" in ome(group):
            fields = fields_of_well(around, around.parents[1])
            known = next((one for one in fields if one.path.name == path.name), None)
            return None if known is None else replace(known, path=path)
        if not is_array(group) and path.name in series_names(group):
            return Position(path, f"{stem(around)}_{path.name}")
    return None


def _in_zarr(path: Path) -> list[Position]:
    group = open_zarr(path)
    facts = {} if is_array(group) else ome(group)
    if "plate" in facts:
        return list(fields_of_plate(path, facts))
    if "well" in facts:
        return list(fields_of_well(path, path.absolute().parents[1]))
    names = [] if is_array(group) else series_names(group)
    if len(names) < 2:
        return []
    return [
        Position(
            path / name,
            f"{stem(path)}_{name}",
            problem="" if is_zarr(path / name) else f"{path / name} is missing: {path} lists it",
        )
        for name in names
    ]


def _in_file(path: Path) -> list[Position]:
    if not path.is_file() or path.suffix.lower() in (*PNG, *JPEG):
        return []
    if path.suffix.lower() in TIFF:
        from napari_spatial_embeddings.files.ome_set import images_in

        count = images_in(path)
    else:
        from .microscopes import is_of_microscope, scenes_in

        count = scenes_in(path) if is_of_microscope(path) else 1
    return [Position(path, f"{stem(path)}_{k}", k) for k in range(count)] if count > 1 else []
