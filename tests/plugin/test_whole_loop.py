"""The whole loop, by a simulated user who then opens the project again.

With mouse and keys only: nothing of the plugin is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtWidgets import QLabel
from skimage.io import imread

from doc_scripts import DOCS, ROOT, pictures, script
from napari_spatial_embeddings.files import read_image
from plugin import plate_loop, track_loop
from plugin import whole_loop as loop
from plugin.robot import Person


def advance(stages: Iterator[str], until: str | None = None) -> list[str]:
    """Go on to a stage, to the end if none is named; return the stages that were passed."""
    passed = []
    for stage in stages:
        passed.append(stage)
        if stage == until:
            return passed
    assert until is None, f"there is no stage '{until}'"
    return passed


def assert_pictures(stages: list[str], folder: Path) -> None:
    """Assert that every stage has a picture, and that the documentation shows no other."""
    names = {f"plugin-{stage}.png" for stage in stages}
    for name in names:
        picture = imread(folder / name)
        assert picture.shape[0] >= 760, name
        assert picture.shape[1] >= 1240, name
        assert np.ptp(picture[..., :3].astype(int), axis=(0, 1)).min() > 100, f"{name} is empty"
    others = {f"plugin-{stage}.png" for stage in (*track_loop.STAGES, *plate_loop.STAGES)}
    for page in (*DOCS.glob("*.md"), ROOT / "README.md"):
        assert pictures(page) <= names | others, page.name


def found(labels: NDArray[np.int32], truth: NDArray[np.int32]) -> float:
    """Return the share of the objects of which more than half is one object's."""
    hits = 0
    for label in np.unique(truth[truth > 0]):
        own = truth == label
        counts = np.bincount(labels[own])
        counts[:1] = 0
        best = int(counts.argmax()) if len(counts) else 0
        hits += best > 0 and counts[best] > 0.5 * (own | (labels == best)).sum()
    return hits / len(np.unique(truth[truth > 0]))


@pytest.mark.parametrize(
    "minutes", [pytest.param(0.1, id="short"), pytest.param(1.0, id="long", marks=pytest.mark.slow)]
)
def test_whole_loop(
    new_viewer: Callable[..., Viewer], home: Path, tmp_path: Path, minutes: float
) -> None:
    viewer = new_viewer(show=True)
    person, scene = Person(viewer), loop.generated()
    # As the script of the documentation's pictures goes through it.
    stages = script("make_screenshots").photograph(person, tmp_path, minutes)

    passed = advance(stages, "predict")
    assert found(person.layer("instances").data, scene.labels) > 0.7
    passed += advance(stages, "annotate")
    drawn = np.array(person.layer("annotations").data)
    assert drawn.dtype == np.int32
    assert len(np.unique(drawn)) == 1 + len(scene.drawn) == 11

    passed += advance(stages, "train")
    assert person.says("10 annotated objects in 1 image")
    passed += advance(stages, "correct")
    assert found(person.layer("instances").data, scene.labels) > 0.7

    assert person.says("2 locked")
    passed += advance(stages)
    assert_pictures(passed, tmp_path)

    person.open("Predict and tune", "Correct")
    person.pick("Use as annotation", "The locked objects")
    # "2 objects (a gap closed in 1 of them) added", if the two that were merged lay apart.
    person.wait(lambda: person.says("added to the annotations"))
    assert person.says("2 objects")
    drawn = np.array(person.layer("annotations").data)
    # The border of what was split is background, unless it was annotated before.
    assert len(np.unique(drawn)) == 13 + person.says("and as background")

    # The next training goes on from the first, and what was corrected stays.
    advance(loop.train(person, minutes, model=None))
    person.open("Train")
    tips = [label.toolTip() for label in person.dock.findChildren(QLabel)]
    assert any("12 annotated objects in 1 image" in tip for tip in tips)
    person.wait(lambda: person.layer("instances").data.max() > 0)
    person.open("Predict and tune", "Correct")
    person.wait(lambda: person.says("2 locked"))

    advance(loop.export(person))
    person.rest()
    assert person.sees("Copy command")
    (project,) = (home / "spatial-embeddings").iterdir()
    written = read_image(next((project / "results").glob("*.tif"))).data[0]
    assert np.array_equal(written, person.layer("instances").data)
    assert len(next((project / "results").glob("*.csv")).read_text().splitlines()) == 1 + len(
        np.unique(written[written > 0])
    )

    person.rest(2000)  # a pause: it is saved
    viewer.close()
    again = Person(new_viewer(show=True))
    again.open_project(project)
    again.wait(lambda: again.has("annotations"))
    assert np.array_equal(again.layer("annotations").data, drawn)
    again.open("Predict and tune")
    again.press("This image", loop.TIMEOUT_SECONDS)
    again.wait(lambda: again.has("instances") and again.layer("instances").data.max() > 0, 60)
    again.open("Predict and tune", "Correct")
    again.wait(lambda: again.says("2 locked"))
