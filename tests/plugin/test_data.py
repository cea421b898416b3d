"""The Data step: image, axes, channels, pixel size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QLabel, QListWidget

from label_files import sidecar
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.annotation import add_layer, image_layer
from napari_spatial_embeddings.plugin.sections.data import DataStep
from napari_spatial_embeddings.plugin.sections.image_offer import ImageOffer
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.project.training_set import load_training_set
from napari_spatial_embeddings.samples import blobs, nuclei, rods
from plugin.conftest import Until
from plugin.robot_actions import add_image, button, open_dock, press


def step_of(dock: SpatialEmbeddingsWidget) -> DataStep:
    return next(step for step in dock.steps if isinstance(step, DataStep))


def combos(dock: SpatialEmbeddingsWidget) -> list[QComboBox]:
    """Return the choices that are shown: of the image first, then of its axes."""
    step = step_of(dock)
    return [box for box in step.findChildren(QComboBox) if box.isVisibleTo(step)]


def choose(box: QComboBox, text: str) -> None:
    """Choose an item as a user does."""
    at = box.findText(text)
    assert at >= 0, [box.itemText(i) for i in range(box.count())]
    box.setCurrentIndex(at)
    box.activated.emit(at)


def entries(box: QComboBox) -> list[str]:
    return [box.itemText(i) for i in range(box.count())]


def test_the_first_image_is_chosen(viewer: Viewer) -> None:
    layer = add_image(viewer, nuclei(size=64))
    viewer.add_labels(np.zeros((64, 64), np.int32))
    dock = open_dock(viewer)
    assert dock.images.layer is layer
    assert combos(dock)[0].currentText() == "nuclei"


def test_says_what_to_do_without_an_image(dock: SpatialEmbeddingsWidget) -> None:
    assert "Open an image" in step_of(dock).hint
    assert not combos(dock)[0].isEnabled()


def test_the_choice_follows_the_layers(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
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
    assert dock.images.layer is None
    assert dock.session.image is None
    assert "Choose the image" in step_of(dock).hint


def test_our_own_layers_are_no_choice(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    add_image(viewer, nuclei(size=64))
    press(dock, "Annotate")
    assert entries(combos(dock)[0]) == ["nuclei"]


@pytest.mark.parametrize(
    ("shape", "meanings"),
    [
        ((40, 50), None),
        ((3, 40, 50), ["channels (CYX)", "volume: slices (ZYX)", "time series (TYX)"]),
        ((40, 50, 5), ["volume: slices (ZYX)", "channels (CYX)", "time series (TYX)"]),
        (
            (9, 2, 40, 50),
            [
                "volume with channels (CZYX)",  # the channels are put first
                "volume with channels (ZCYX)",
                "time series (TZYX)",
            ],
        ),
    ],
)
def test_axes_are_asked_for_only_if_in_doubt(
    shape: tuple[int, ...],
    meanings: list[str] | None,
    viewer: Viewer,
    dock: SpatialEmbeddingsWidget,
) -> None:
    viewer.add_image(np.zeros(shape, np.uint8))
    shown = combos(dock)[1:2]
    box = shown[0] if shown and "YX" in shown[0].currentText() else None
    assert (entries(box) if box is not None else None) == meanings
    if box is not None:
        assert meanings is not None
        assert "Its axes have no names" in advice(dock)
        before = dock.images.image_data().data.shape
        choose(box, meanings[1])
        assert advice(dock) == "", "the user knows"
        assert dock.images.image_data().data.shape != before
        choose(box, meanings[2])
        assert "is a time series of" in advice(dock)
        assert not button(dock, "Annotate").isEnabled()
        assert not button(dock, "This image").isEnabled()
        choose(box, next(text for text in entries(box) if text != meanings[2]))
        press(dock, "Annotate")
        assert len(viewer.layers) == 2


def advice(dock: SpatialEmbeddingsWidget) -> str:
    """Return what the step says about the image."""
    labels = step_of(dock).findChildren(QLabel, "advice")
    return " ".join(x.text() for x in labels if x.isVisibleTo(step_of(dock)))


def test_channels_that_are_not_the_first_axis_are_put_there(
    viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    """Else the annotations would lie across the channels."""
    pixels = np.random.default_rng(0).random((40, 50, 2)).astype(np.float32)
    layer = viewer.add_image(pixels, name="float colours")
    assert combos(dock)[1].currentText() == "channels (CYX)"
    assert "channels of float colours were put first" in dock.message
    press(dock, "Annotate")
    painted = viewer.layers["float colours · annotations"]
    assert np.array_equal(painted.extent.world, layer.extent.world[:, -2:])
    assert np.array_equal(np.asarray(dock.images.image_data().data), np.moveaxis(pixels, -1, 0))


def test_grey_is_a_way_for_colours_that_no_model_takes(
    viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    tissue = np.full((48, 48, 3), 240, np.uint8)
    tissue[10:20, 10:20] = (120, 40, 160)
    viewer.add_image(tissue, rgb=True, name="tissue")
    colours = combos(dock)[1]
    assert entries(colours) == ["colours (RGB)", "grey", "grey, inverted"]
    assert dock.session.model is None
    assert "choose grey (inverted where objects are dark" in advice(dock)
    dock.session.set_model("nuclei-2d", None)
    assert advice(dock) == ""
    this = button(dock, "This image")
    assert not this.isEnabled()
    assert "this is an image with 3 channels: choose grey beside Colours" in this.toolTip()
    choose(colours, "grey, inverted")
    assert this.isEnabled()
    assert dock.images.kind() == (1, 2)
    assert combos(dock)[1].currentText() == "grey, inverted"
    pixels = np.asarray(dock.images.image_data().data[0])
    assert pixels[15, 15] > pixels[0, 0]


def test_other_layers_can_be_channels(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    rng = np.random.default_rng(0)
    one, two = (rng.integers(0, 99, (40, 50), np.uint8) for _ in range(2))
    viewer.add_image(one, name="membranes")
    box = step_of(dock).findChildren(QListWidget)[0]
    assert not box.isVisibleTo(step_of(dock))
    viewer.add_image(two, name="dna")
    viewer.add_image(np.zeros((40, 51)), name="something else")
    choose(combos(dock)[0], "membranes")
    assert not box.isVisibleTo(step_of(dock)), "a second image is one more image"
    press(dock, "Channels")
    assert box.isVisibleTo(step_of(dock))
    assert [box.item(i).text() for i in range(box.count())] == ["dna"]
    box.item(0).setCheckState(Qt.CheckState.Checked)
    QApplication.processEvents()
    assert np.array_equal(np.asarray(dock.images.image_data().data), [one, two])
    viewer.layers["dna"].name = "nuclei"
    assert np.array_equal(np.asarray(dock.images.image_data().data), [one, two])


def test_the_pixel_size_is_read_or_told(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    add_image(viewer, blobs(size=32))
    field = step_of(dock).pixel_size
    assert field.text() == "0.5 x 0.25 x 0.25 µm"
    layer = viewer.add_image(np.zeros((40, 50), np.uint8), name="plain")
    choose(combos(dock)[0], "plain")
    assert field.text() == ""
    press(dock, "Annotate")
    painted = viewer.layers["plain · annotations"]
    QTest.keyClicks(field, "0,3 nm")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert field.text() == "0.3 x 0.3 nm"
    assert np.allclose(layer.scale, 0.3)
    assert np.allclose(painted.scale, 0.3)
    field.selectAll()
    QTest.keyClicks(field, "three")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert "'three' is no pixel size" in dock.message
    assert field.text() == "0.3 x 0.3 nm"


def test_what_napari_does_not_read_of_a_file_is_read(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, tmp_path: Path, until: Until
) -> None:
    """In the window a volume is predicted by the size by which its project trains.

    What is not understood of a file beside it is left out with a sentence.
    """
    path, metadata = tmp_path / "stack.tif", {"axes": "ZYX", "spacing": 0.5, "unit": "um"}
    pixels = blobs(size=32).image[0].astype(np.float32)
    tifffile.imwrite(path, pixels, imagej=True, resolution=(5, 5), metadata=metadata)
    sidecar(tmp_path / "stack.json", pixel_size=0)
    (layer,) = viewer.open(path, plugin="napari")
    until(lambda: "stack.json: 'pixel_size' is 0, not used" in dock.message)
    assert step_of(dock).pixel_size.text() == "0.5 x 0.2 x 0.2 µm"
    assert dock.images.image_data().pixel_size == pytest.approx((0.5, 0.2, 0.2))
    press(dock, "Annotate")
    viewer.layers["stack · annotations"].paint((3, 5, 5), 1)
    dock.autosave.flush()
    assert dock.session.project is not None
    (entry,) = dock.session.project.card.images
    assert (entry.pixel_size, entry.unit) == (dock.images.image_data().pixel_size, "um")
    layer.scale, layer.units = (0.3, 0.3, 0.3), ("nm", "nm", "nm")  # the user corrects it
    assert step_of(dock).pixel_size.text() == "0.3 x 0.3 x 0.3 nm"
    dock.autosave.flush()
    assert dock.session.project.card.images[0].unit == "nm"


def test_channels_have_no_length_wherever_the_pixel_size_comes_from(
    viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    """Napari complains about layers of which an axis has a length here and none there."""
    pixels = np.zeros((2, 40, 50), np.uint8)
    layer = viewer.add_image(pixels, name="told")
    QTest.keyClicks(step_of(dock).pixel_size, "0.3")
    QTest.keyClick(step_of(dock).pixel_size, Qt.Key.Key_Return)
    image = ImageData(pixels, "CYX", (0.3, 0.3), "um", "read")
    read = add_layer(viewer, image_layer(image, "read", "read", None))
    assert read.units == layer.units
    assert np.array_equal(read.scale, layer.scale)


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
