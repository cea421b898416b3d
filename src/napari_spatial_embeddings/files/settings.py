"""Reader of the settings in a label image's metadata, which `export.labels` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import reading
from .maps import KEY


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
