"""JSON files of annotations, and which kind each is."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from napari_spatial_embeddings.files.errors import FileError

MAX_BYTES = 2**31
"""Bytes above which a file is not read: all of it has to be in memory, several times."""


def read_json(path: Path) -> Any:
    """Return what a JSON file holds, which may be packed by gzip.

    Raises
    ------
    FileError
        If it is no JSON.
    """
    if path.stat().st_size > MAX_BYTES:
        raise FileError(f"{path} is larger than {MAX_BYTES >> 30} GB; divide it into several files")
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        with gzip.open(path) as file:
            content = file.read(MAX_BYTES)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        reason = str(error).partition(":")[0]
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise FileError(
            f"{path}{line} is no JSON ({reason}): it is truncated, or something else; export it"
            " again"
        ) from error


def is_coco(facts: Any) -> bool:
    """Whether what a JSON file holds is COCO: images with annotations."""
    return isinstance(facts, dict) and isinstance(facts.get("annotations"), list)


def is_geojson(facts: Any) -> bool:
    """Whether what a JSON file holds may be GeoJSON."""
    one = facts[0] if isinstance(facts, list) and facts else facts
    return isinstance(one, dict) and isinstance(one.get("type"), str)
