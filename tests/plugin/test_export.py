"""The buttons that export."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication

from command_line import contents
from formats_here import HERE
from napari_spatial_embeddings.files import read_labels
from napari_spatial_embeddings.plugin.sections.export import DEFAULT_FORMATS, ExportSection
from plugin.window_scenes import WindowScene, open_scene


@pytest.fixture
def scene(viewer: Viewer, qtbot: QtBot) -> WindowScene:
    return open_scene(viewer, qtbot)


@pytest.fixture
def section(scene: WindowScene) -> ExportSection:
    return scene.section(ExportSection)


def choose(section: ExportSection, folder: Path, *formats: str) -> None:
    section.choice.line.setText(str(folder))
    for key, box in section.choice.boxes.items():
        box.setChecked(key in formats)


def done(scene: WindowScene) -> str:
    """Wait for the sentence that ends an export."""
    scene.until(lambda: not scene.dock.export.busy)
    return scene.dock.message


def test_buttons_export(scene: WindowScene, section: ExportSection, tmp_path: Path) -> None:
    choose(section, tmp_path, "labels")
    section.this.click()
    assert not section.this.isEnabled()
    assert done(scene) == f"Wrote 1 file of 1 image to {tmp_path}"
    assert section.this.isEnabled()
    np.testing.assert_array_equal(read_labels(tmp_path / "cells.tif"), scene.layer.data)
    section.all.click()
    assert section.all.text() == "Stop"
    done(scene)
    assert section.all.text() == "Export all"
    choose(section, tmp_path, *HERE)
    section.all.click()
    section.all.click()
    assert "Stopped" in scene.dock.message
    assert section.this.isEnabled()


def test_the_default_folder_is_shown_and_used(
    scene: WindowScene, section: ExportSection, home: Path
) -> None:
    assert section.choice.line.placeholderText() == str(home / "spatial-embeddings" / "results")
    project = scene.dock.project.ensure()
    assert section.choice.line.placeholderText() == str(project.folder / "results")
    choose(section, Path(), "labels")
    section.choice.line.clear()
    section.this.click()
    done(scene)
    assert {*contents(project.folder / "results")} == {"cells.tif"}


def test_impossible_exports_are_disabled_with_a_reason(
    scene: WindowScene, section: ExportSection
) -> None:
    assert set(section.choice.formats) == set(DEFAULT_FORMATS)
    assert section.this.isEnabled()
    choose(section, Path())
    for button in (section.this, section.all):
        assert not button.isEnabled()
        assert "Tick" in button.toolTip()
    choose(section, Path(), "labels")
    scene.dock.session.set_model(None, None)
    assert not section.copy.isEnabled()
    assert "model" in section.copy.toolTip()
    scene.dock.session.set_result(scene.key, None)
    for button in (section.this, section.all):
        assert not button.isEnabled()
        assert "Predict" in button.toolTip()


def test_the_command_is_copied(scene: WindowScene, section: ExportSection, tmp_path: Path) -> None:
    choose(section, tmp_path, "labels")
    scene.dock.session.set_model(tmp_path / "a model", None)
    section.copy.click()
    scene.until(lambda: "is copied" in scene.dock.message)
    assert str(tmp_path / "a model") in QApplication.clipboard().text()


def test_settings_of_outlines_reach_the_files(
    scene: WindowScene, section: ExportSection, tmp_path: Path
) -> None:
    choose(section, tmp_path, "labels")
    assert not section.overlaps.isEnabled()
    assert not section.kind.isEnabled()
    assert "Tick QuPath first." in section.kind.toolTip()
    choose(section, tmp_path, "geojson", "coco")
    assert section.overlaps.isEnabled()
    assert section.kind.isEnabled()
    section.overlaps.setChecked(True)
    section.kind.setCurrentText("As annotations")
    section.this.click()
    assert done(scene) == f"Wrote 2 files of 1 image to {tmp_path}"
    features = json.loads((tmp_path / "cells.geojson").read_text())["features"]
    assert {one["properties"]["objectType"] for one in features} == {"annotation"}
    assert len(features) == len(np.unique(scene.layer.data)) - 1
    assert not section.ids.isEnabled()
    assert "Tick a picture first." in section.bar.toolTip()
    choose(section, tmp_path, "svg")
    section.ids.setChecked(True)
    section.bar.setChecked(False)
    section.this.click()
    assert done(scene) == f"Wrote 1 file of 1 image to {tmp_path}"
    svg = (tmp_path / "cells.overlay.svg").read_text()
    assert 'id="ids"' in svg
    assert 'id="scale-bar"' not in svg
