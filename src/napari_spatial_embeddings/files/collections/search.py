"""Search for the images of files, folders and plates, of which no pixels are read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_spatial_embeddings.core.text import plural, sentence
from napari_spatial_embeddings.files.endings import IMAGES
from napari_spatial_embeddings.files.errors import FileError
from napari_spatial_embeddings.files.folders import find_images, images_in_folder
from napari_spatial_embeddings.files.ome_zarr import is_zarr

from .position import Position
from .positions import positions

REPORT_SECONDS = 0.7
"""Seconds between two reports."""

CARD = "project.json"
"""What a project's folder holds."""

SHOWN = 3
"""Names of files that a sentence gives."""


@dataclass(frozen=True, slots=True)
class FoundImages:
    """Progress of `find`.

    Parameters
    ----------
    count : int
        Images that were found so far.
    images : list of Position, optional
        All of them, in the last report.
    """

    count: int
    images: list[Position] | None = None


def find(paths: Sequence[Path], pattern: str = "*") -> Iterator[FoundImages]:
    """Find the images of files, folders, plates and files with several images.

    Raises
    ------
    FileError
        If there is none, or a file is none.
    """
    for path in paths:
        _check(path)
    yield FoundImages(0)
    found: list[Position] = []
    said = time.monotonic()
    for path in find_images(paths, pattern):
        found += positions(path)
        if time.monotonic() - said > REPORT_SECONDS:
            said = time.monotonic()
            yield FoundImages(len(found))
    yield FoundImages(len(found), found)


def _check(path: Path) -> None:
    """Refuse what is no image: a user may drop anything."""
    if (path / CARD).exists() or path.name == CARD:
        raise FileError(f"{path} is a project; press Open beside Project")
    if path.is_file() and path.suffix.lower() not in IMAGES:
        from .microscopes import is_of_microscope

        if not is_of_microscope(path):
            raise FileError(
                f"{path.name} is no image; expected TIFF, PNG, JPEG, OME-Zarr or a microscope's"
                " file, or a folder of these"
            )


def needs_pattern(path: Path) -> bool:
    """Return whether a path is a folder in which some files may be meant."""
    return path.is_dir() and not is_zarr(path) and not (path / CARD).exists()


def look(folder: Path, pattern: str) -> tuple[int, str]:
    """Return how many files of a folder have names of a pattern, and a sentence about them."""
    try:
        names = [path.name for path in images_in_folder(folder, pattern)]
    except FileError as error:
        return 0, sentence(str(error))
    more = ", …" if len(names) > SHOWN else ""
    return len(names), f"{plural(len(names), 'file')}: {', '.join(names[:SHOWN])}{more}"
