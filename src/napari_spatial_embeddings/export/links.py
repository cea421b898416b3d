"""Corrections of links as a file, which the window and the command line share."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from napari_spatial_embeddings.config import first_error
from napari_spatial_embeddings.files.errors import FileError, reading, writing
from napari_spatial_embeddings.system.atomic import write_atomically
from napari_spatial_embeddings.tracking.corrections import LinkCorrections

LINKS = ".links.json"
"""Ending of the file, behind the name of the labels."""


def write_links(path: str | Path, corrections: LinkCorrections) -> Path:
    """Write corrections of links as JSON, whole or not at all.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    path = Path(path)
    with writing(path):
        write_atomically(path, corrections.model_dump_json(indent=1).encode())
    return path


def read_links(path: str | Path) -> LinkCorrections:
    """Read what `write_links` wrote.

    Raises
    ------
    FileError
        If the file is missing, or holds something else.
    """
    path = Path(path)
    with reading(path):
        text = path.read_bytes()
    try:
        return LinkCorrections.model_validate_json(text)
    except ValidationError as error:
        raise FileError(
            f"{path} holds no corrections of links: {first_error(error)}; expected a file NAME"
            f"{LINKS} that the window saved"
        ) from error
