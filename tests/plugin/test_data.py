"""The Data step: the choice of the image, and the layers that follow it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import _layer_actions
from napari.viewer import Viewer
from qtpy.QtWidgets import QComboBox

from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.sections.image_offer import ImageOffer
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.project.training_set import load_training_set
from napari_spatial_embeddings.samples import nuclei, rods
from plugin.conftest import Until
from plugin.data_step import choose, combos, entries, step_of
from plugin.robot_actions import add_image, open_dock, press


def test_the_first_image_is_chosen(viewer: Viewer) -> None:
    layer = add_image(viewer, nuclei(size=64))
    viewer.add_labels(np.zeros((64, 64), np.int32))
    dock = open_dock(viewer)
    assert dock.images.layer is layer
    assert combos(dock)[0].currentText() == "nuclei"


def test_says_what_to_do_without_an_image(dock: SpatialEmbeddingsWidget) -> None:
    assert "Open an image" in step_of(dock).hint
    assert not combos(dock)[0].isEnabled()


def test_says_how_an_image_that_is_open_as_labels_is_made_one(
    viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    pixels = (1000 * nuclei(size=64).image[0]).astype(np.int32)
    viewer.add_labels(pixels, name="counts")  # as napari opens a file of them
    assert "counts" in step_of(dock).hint
    assert "Convert to Image" in step_of(dock).hint
    viewer.layers.selection.active = viewer.layers["counts"]
    _layer_actions._convert_to_image(viewer.layers)
    assert dock.images.layer is not None
    assert "labels" not in step_of(dock).hint


def test_the_choice_follows_the_layers(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until
) -> None:
    first = add_image(viewer, nuclei(size=64))
    second = add_image(viewer, rods(size=64))
    assert entries(combos(dock)[0]) == ["nuclei", "rods"]
    assert dock.images.layer == second, "it is seen, and nothing was done on the other one yet"
    second.name = "bacteria"
    assert entries(combos(dock)[0]) == ["nuclei", "bacteria"]
    choose(combos(dock)[0], "nuclei")
    assert dock.images.layer == first
    assert not second.visible
    choose(combos(dock)[0], "bacteria")
    assert dock.images.layer == second
    viewer.layers.remove(second)
    until(lambda: dock.images.layer == first)
    assert first.visible
    assert combos(dock)[0].currentText() == "nuclei"
    viewer.layers.remove(first)
    until(lambda: "Open an image" in step_of(dock).hint)
    assert dock.session.image is None


def test_our_own_layers_are_no_choice(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    add_image(viewer, nuclei(size=64))
    press(dock, "Annotate")
    assert entries(combos(dock)[0]) == ["nuclei"]


def test_our_layers_follow_the_image(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    layer = add_image(viewer, nuclei(size=64))
    press(dock, "Annotate")
    painted = viewer.layers["nuclei · annotations"]
    dock.autosave.save_now()
    assert dock.session.project is None, "nothing is annotated yet"
    painted.paint((5, 5), 1)
    dock.autosave.save_now()
    layer.scale = (0.5, 0.5)
    layer.translate = (7, 8)
    layer.rotate = 30
    assert np.allclose(painted.data_to_world((3, 4)), layer.data_to_world((3, 4)))
    assert step_of(dock).pixel_size.text() == "0.5 x 0.5 µm"
    dock.autosave.flush()
    assert dock.session.project is not None
    assert Project.open(dock.session.project.folder).card.images[0].pixel_size == (0.5, 0.5)


def test_several_images_are_one_project(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, home: Path
) -> None:
    samples: list[Any] = [nuclei(0, size=96), nuclei(1, size=96)]
    for number, sample in enumerate(samples):
        layer = add_image(viewer, sample)
        layer.name = f"field {number}"
        dock.images.choose(layer)
        viewer.add_labels(sample.annotated, name=f"theirs {number}")
        name = f"theirs {number}"
        choose(next(b for b in dock.findChildren(QComboBox) if b.findText(name) >= 0), name)
        press(dock, "Use")
    dock.autosave.save_now()
    project = dock.session.project
    assert project is not None
    assert project.folder.is_relative_to(home / "spatial-embeddings")
    assert [entry.name for entry in project.card.images] == ["field 0", "field 1"]
    assert len(load_training_set(project).images) == 2


def test_one_image_is_seen_at_a_time(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    first = add_image(viewer, nuclei(size=64))
    press(dock, "Annotate")
    painted = viewer.layers["nuclei · annotations"]
    theirs = viewer.add_points([[5, 5]])
    second = add_image(viewer, rods(size=96))
    choose(combos(dock)[0], "rods")
    assert (first.visible, painted.visible, second.visible, theirs.visible) == (0, 0, 1, 1)
    press(dock, "Annotate")
    viewer.layers["rods · annotations"].visible = False
    choose(combos(dock)[0], "nuclei")
    assert (first.visible, painted.visible, second.visible) == (1, 1, 0)
    choose(combos(dock)[0], "rods")
    assert not viewer.layers["rods · annotations"].visible
    assert second.visible


def test_an_image_over_another_one_is_offered(
    viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    first = add_image(viewer, nuclei(size=64))
    press(dock, "Annotate")
    offer = next(x for x in step_of(dock).findChildren(ImageOffer))
    assert not offer.text
    second = add_image(viewer, rods(size=64))
    assert dock.images.layer == first
    assert "rods lies over nuclei." in offer.text
    press(dock, "Hide it")
    assert (first.visible, second.visible) == (True, False)
    assert not offer.text
    second.visible = True
    press(dock, "Work on it")
    assert dock.images.layer == second
    assert (first.visible, second.visible) == (False, True)
    assert not offer.text


def test_another_name_of_an_image_is_that_of_all_its_layers_and_files(
    viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    layer = add_image(viewer, nuclei(size=64))
    press(dock, "Annotate")
    press(dock, "Mark region")
    viewer.layers["nuclei · annotations"].paint((5, 5), 1)
    viewer.layers["nuclei · complete regions"].name = "all of them"
    dock.autosave.save_now()
    layer.name = "wild type"
    names = ["wild type", "wild type · annotations", "all of them"]
    assert [x.name for x in viewer.layers] == names
    dock.autosave.flush()
    assert dock.session.project is not None
    card = Project.open(dock.session.project.folder).card
    assert list(card.result_names.values()) == ["wild type"]


def test_an_image_comes_whole_into_view(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    viewer.add_image(np.zeros((200, 300), np.uint8), name="large")
    volume = viewer.add_image(np.zeros((11, 20, 30), np.uint8), name="small", scale=(2, 1, 1))
    dock.images.choose(volume)
    camera = getattr(viewer, "scene", viewer).camera  # napari 0.9 moved it
    assert np.allclose(camera.center[-2:], (9.5, 14.5))
    assert viewer.dims.current_step[0] == 5, "the middle of a volume shows most"
    viewer.dims.set_current_step(0, 8)
    dock.images.choose(viewer.layers["large"])
    assert np.allclose(camera.center[-2:], (99.5, 149.5))
    dock.images.choose(volume)
    assert viewer.dims.current_step[0] == 8, "and who was elsewhere goes on there"
