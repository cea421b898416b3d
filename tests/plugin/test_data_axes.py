"""Axes, channels, colours and the pixel size of an image in the Data step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.layers._layer_actions import _convert_to_labels, _duplicate_layer
from napari.viewer import Viewer
from PIL import Image as Picture
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLabel, QListWidget

from label_files import sidecar
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.export.labels import write_labels
from napari_spatial_embeddings.files import read_image
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.annotation import add_layer, image_layer
from napari_spatial_embeddings.samples import blobs
from plugin.conftest import Until
from plugin.data_step import choose, combos, entries, step_of
from plugin.robot_actions import add_image, button, press


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
                "time series (TCYX)",
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
        series = dock.images.series
        assert series is not None
        assert series.frames == series.layer.data.shape[0]
        assert button(dock, "This frame").isVisibleTo(dock)
        choose(box, next(text for text in entries(box) if "time" not in text))
        assert dock.images.series is None
        assert button(dock, "This image").isVisibleTo(dock)
        press(dock, "Annotate")
        assert len(viewer.layers) == 2


def test_axes_that_a_file_does_not_name_are_to_be_chosen(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, tmp_path: Path
) -> None:
    """As on the command line, which refuses the file without ``--axes``."""
    pixels = np.random.default_rng(0).integers(0, 99, (9, 2, 40, 50), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
    viewer.open(tmp_path / "a.tif", plugin="napari")
    axes = combos(dock)[1]
    assert (axes.currentIndex(), axes.placeholderText()) == (-1, "choose")
    assert advice(dock) == "a has 4 axes without names: choose what they mean"
    assert not button(dock, "Annotate").isEnabled()
    choose(axes, "volume with channels (ZCYX)")
    assert advice(dock) == ""
    read = read_image(tmp_path / "a.tif", "ZCYX")
    assert np.array_equal(np.asarray(dock.images.image_data().data), np.asarray(read.data))
    press(dock, "Annotate")
    assert len(viewer.layers) == 2
    dock.images.choose(dock.images.layer)
    assert combos(dock)[1].currentText() == "volume with channels (CZYX)", "as it lies now"


def test_a_file_that_lacks_pixels_is_used_as_a_copy_only(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, tmp_path: Path
) -> None:
    Picture.new("CMYK", (50, 40), (9, 99, 199, 30)).save(tmp_path / "ink.jpg")
    viewer.open(tmp_path / "ink.jpg", plugin="napari")
    assert "ink.jpg has the colours of print" in advice(dock)
    assert not button(dock, "Annotate").isEnabled()
    viewer.layers.selection = {viewer.layers["ink"]}
    _duplicate_layer(viewer.layers)
    dock.images.choose(viewer.layers["ink copy"])
    assert "colours of print" not in advice(dock)
    assert button(dock, "Annotate").isEnabled()


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
    assert "axes of float colours were put in the order CYX" in dock.message
    press(dock, "Annotate")
    painted = viewer.layers["float colours · annotations"]
    assert np.array_equal(painted.extent.world, layer.extent.world[:, -2:])
    assert np.array_equal(np.asarray(dock.images.image_data().data), np.moveaxis(pixels, -1, 0))


def test_colours_on_black_that_no_model_takes_can_be_grey(
    viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    cells = np.zeros((48, 48, 3), np.uint8)
    cells[10:20, 10:20] = (120, 40, 160)
    viewer.add_image(cells, rgb=True, name="cells")
    assert dock.session.model is None
    assert "train one, from a model of grey, or choose grey (inverted where" in advice(dock)


def test_stained_tissue_has_a_model_and_grey_is_a_way_for_others(
    viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    tissue = np.full((48, 48, 3), 240, np.uint8)
    tissue[10:20, 10:20] = (120, 40, 160)
    viewer.add_image(tissue, rgb=True, name="tissue")
    colours = combos(dock)[1]
    assert entries(colours) == ["colours (RGB)", "grey", "grey, inverted"]
    assert dock.session.model == "tissue-2d"
    assert advice(dock) == ""
    dock.session.set_model("nuclei-2d", None)
    assert advice(dock) == ""
    this = button(dock, "This image")
    assert not this.isEnabled()
    ways = "choose the model tissue-2d, or grey beside Colours, under Data, or train one from it."
    assert this.toolTip().endswith(f"this is an image with 3 channels: {ways}")
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


def test_labels_that_were_opened_as_an_image_are_noticed(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, tmp_path: Path
) -> None:
    labels = np.zeros((40, 50), np.int32)
    labels[5:9, 5:9] = 7
    write_labels(tmp_path / "ours.tif", labels)
    tifffile.imwrite(tmp_path / "theirs.tif", labels.astype(np.uint16))
    viewer.open(tmp_path / "theirs.tif", plugin="napari")
    assert "holds labels" not in advice(dock)
    (layer,) = viewer.open(tmp_path / "ours.tif", plugin="napari")
    dock.images.choose(layer)
    assert "ours holds labels that this program wrote" in advice(dock)
    viewer.layers.selection.active = layer
    with pytest.warns(UserWarning, match="projection mode"):  # napari's own
        _convert_to_labels(viewer.layers)  # as the menu does
    assert "holds labels" not in advice(dock)
