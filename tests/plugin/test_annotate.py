"""Annotation in the window, with the mouse where that matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels, Shapes
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QRadioButton

from builders import capsules
from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.sections.annotate import AnnotateStep
from napari_spatial_embeddings.samples import nuclei
from plugin.robot_actions import add_image, along, button, canvas, hover, press, stroke

Until = Callable[..., None]


def step_of(dock: SpatialEmbeddingsWidget) -> AnnotateStep:
    return next(step for step in dock.steps if isinstance(step, AnnotateStep))


def painted(viewer: Viewer) -> Labels:
    layer = next(x for x in viewer.layers if isinstance(x, Labels) and "annotations" in x.name)
    assert layer.data.dtype == np.int32
    return layer


def ids(viewer: Viewer) -> set[int]:
    return set(np.unique(painted(viewer).data).tolist()) - {0}


SHAPES: dict[str, tuple[tuple[int, ...], dict[str, Any], tuple[int, ...]]] = {
    "image": ((40, 50), {}, (40, 50)),
    "colours": ((40, 50, 3), {"rgb": True}, (40, 50)),
    "channels": ((3, 40, 50), {"scale": (1, 2, 2)}, (40, 50)),
    "volume": ((12, 40, 50), {"scale": (2, 0.5, 0.5), "translate": (3, 4, 5)}, (12, 40, 50)),
    "volume with channels": ((2, 12, 40, 50), {"scale": (1, 2, 0.5, 0.5)}, (12, 40, 50)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_annotate_makes_a_layer_that_fits(
    name: str, viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    shape, options, spatial = SHAPES[name]
    image = viewer.add_image(np.random.default_rng(0).integers(0, 255, shape, np.uint8), **options)
    press(step_of(dock), "Annotate")
    layer = painted(viewer)
    assert layer.data.shape == spatial
    assert viewer.layers.selection.active is layer
    assert layer.mode == "paint"
    corner = np.zeros(layer.ndim)
    where = image.data_to_world((0,) * image.ndim)
    assert np.allclose(layer.data_to_world(corner), where[-layer.ndim :])
    assert np.allclose(layer.scale, image.scale[-layer.ndim :])


def test_each_stroke_is_an_object_unless_it_adds_to_one(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget, until: Until
) -> None:
    step, sample = step_of(shown_dock), nuclei(size=128, annotated=6)
    add_image(shown, sample)
    press(step, "Annotate")
    QApplication.processEvents()
    drawn = [k for k in np.unique(sample.annotated) if k]
    for n, k in enumerate(drawn, 1):
        stroke(shown, shown_dock, *along(sample.annotated, k))
        assert len(ids(shown)) == n
    until(lambda: f"{len(drawn)} objects" in step.text)
    before, layer = ids(shown), painted(shown)
    # A second stroke that starts on an object is more of it.
    y, x = np.argwhere(layer.data == drawn.index(drawn[0]) + 1)[0]
    stroke(shown, shown_dock, (y, x), (y - 3, x))
    assert ids(shown) == before
    # What was painted is what was meant, but for its edge.
    for n, k in enumerate(drawn, 1):
        mine, meant = layer.data == n, sample.annotated == k
        assert (mine & meant).sum() > 0.7 * meant.sum()


def test_undo_takes_a_stroke_back_and_saves_that(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget, until: Until
) -> None:
    step = step_of(shown_dock)
    add_image(shown, nuclei(size=128))
    press(step, "Annotate")
    stroke(shown, shown_dock, (20, 20), (20, 40))
    stroke(shown, shown_dock, (60, 20), (60, 40))
    until(lambda: "2 objects" in step.text)
    shown_dock.autosave.save_now()
    canvas(shown_dock).setFocus()
    QTest.keyClick(canvas(shown_dock), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    until(lambda: "1 object" in step.text)
    assert ids(shown) == {1}
    shown_dock.autosave.flush()
    project = shown_dock.session.project
    assert project is not None
    stored = project.annotation(project.card.images[0].key)
    assert stored is not None
    assert np.array_equal(stored.labels, painted(shown).data)


def test_strokes_of_background_share_a_label(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget
) -> None:
    step = step_of(shown_dock)
    add_image(shown, nuclei(size=128))
    press(step, "Annotate")
    stroke(shown, shown_dock, (20, 20), (20, 40))
    press(step, "Background")
    assert button(step, "Background").isChecked()
    stroke(shown, shown_dock, (60, 20), (60, 40))
    stroke(shown, shown_dock, (90, 20), (90, 40))
    strokes = shown_dock.annotation.strokes(shown_dock.session.image)
    assert strokes is not None
    grey = strokes.background
    assert grey is not None
    assert strokes.classes[grey] == BACKGROUND
    assert ids(shown) == {1, grey}
    press(step, "Draw")
    stroke(shown, shown_dock, (60, 30), (70, 30))
    assert len(ids(shown)) == 3, "an object that starts on background is an object"


def test_classes_are_given_to_strokes_and_by_clicks(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget, until: Until
) -> None:
    step = step_of(shown_dock)
    add_image(shown, nuclei(size=128))
    press(step, "Annotate")
    stroke(shown, shown_dock, (20, 20), (20, 40))
    press(step, "+ class")
    stroke(shown, shown_dock, (60, 20), (60, 40))
    until(lambda: "1 object, 1 class 2" in step.text)
    press(step, "object")
    press(step, "Set class")
    stroke(shown, shown_dock, (60, 30))
    until(lambda: "2 object, 0 class 2" in step.text)
    layer = painted(shown)
    assert np.allclose(layer.get_color(1)[:3], layer.get_color(1)[:3])
    assert ids(shown) == {1, 2}


def test_a_region_counts(viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until) -> None:
    step = step_of(dock)
    add_image(viewer, nuclei(size=96))
    press(step, "Annotate")
    press(step, "Mark region")
    layer = viewer.layers.selection.active
    assert isinstance(layer, Shapes)
    assert layer.mode == "add_rectangle"
    layer.add_rectangles([[10, 10], [50, 60]])
    until(lambda: "1 region" in step.text)


def test_scribbles_are_saved_as_such(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    step = step_of(dock)
    add_image(viewer, nuclei(size=96))
    press(step, "Annotate")
    scribbles = button(step, "scribbles")
    assert isinstance(scribbles, QRadioButton)
    scribbles.click()
    painted(viewer).paint((5, 5), 1)
    dock.autosave.save_now()
    project = dock.session.project
    assert project is not None
    stored = project.annotation(project.card.images[0].key)
    assert stored is not None
    assert stored.scribbled


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.uint32])
def test_an_annotation_that_exists_is_taken_over(
    dtype: type, viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until
) -> None:
    step, sample = step_of(dock), nuclei(size=128)
    add_image(viewer, sample)
    theirs = viewer.add_labels(sample.annotated.astype(dtype), name="theirs")
    press(step, "Use")
    assert np.array_equal(painted(viewer).data, sample.annotated)
    assert painted(viewer).data is not theirs.data
    until(lambda: "10 objects" in step.text)
    assert "10 objects of theirs copied" in dock.message


def test_labels_of_another_shape_are_refused(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    add_image(viewer, nuclei(size=128))
    viewer.add_labels(np.ones((64, 128), np.int32), name="theirs")
    press(step_of(dock), "Use")
    assert "theirs has the shape (64, 128), the image (128, 128)" in dock.message
    assert ids(viewer) == set()


def test_labels_of_other_programs(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    """What is no label image is refused; the pieces of a mask are objects."""
    sample = nuclei(size=128)
    add_image(viewer, sample)
    grey = viewer.add_labels(sample.image[0].astype(np.int32), name="grey")
    press(step_of(dock), "Use")
    assert "grey holds" in dock.message
    assert "expected a label image" in dock.message
    assert ids(viewer) == set()
    viewer.layers.remove(grey)
    labels = capsules((128, 128), count=9)
    viewer.add_labels(np.where(labels > 0, 255, 0).astype(np.uint8), name="mask")
    press(step_of(dock), "Use")
    assert "9 objects of mask copied: each piece of the mask is one" in dock.message
    assert len(ids(viewer)) == 9


def test_says_why_nothing_can_be_drawn(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    step = step_of(dock)
    begin = button(step, "Annotate")
    assert not begin.isEnabled()
    assert "no image" in begin.toolTip()
    assert not viewer.layers


def test_a_deleted_layer_comes_back(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    step, sample = step_of(dock), nuclei(size=96)
    add_image(viewer, sample)
    viewer.add_labels(sample.annotated, name="theirs")
    press(step, "Use")
    viewer.layers.remove(painted(viewer))
    press(step, "Annotate")
    assert np.array_equal(painted(viewer).data, sample.annotated)


def test_objects_lie_above_their_image_however_many_there_are(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget
) -> None:
    """From 256 colours on, napari draws a layer by other means, and forgot its place."""
    assert shown_dock.isVisible()
    shown.open_sample("napari-spatial-embeddings", "nuclei")
    shown.open_sample("napari-spatial-embeddings", "two_classes")
    assert painted(shown) is not shown.layers[-1]
    assert shown.layers[-1].data.max() > 200
    QApplication.processEvents()
    picture = np.asarray(shown.screenshot(canvas_only=True, flash=False))[..., :3].astype(int)
    assert (np.ptp(picture, axis=2) > 40).sum() > 1000


def test_an_image_that_is_removed_right_after_drawing_stays_away(
    viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    step = step_of(dock)
    add_image(viewer, nuclei(0, size=96)).name = "first"
    press(step, "Annotate")
    painted(viewer).paint((5, 5), 1)
    dock.autosave.save_now()
    second = add_image(viewer, nuclei(1, size=96))
    second.name = "second"
    dock.images.choose(second)
    layer = dock.annotation_actions.begin().layer
    key = dock.session.image
    assert key is not None
    layer.paint((5, 5), 1)
    dock.project_images.remove(key)
    dock.autosave.save_now()
    project = dock.session.project
    assert project is not None
    assert [entry.name for entry in project.card.images] == ["first"]


def test_all_layers_deleted_at_once_is_no_error(
    viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    add_image(viewer, nuclei(size=96))
    press(step_of(dock), "Annotate")
    painted(viewer).paint((5, 5), 1)
    viewer.layers.clear()
    dock.autosave.save_now()
    assert "Not saved" not in dock.message


def test_neighbours_that_touch_stay_apart(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget
) -> None:
    add_image(shown, nuclei(size=128))
    press(shown_dock, "Annotate")
    layer = shown.layers["nuclei · annotations"]
    layer.brush_size = 9
    stroke(shown, shown_dock, (40, 40), (40, 60))
    first = layer.data == 1
    stroke(shown, shown_dock, (50, 60), (46, 50), (42, 40))
    assert set(np.unique(layer.data)) == {0, 1, 2}
    assert (layer.data[first] == 1).all()
    press(shown_dock, "Erase")
    stroke(shown, shown_dock, (40, 40), (50, 60))
    assert not (layer.data[first] == 1).all()


def test_what_the_right_button_encircles_is_an_object(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget
) -> None:
    add_image(shown, nuclei(size=128))
    press(shown_dock, "Annotate")
    layer = shown.layers["nuclei · annotations"]
    if "brush_stroke" not in layer._overlays:
        pytest.skip("napari does not fill what is encircled yet")
    layer.brush_size = 2
    for n, middle in enumerate((30, 90), 1):
        turn = np.linspace(0, 2 * np.pi, 24)
        circle = [(60 + 15 * np.sin(t), middle + 15 * np.cos(t)) for t in turn]
        # A click starts it; coming back to its start ends it.
        stroke(shown, shown_dock, circle[0], mouse=Qt.MouseButton.RightButton)
        hover(shown, shown_dock, *circle)
        assert layer.data[60, middle] == n
        assert (layer.data == n).sum() > 500


def test_a_label_that_is_chosen_is_that_of_the_next_stroke(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget
) -> None:
    add_image(shown, nuclei(size=128))
    press(shown_dock, "Annotate")
    layer = shown.layers["nuclei · annotations"]
    stroke(shown, shown_dock, (20, 20), (20, 40))
    stroke(shown, shown_dock, (60, 20), (60, 40))
    layer.selected_label = 1
    stroke(shown, shown_dock, (90, 20), (90, 40))
    assert layer.data[90, 30] == 1
    stroke(shown, shown_dock, (110, 20), (110, 40))
    assert layer.data[110, 30] == 3
    press(shown_dock, "each stroke is a new object")
    stroke(shown, shown_dock, (40, 20), (40, 40))
    stroke(shown, shown_dock, (50, 80), (50, 100))
    assert layer.data[40, 30] == layer.data[50, 90] == 4
