"""Compiled loops of which nothing is kept yet, as in a fresh installation."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

SOURCE = """
from napari_spatial_embeddings.core.compiled import compiled

@compiled()
def twice(value):
    return 2 * value
"""


def loops(folder: Path, package: str = "napari_spatial_embeddings") -> ModuleType:
    """Import a module with a compiled function ``twice``, as a new process would."""
    file = folder / "loops.py"
    if not file.exists():  # what is kept is that of a file as old
        file.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location(f"{package}.loops", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
