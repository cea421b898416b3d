"""Places of results, and whether what is there already may be replaced."""

from __future__ import annotations

from pathlib import Path

from napari_spatial_embeddings import __version__
from napari_spatial_embeddings.files.errors import FileError
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.files.ome_zarr import is_zarr
from napari_spatial_embeddings.files.settings import is_ours

SOFTWARE = f"{KEY} {__version__}"
"""The tag of a TIFF that names the program which wrote it."""


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
    if (store := store_around(folder)) is not None:
        raise FileError(
            f"{folder} lies in the Zarr {store}, which holds nothing but its arrays; choose a"
            " folder outside of it"
        )


def results_beside(image: Path) -> Path:
    """Return the folder for results of an image's file: beside it, or beside the Zarr it is in."""
    return (store_around(image) or image).parent / "results"


def store_around(path: Path) -> Path | None:
    """Return the outermost folder of Zarr that a path is, or lies in."""
    path = path.absolute()
    return next((one for one in reversed([path, *path.parents]) if is_zarr(one)), None)
