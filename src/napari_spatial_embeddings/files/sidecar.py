"""Sidecar files: JSON beside an image, or beside its folder, that gives its pixel size."""

from __future__ import annotations

import json
from pathlib import Path

from napari_spatial_embeddings.core.units import Size

from .errors import log
from .folders import without_endings
from .pixel_size import sizes_in


def read_sidecar(path: Path) -> dict[str, Size]:
    """Read the pixel size from the JSON file beside an image, or beside its folder.

    Parameters
    ----------
    path : path
        Of the image.

    Returns
    -------
    mapping from Z, Y, X to (length, unit)
        Empty if there is no such file, or nothing in it is understood.
    """
    for folder in path.absolute().parents[:2]:
        beside = folder / f"{without_endings(path)}.json"
        if beside.is_file() and (sizes := _read(beside)):
            return sizes
    return {}


def _read(path: Path) -> dict[str, Size]:
    try:
        facts = json.loads(path.read_bytes())  # in UTF-8, 16 or 32, with a byte order mark or not
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).partition(":")[0]
        log.warning("%s cannot be read as JSON (%s); its pixel size is not used", path, reason)
        return {}
    return sizes_in(facts, str(path)) if isinstance(facts, dict) else {}
