"""The script of the documentation's pictures goes through the whole loop, and every picture is one.

The training is as short as can be: that the window works is the point.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.viewer import Viewer
from skimage.io import imread

from widgets.person import Person

DOCS = Path(__file__).parents[2] / "docs"


def script() -> Any:
    spec = importlib.util.spec_from_file_location("screenshots", DOCS / "make_screenshots.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pictures(page: Path) -> set[str]:
    return set(re.findall(r"images/(plugin-\w+\.png)", page.read_text("utf-8")))


def test_every_picture_can_be_made(new_viewer: Callable[..., Viewer], tmp_path: Path) -> None:
    viewer = new_viewer(show=True)
    made = [f"plugin-{stage}.png" for stage in script().photograph(Person(viewer), tmp_path, 0.2)]
    for name in made:
        picture = imread(tmp_path / name)
        assert picture.shape[0] >= 760, name
        assert picture.shape[1] >= 1240, name
        assert np.ptp(picture[..., :3].astype(int), axis=(0, 1)).min() > 100, f"{name} is empty"
    for page in (*DOCS.glob("*.md"), DOCS.parent / "README.md"):
        assert pictures(page) <= set(made), page.name


@pytest.mark.parametrize("page", ["first-steps.md", "index.md"])
def test_pages_show_pictures(page: str) -> None:
    shown = pictures(DOCS / page)
    assert shown
    assert all((DOCS / "images" / name).is_file() for name in shown)
