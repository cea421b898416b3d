"""The images of a project: listed, opened, asked for, and known again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.samples import nuclei
from plugin.image_rows import ImageRows
from plugin.project_files import Answers, answer, draw, stored, two_fields
from plugin.robot_actions import add_image, press

Until = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a project of two images, which are files beside it."""
    return two_fields(tmp_path)


def test_the_list_shows_and_opens_all_images(
    folder: Path, viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until
) -> None:
    answer(dock, folder)
    press(dock, "Open")
    images = ImageRows(dock)
    assert images.tree.isVisibleTo(dock)
    until(lambda: len(images) == 2 and images.text(1) == "field 1: 5 objects")
    until(lambda: images.text(0) == "field 0: 4 objects")
    assert images.italic(1)
    images.click(1)
    assert dock.session.image == "field_1"
    assert not images.italic(1)
    assert [x.name for x in viewer.layers][2:] == ["field 1", "field 1 · annotations"]
    images.click(0)
    assert dock.session.image == "field_0"
    assert len(viewer.layers) == 4


def test_files_are_added_to_the_list_and_opened_one_by_one(
    tmp_path: Path, viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until
) -> None:
    """A list of hundreds keeps its place while it is worked on."""
    for k in range(40):
        tifffile.imwrite(tmp_path / f"field {k:02}.tif", nuclei(k % 3, size=64).image[0])
    answer(dock, tmp_path / "field 07.tif")
    press(dock, "Add images…")
    until(lambda: dock.idle)
    assert dock.session.image == "field_07", "the first one is opened"
    answer(dock, tmp_path)
    press(dock, "Add folder…")
    until(lambda: dock.idle)
    assert "Added 39 images to the project; 1 was in it already" in dock.message
    images = ImageRows(dock)
    assert images.tree.isVisibleTo(dock)
    assert len(viewer.layers) == 1
    assert len(images) == 40
    images.tree.scrollTo(images.tree.names.index(33, 0))
    place = images.tree.verticalScrollBar().value()
    images.click(33)
    assert dock.session.image == "field_33"
    assert [x.name for x in viewer.layers if x.visible] == ["field 33"]
    press(dock, "Annotate")
    viewer.layers["field 33 · annotations"].paint((5, 5), 1)
    dock.autosave.save_now()
    assert images.tree.verticalScrollBar().value() == place
    until(lambda: images.text(33).startswith("field 33: "))
    assert len([x for x in viewer.layers if isinstance(x, Image)]) == 2


def test_a_moved_image_is_asked_for(
    folder: Path, tmp_path: Path, viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    (tmp_path / "raw").rename(tmp_path / "moved")
    dock.project.dialogs = Answers(None, folder)
    press(dock, "Open")
    assert "is not at" in dock.message
    assert "which asks where it is now" in dock.message
    assert not viewer.layers
    answer(dock, tmp_path / "moved/field 0.tif")
    images = ImageRows(dock)
    images.click(0)
    assert [x.name for x in viewer.layers] == ["field 0", "field 0 · annotations"]
    assert not Project.open(folder).missing(), "the other one was found beside it"


def test_the_wrong_file_is_refused(
    folder: Path, tmp_path: Path, viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    shutil.move(tmp_path / "raw/field 0.tif", tmp_path / "hidden.tif")
    answer(dock, tmp_path / "raw/field 1.tif")
    with dock.session.errors_as_messages():
        dock.project.open(folder)
    assert "is not the image 'field_0'" in dock.message
    # The next one that can be opened is.
    assert [layer.name for layer in viewer.layers] == ["field 1", "field 1 · annotations"]


def test_an_image_that_the_project_knows_is_known_again(
    folder: Path, tmp_path: Path, viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    answer(dock, folder)
    press(dock, "Open")
    pixels = tifffile.imread(tmp_path / "raw/field 1.tif")
    layer = viewer.add_image(pixels, name="what is this")
    dock.images.choose(layer)
    assert dock.session.image == "field_1"
    press(dock, "Annotate")
    assert len(np.unique(painted_on(viewer, "field 1").data)) == 6


def test_a_file_that_a_person_opened_is_not_opened_again(
    folder: Path, tmp_path: Path, viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    answer(dock, folder)
    press(dock, "Open")
    viewer.open(tmp_path / "raw/field 1.tif", plugin="napari")
    ImageRows(dock).click(1)
    assert dock.session.image == "field_1"
    assert [x.name for x in viewer.layers][2:] == ["field 1", "field 1 · annotations"]
    assert len(np.unique(painted_on(viewer, "field 1").data)) == 6


def painted_on(viewer: Viewer, name: str) -> Labels:
    layer = viewer.layers[f"{name} · annotations"]
    assert isinstance(layer, Labels)
    return layer


def test_a_deleted_image_is_no_loss(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    layer = add_image(viewer, nuclei(size=96))
    drawn = draw(viewer, dock, 10, 10).data
    viewer.layers.remove(layer)
    dock.autosave.flush()
    assert np.array_equal(stored(dock).labels, drawn)
    images = ImageRows(dock)
    images.click(0)
    assert dock.images.layer is not None
    assert np.array_equal(np.asarray(dock.images.image_data().data), nuclei(size=96).image)
