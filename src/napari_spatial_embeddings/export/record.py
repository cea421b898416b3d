"""Record of how exported objects were made, which is the same in files of every format."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatial_embeddings import __version__
from napari_spatial_embeddings.core.image_data import MAX_PIXELS
from napari_spatial_embeddings.files.errors import reading, writing
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.system.atomic import write_atomically
from napari_spatial_embeddings.system.file_hash import file_hash

from .places import SOFTWARE, check_place, store_around

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
    between: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Return how objects were made, as each file with objects keeps it.

    Parameters
    ----------
    about : mapping
        What is known of the objects, as JSON takes it: the settings, and of the model what
        `inference.registry.made_by` returns. It may be the record of a label image; its date and
        versions are replaced, and its input is if there is an image.
    source : path, optional
        The image's file or store; other folders count as none.
    image : (C, *S), optional
        Its pixels; looked at if it has no file, and they are in memory or would fit.
    name : str, optional
        Of an image without a file.
    between : callable
        Called after each piece of the file that is read; what it raises ends this.

    Returns
    -------
    dict
        ``about``, with ``version``, of this program; ``versions``; ``date``, in UTC; and ``input``:
        ``name``, of an image in a store with those of the folders in there, and ``sha256`` of the
        file, or ``pixels_sha256`` of the values in C order.

    Raises
    ------
    FileError
        If the image's file cannot be read.
    """
    made = dict(about)
    if source is not None and source.is_dir() and store_around(source) is None:
        source = None
    if source is not None or image is not None:
        made["input"] = {"name": name if source is None else _name_of(source)}
    if source is not None and source.is_file():
        made["input"]["sha256"] = hash_of(source, between)
    elif image is not None and _is_small(image):
        pixels = np.ascontiguousarray(image).data
        made["input"]["pixels_sha256"] = hashlib.sha256(pixels).hexdigest()
    made["version"], made["versions"] = __version__, dict(_versions())
    made["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    return made


def common(records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one record of several: lists of the values where they differ, but for the inputs.

    Parameters
    ----------
    records : iterable of mappings
        The number of corrected objects, ``corrected``, is added up.
    """
    every = [*records]
    found: dict[str, Any] = {}
    for name in dict.fromkeys(name for one in every for name in one):
        values = [one.get(name) for one in every]
        different = [value for k, value in enumerate(values) if value not in values[:k]]
        if name == "corrected":
            found[name] = sum(value or 0 for value in values)
        elif len(different) == 1:
            found[name] = different[0]
        elif name != "input":
            found[name] = different
    return found


def _name_of(source: Path) -> str:
    """Return the name of a file or store, of one in a store with those of the folders in there."""
    around = store_around(source)
    if around is None:
        return source.name
    return source.absolute().relative_to(around.parent).as_posix()


def _is_small(image: PixelArray) -> bool:
    """Whether all values of an image are in memory, or would fit."""
    return isinstance(image, np.ndarray) or math.prod(image.shape[1:]) <= MAX_PIXELS


def hash_of(path: Path, between: Callable[[], object] = lambda: None) -> str:
    """Return the SHA-256 of a file's bytes; see `system.file_hash`.

    Raises
    ------
    FileError
        If it cannot be read.
    """
    with reading(path):
        return file_hash(path, between)


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


def check_table(table: Path) -> None:
    """Refuse to write a table where it, or its record, would replace a file that is not ours.

    Raises
    ------
    FileError
    """
    check_place(table)
    check_place(record_beside(table))


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
