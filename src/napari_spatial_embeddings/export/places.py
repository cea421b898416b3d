"""Places of results, and whether what is there already may be replaced."""

from __future__ import annotations

from pathlib import Path

from napari_spatial_embeddings import __version__
from napari_spatial_embeddings.files.endings import TIFF
from napari_spatial_embeddings.files.errors import FileError, reading
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.files.ome_zarr import is_zarr

SOFTWARE = f"{KEY} {__version__}"
"""The tag of a TIFF that names the program which wrote it."""

SETTINGS = '"seed_threshold"'
"""In the settings of label images by which those without the tag are known."""

ENDS = 2**17
"""Bytes at the start and at the end of other files in which the program is named."""


def check_place(path: Path) -> None:
    """Refuse to write where there is a file or a folder of Zarr that is not ours.

    Raises
    ------
    FileError
    """
    if path.exists() and not is_ours(path):
        raise FileError(
            f"{path} is there already, and was not written by this program; choose another name"
            " or folder"
        )


def check_folder(folder: Path) -> None:
    """Refuse a folder for results that is a folder of Zarr, or lies in one.

    Raises
    ------
    FileError
    """
    if (store := _store_around(folder)) is not None:
        raise FileError(
            f"{folder} lies in the Zarr {store}, which holds nothing but its arrays; choose a"
            " folder outside of it"
        )


def results_beside(image: Path) -> Path:
    """Return the folder for results of an image's file: beside it, or beside the Zarr it is in."""
    return (_store_around(image) or image).parent / "results"


def _store_around(path: Path) -> Path | None:
    """Return the outermost folder of Zarr that a path is, or lies in."""
    path = path.absolute()
    return next((one for one in reversed([path, *path.parents]) if is_zarr(one)), None)


def is_ours(path: Path) -> bool:
    """Whether this program wrote a file or a folder of Zarr."""
    if path.is_file():
        return _is_our_tiff(path) if path.suffix.lower() in TIFF else _is_our_file(path)
    metadata = [path / "zarr.json", path / ".zattrs"]
    return any(f'"{KEY}"' in file.read_text("utf-8") for file in metadata if file.is_file())


def _is_our_file(path: Path) -> bool:
    """Whether a file names this program in its first or last bytes, or is a table of objects."""
    with reading(path), path.open("rb") as file:
        first = file.read(ENDS)
        file.seek(max(0, path.stat().st_size - ENDS))
        last = file.read(ENDS)
    if path.suffix.lower() == ".csv":
        columns = first.partition(b"\n")[0].split(b",")
        return b"label" in columns and b"size_px" in columns
    return KEY.encode() in first + last


def _is_our_tiff(path: Path) -> bool:
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            notes = f"{page.description} {(file.imagej_metadata or {}).get('Info')}"
            return KEY in f"{page.software} {notes}" or SETTINGS in notes
    except Exception:  # noqa: BLE001 - whatever it is, it is no label image of ours
        return False
