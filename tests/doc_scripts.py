"""The documentation's folder, and the scripts in it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def script(name: str) -> ModuleType:
    """Load a script of the documentation, which is no package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pictures(page: Path) -> set[str]:
    """Return the names of the plugin's pictures on a page."""
    return set(re.findall(r"images/(plugin-\w+\.png)", page.read_text("utf-8")))
