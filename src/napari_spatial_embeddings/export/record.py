"""Record of how exported objects were made, which is the same in files of every format."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatial_embeddings import __version__
from napari_spatial_embeddings.files.errors import reading, writing
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.system.atomic import write_atomically
from napari_spatial_embeddings.system.file_hash import file_hash

from .places import SOFTWARE, check_place

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngInfo

    from napari_spatial_embeddings.core.image_data import PixelArray

PACKAGES = ("numpy", "numba", "torch")
"""Those whose versions are recorded, beside Python's."""

ENDING = ".json"
"""Of the file beside a table, after its whole name: `NAME.csv.json`."""


def record(
    about: Mapping[str, Any],
    source: Path | None = None,
    image: PixelArray | None = None,
    name: str | None = None,
) -> dict[str, Any]:
    """Return how objects were made, as each file of an export keeps it.

    Parameters
    ----------
    about : mapping
        What is known of the objects, as JSON takes it: the settings, and of the model what
        `inference.registry.made_by` returns. It may be the record of a label image; its date and
        versions are replaced, and its input is if there is an image.
    source : path, optional
        The image's file.
    image : (C, *S), optional
        Its pixels; looked at if it has no file, and they are in memory.
    name : str, optional
        Of an image without a file.

    Returns
    -------
    dict
        ``about``, with ``version``, of this program; ``versions``; ``date``, in UTC; and ``input``:
        ``name``, and ``sha256`` of the file, or ``pixels_sha256`` of the values in C order.

    Raises
    ------
    FileError
        If the image's file cannot be read.
    """
    made = dict(about)
    if source is not None:
        made["input"] = {"name": source.name}
        if source.is_file():
            made["input"]["sha256"] = hash_of(source)
    elif isinstance(image, np.ndarray):
        pixels = np.ascontiguousarray(image).data
        made["input"] = {"name": name, "pixels_sha256": hashlib.sha256(pixels).hexdigest()}
    made["version"], made["versions"] = __version__, dict(_versions())
    made["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    return made


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as ``sha256sum`` prints it.

    Raises
    ------
    FileError
        If it cannot be read.
    """
    with reading(path):
        return file_hash(path)


@lru_cache(1)
def _versions() -> tuple[tuple[str, str], ...]:
    found = [("python", ".".join(map(str, sys.version_info[:3])))]
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def png_notes(made: Mapping[str, Any]) -> PngInfo:
    """Return a record as texts of a PNG: ``Description`` is JSON, ``Software`` the program."""
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_text("Software", SOFTWARE)
    notes.add_itxt("Description", json.dumps(made))
    return notes


def record_beside(table: Path) -> Path:
    """Return the file of a table's record: a line of the table itself would break its readers."""
    return table.with_name(table.name + ENDING)


def write_record(table: Path, made: Mapping[str, Any]) -> Path:
    """Write the record of a table beside it, as JSON, whole or not at all.

    Raises
    ------
    FileError, Failure
        If a file of another origin is there, or it cannot be written.
    """
    path = record_beside(table)
    check_place(path)
    with writing(path):
        write_atomically(path, (json.dumps({KEY: made}, indent=1) + "\n").encode())
    return path
