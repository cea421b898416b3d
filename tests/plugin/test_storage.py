"""Saving: at every pause, found again after a crash, never lost."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Shapes
from napari.viewer import Viewer

from interruptions import no_room
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.samples import nuclei
from plugin.project_files import answer, draw, painted, project_of, stored, two_fields
from plugin.robot_actions import add_image, open_dock, press

Until = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a project of two images, which are files beside it."""
    return two_fields(tmp_path)


# --------------------------------------------------------------------------------- saving


def test_a_pause_saves(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, home: Path, until: Until
) -> None:
    add_image(viewer, nuclei(size=96))
    layer = draw(viewer, dock, 10, 10)
    assert not list(home.iterdir())
    until(lambda: dock.session.project is not None)
    until(lambda: list(home.rglob("annotations/*.tif")))
    dock.autosave.flush()
    assert np.array_equal(stored(dock).labels, layer.data)
    draw(viewer, dock, 40, 40)
    until(lambda: np.array_equal(stored(dock).labels, layer.data))
    assert len(np.unique(stored(dock).labels)) == 3


def test_everything_that_is_drawn_is_saved(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    add_image(viewer, nuclei(size=96))
    draw(viewer, dock, 10, 10)
    press(dock, "+ class")
    draw(viewer, dock, 40, 40)
    press(dock, "scribbles")
    press(dock, "Mark region")
    regions = viewer.layers.selection.active
    assert isinstance(regions, Shapes)
    regions.add_rectangles([[5, 5], [60, 70]])
    regions.add_ellipses([[5, 5], [60, 70]])
    regions.add_lines([[5, 5], [60, 70]])
    dock.session.tune(min_size=33)
    dock.autosave.save_now()
    found = stored(dock)
    assert found.scribbled
    assert found.classes == {1: "object", 2: "class 2"}
    assert [region.kind for region in found.regions] == ["rectangle", "ellipse"]
    assert np.allclose(found.regions[0].corners, regions.data[0])
    settings = Project.open(project_of(dock).folder).card.clustering
    assert settings is not None
    assert settings.min_size == 33


def test_closing_the_viewer_at_once_loses_nothing(
    new_viewer: Callable[..., Viewer], home: Path
) -> None:
    viewer = new_viewer()
    dock = open_dock(viewer)
    add_image(viewer, nuclei(size=96))
    drawn = draw(viewer, dock, 10, 10).data.copy()
    viewer.close()
    (card,) = home.rglob("project.json")
    project = Project.open(card)
    found = project.annotation("nuclei")
    assert found is not None
    assert np.array_equal(found.labels, drawn)


def test_a_renamed_class_is_renamed_everywhere(folder: Path, dock: SpatialEmbeddingsWidget) -> None:
    answer(dock, folder)
    press(dock, "Open")
    dock.annotation.rename_class("debris", "dirt")
    dock.autosave.save_now()
    assert Project.open(folder).card.classes == ("cell", "dirt")
    for at in (0, 1):
        assert set(stored(dock, at).classes.values()) == {"dirt"}


# ------------------------------------------------------------------------- opening again


def test_opening_a_folder_restores_everything(
    new_viewer: Callable[..., Viewer], tmp_path: Path
) -> None:
    # A session that ends without a word: nothing is closed before the folder is copied.
    viewer = new_viewer()
    dock = open_dock(viewer)
    layer = add_image(viewer, nuclei(size=96))
    drawn = draw(viewer, dock, 10, 10).data
    press(dock, "Background")
    draw(viewer, dock, 60, 60)
    press(dock, "Mark region")
    regions = viewer.layers.selection.active
    assert isinstance(regions, Shapes)
    regions.add_polygons([[5, 5], [60, 70], [30, 5]])
    dock.session.tune(seed_threshold=0.61)
    dock.autosave.save_now()
    shutil.copytree(project_of(dock).folder, tmp_path / "after the crash")

    again = new_viewer()
    second = open_dock(again)
    answer(second, tmp_path / "after the crash")
    press(second, "Open")
    names = [x.name for x in again.layers]
    assert names == ["nuclei", "nuclei · annotations", "nuclei · complete regions"]
    assert np.array_equal(again.layers[0].data, layer.data)
    assert np.allclose(again.layers[0].scale, layer.scale)
    assert np.array_equal(again.layers[1].data, drawn)
    assert np.allclose(again.layers[2].data[0], regions.data[0])
    assert second.session.clustering.seed_threshold == 0.61
    assert second.images.layer is again.layers[0]
    # And it goes on: the next object has the next id.
    draw(again, second, 30, 60)
    second.autosave.save_now()
    assert set(np.unique(stored(second).labels)) == {0, 1, 2, 3}


def test_a_dock_opened_again_goes_on(viewer: Viewer, until: Until) -> None:
    dock = open_dock(viewer)
    add_image(viewer, nuclei(size=96))
    draw(viewer, dock, 10, 10)
    viewer.window.remove_dock_widget(dock)
    again = open_dock(viewer)
    until(lambda: again.session.project is not None)
    draw(viewer, again, 50, 50)
    again.autosave.save_now()
    assert set(np.unique(stored(again).labels)) == {0, 1, 2}
    assert len(viewer.layers) == 2


# ------------------------------------------------------------------------- what goes wrong


@pytest.mark.skipif(sys.platform != "linux", reason="limits files as Linux does")
def test_a_full_disk_is_a_sentence_and_loses_nothing(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, tmp_path: Path
) -> None:
    sample = nuclei(size=256)
    add_image(viewer, sample)
    viewer.add_labels(sample.labels, name="theirs")
    with no_room():
        press(dock, "Use")
        dock.autosave.save_now()
        assert "Not saved: " in dock.message
        assert "cannot be written: File too large" in dock.message
        # Leaving now would lose annotations.
        answer(dock, tmp_path / "elsewhere")
        press(dock, "New")
        assert "not saved yet" in dock.message
    assert np.array_equal(painted(viewer).data, sample.labels)
    dock.autosave.save_now()
    assert "Everything is saved again." in dock.message
    assert np.array_equal(stored(dock).labels, sample.labels)


def test_no_place_to_write_is_a_sentence(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, home: Path, tmp_path: Path
) -> None:
    (home / "spatial-embeddings").write_text("a file where the folder should be")
    add_image(viewer, nuclei(size=96))
    layer = draw(viewer, dock, 10, 10)
    dock.autosave.save_now()
    assert "cannot be written" in dock.message
    assert layer.data.any()
    answer(dock, tmp_path / "elsewhere")
    press(dock, "New")
    dock.autosave.save_now()
    assert np.array_equal(stored(dock).labels, layer.data)


@pytest.mark.parametrize("what", ["nothing", "no project", "damaged"])
def test_what_is_no_project_is_refused(
    what: str, tmp_path: Path, viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    add_image(viewer, nuclei(size=96))
    draw(viewer, dock, 10, 10)
    there = tmp_path / "there"
    if what != "nothing":
        there.mkdir()
    if what == "damaged":
        (there / "project.json").write_text("{")
    answer(dock, there)
    press(dock, "Open")
    assert str(there) in dock.message
    assert len(viewer.layers) == 2, "what was open stays open"


def test_two_windows_do_not_write_one_project(
    folder: Path, new_viewer: Callable[..., Viewer]
) -> None:
    first, second = open_dock(new_viewer()), open_dock(new_viewer())
    for dock in (first, second):
        answer(dock, folder)
        press(dock, "Open")
    assert "is open in another window" in second.message
    assert second.session.project is None
    first.viewer.window.remove_dock_widget(first)
    press(second, "Open")
    assert project_of(second).folder == folder


def test_two_viewers_each_have_their_own_project(new_viewer: Callable[..., Viewer]) -> None:
    docks = []
    for corner in (10, 50):
        viewer = new_viewer()
        dock = open_dock(viewer)
        add_image(viewer, nuclei(size=96))
        draw(viewer, dock, corner, corner)
        dock.autosave.save_now()
        docks.append(dock)
    one, other = docks
    assert project_of(one).folder != project_of(other).folder
    assert not np.array_equal(stored(one).labels, stored(other).labels)


def test_another_project_takes_our_layers_away_not_the_images(
    folder: Path, viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    mine = add_image(viewer, nuclei(7, size=64))
    draw(viewer, dock, 10, 10)
    answer(dock, folder)
    press(dock, "Open")
    assert mine in viewer.layers
    assert [x.name for x in viewer.layers] == ["nuclei", "field 0", "field 0 · annotations"]
