"""Settings in a label image's metadata, which `export.labels` writes, and files that are ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .endings import TIFF
from .errors import reading
from .maps import KEY

SETTINGS = '"seed_threshold"'
"""In the settings of label images by which those without the tag are known."""

ENDS = 2**17
"""Bytes at the start and at the end of other files in which the program is named."""

PIECE = 2**24
"""Bytes that are read at once of a file that names it anywhere."""


def read_settings(path: str | Path) -> dict[str, Any]:
    """Return the settings that `export.write_labels` was given; empty if there are none.

    Raises
    ------
    FileError
        If the file is missing or damaged, or of another kind than TIFF.
    """
    from xml.etree import ElementTree as ET

    import tifffile

    path = Path(path)
    with reading(path), tifffile.TiffFile(path) as file:
        if file.ome_metadata:
            at = f".//{{*}}MapAnnotation[@Namespace='{KEY}']//{{*}}M[@K='settings']"
            found = ET.fromstring(file.ome_metadata).find(at)
            facts = _parsed(None if found is None else found.text)
        elif file.imagej_metadata is not None:
            facts = _parsed(file.imagej_metadata.get("Info"))
        else:
            facts = (file.shaped_metadata or ({},))[0].get("settings")
    return facts if isinstance(facts, dict) else {}


def _parsed(text: str | None) -> Any:
    """Parse text that may come from another program; None if it is not JSON."""
    try:
        return json.loads(text or "")
    except json.JSONDecodeError:
        return None


def is_ours(path: Path) -> bool:
    """Whether this program wrote a file or a folder of Zarr."""
    if path.is_file():
        return _is_our_tiff(path) if path.suffix.lower() in TIFF else _is_our_file(path)
    metadata = [path / "zarr.json", path / ".zattrs"]
    return any(f'"{KEY}"' in file.read_text("utf-8") for file in metadata if file.is_file())


def _is_our_file(path: Path) -> bool:
    """Whether a file names this program in its first or last bytes, or is a table of ours."""
    with reading(path), path.open("rb") as file:
        first = file.read(ENDS)
        file.seek(max(0, path.stat().st_size - ENDS))
        last = file.read(ENDS)
    if path.suffix.lower() == ".h5ad":  # which has its texts anywhere
        return _names_us(path)
    if path.suffix.lower() == ".csv":
        columns = first.partition(b"\n")[0].split(b",")
        return b"label" in columns and (b"size_px" in columns or b"shape-type" in columns)
    return KEY.encode() in first + last


def _names_us(path: Path) -> bool:
    """Whether this program is named anywhere in a file."""
    with reading(path), path.open("rb") as file:
        before = b""
        while piece := file.read(PIECE):
            if KEY.encode() in before + piece:
                return True
            before = piece[-len(KEY) :]
    return False


def _is_our_tiff(path: Path) -> bool:
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            notes = f"{page.description} {(file.imagej_metadata or {}).get('Info')}"
            return KEY in f"{page.software} {notes}" or SETTINGS in notes
    except Exception:  # noqa: BLE001 - whatever it is, it is no label image of ours
        return False
