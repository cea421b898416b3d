"""Corrections with mouse, keys and buttons."""

from __future__ import annotations

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_spatial_embeddings.core.instances import NOTHING
from napari_spatial_embeddings.plugin.layers.pointer import Pointer
from napari_spatial_embeddings.plugin.sections.correct import CorrectSection
from napari_spatial_embeddings.project.training_set import load_training_set
from plugin.window_scenes import WindowScene, open_scene

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def scene(shown: Viewer, qtbot: QtBot) -> WindowScene:
    return open_scene(shown, qtbot)


@pytest.fixture
def section(scene: WindowScene) -> CorrectSection:
    return scene.section(CorrectSection)


# ------------------------------------------------------------------ the mouse


def test_tools_work_with_the_mouse(scene: WindowScene, section: CorrectSection) -> None:
    a, b, c = scene.some(3)
    section.buttons["delete"].click()
    scene.click(scene.middle(a))
    scene.wait()
    assert a not in scene.instances.ids
    section.buttons["merge"].click()
    for asked in (True, False):  # they do not touch
        scene.click(scene.middle(b))
        assert f"object {b}" in section.hint.text()
        assert f"object {b}" in scene.dock.status.tool.text
        assert scene.viewer.layers["cells · first click"].visible
        scene.click(scene.middle(c))
        scene.wait()
        assert (c in scene.instances.ids) == asked
        assert not scene.viewer.layers["cells · first click"].visible
    section.buttons["merge"].click()
    assert "cells · first click" not in scene.viewer.layers
    assert section.locked.text() == "1 locked, 1 deleted"
    np.testing.assert_array_equal(scene.layer.data, scene.instances.labels)


def test_strokes_of_the_brush_are_corrections(scene: WindowScene, section: CorrectSection) -> None:
    at, count = scene.empty(), len(scene.instances)
    section.buttons["paint"].click()
    scene.layer.brush_size = 5
    scene.drag(at, (at[0], at[1] + 2), (at[0] + 2, at[1] + 2))
    scene.wait()
    new = int(scene.instances.labels[at])
    assert new
    assert len(scene.instances) == count + 1
    scene.key_press(Qt.Key.Key_E)
    scene.layer.brush_size = 3
    scene.drag(at, at)
    scene.wait()
    assert scene.corrections.labels[at] == NOTHING


def test_undo_of_napari_brings_back_nothing(scene: WindowScene, section: CorrectSection) -> None:
    section.buttons["paint"].click()
    scene.layer.brush_size = 5
    scene.drag(scene.empty())
    scene.wait()
    scene.tune(margin_factor=0.6)
    shown = scene.layer.data.copy()
    scene.layer.undo()
    np.testing.assert_array_equal(scene.layer.data, shown)
    np.testing.assert_array_equal(shown, scene.instances.labels)


def test_no_brush_is_left_on_the_canvas(scene: WindowScene, section: CorrectSection) -> None:
    at = scene.middle(int(scene.instances.ids[-1]))
    pointer = Pointer(scene.viewer)
    pointer.listen_to_moves(True)
    with scene.qtbot.waitSignal(pointer.moved):
        scene.hover(at)
    pointer.close()
    section.buttons["delete"].click()
    scene.layer.opacity = 1
    spot = scene.spot(at)
    seen = scene.viewer.screenshot(canvas_only=True, flash=False)[..., :3]
    expected = 255 * scene.layer.get_color(int(scene.instances.labels[at]))[:3]
    ratio = seen.shape[0] / scene.canvas.height()
    y, x = round(spot.y() * ratio), round(spot.x() * ratio)
    np.testing.assert_allclose(seen[y - 3 : y + 4, x - 3 : x + 4].mean((0, 1)), expected, atol=3)


def test_dragging_pans_and_corrects_nothing(scene: WindowScene, section: CorrectSection) -> None:
    (label,) = scene.some()
    at, before, centre = scene.middle(label), scene.instances, scene.camera.center
    section.buttons["delete"].click()
    way = np.array([45, 55]) - at
    scene.drag(at, *(at + part * way for part in (0.3, 0.6, 0.9)))
    scene.wait()
    assert scene.instances is before
    assert scene.camera.center != centre


def test_two_quick_clicks_do_not_zoom(scene: WindowScene, section: CorrectSection) -> None:
    zoom = scene.camera.zoom
    section.buttons["delete"].click()
    QTest.mouseDClick(
        scene.canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        scene.spot(scene.empty()),
    )  # fmt: skip
    QApplication.processEvents()
    assert scene.camera.zoom == zoom
    scene.wait()


def test_keys_choose_tools_and_escape_leaves(scene: WindowScene, section: CorrectSection) -> None:
    assert section.buttons["class"].isHidden(), "there is one class"
    assert section.classes.isHidden()
    callbacks = list(scene.viewer.mouse_drag_callbacks)
    doubles = list(scene.viewer.mouse_double_click_callbacks)
    for key, tool in {"D": "delete", "J": "merge", "S": "split", "A": "add", "P": "paint"}.items():
        scene.key_press(getattr(Qt.Key, f"Key_{key}"))
        assert scene.dock.correction_tool.tool == tool
        assert [name for name, b in section.buttons.items() if b.isChecked()] == [tool]
        assert (str(scene.layer.mode) == "paint") == (tool == "paint")
        assert scene.dock.status.tool.text.startswith(f"<b>{section.buttons[tool].text()}</b>")
        section.set_open(tool in ("delete", "paint"))  # or folded
        scene.key_press(Qt.Key.Key_Escape)
        assert scene.dock.correction_tool.tool == scene.dock.status.tool.text == ""
        assert not any(button.isChecked() for button in section.buttons.values())
        assert str(scene.layer.mode) == "pan_zoom"
    assert list(scene.viewer.mouse_drag_callbacks) == callbacks
    assert list(scene.viewer.mouse_double_click_callbacks) == doubles


def test_another_layer_or_another_of_naparis_tools_ends_ours(scene: WindowScene) -> None:
    scene.dock.correction_tool.use("delete")
    scene.layer.mode = "fill"
    assert scene.dock.correction_tool.tool == ""
    assert str(scene.layer.mode) == "fill"
    scene.dock.correction_tool.use("split")
    scene.viewer.layers.selection.active = scene.viewer.layers["cells"]
    scene.until(lambda: scene.dock.correction_tool.tool == "")


def test_a_click_on_nothing_outside_or_in_3d_is_a_sentence(
    scene: WindowScene, section: CorrectSection
) -> None:
    before, nothing = scene.instances.labels, "no object here"
    for tool, text in {
        "delete": nothing,
        "accept": nothing,
        "merge": nothing,
        "split": nothing,
        "add": "free pixels point to where this one points",
    }.items():
        scene.dock.correction_tool.use(tool)
        scene.click((-20, 10))
        assert "outside the image" in scene.dock.message
        scene.click(scene.empty())
        scene.wait()
        assert text in scene.dock.message, tool
        np.testing.assert_array_equal(scene.instances.labels, before)
        assert not section.undo.isEnabled()
    scene.dock.correction_tool.leave()
    scene.viewer.dims.ndisplay = 3
    scene.dock.correction_tool.use("delete")
    assert scene.dock.correction_tool.tool == ""
    assert "2D view" in scene.dock.message


def test_without_objects_nothing_can_be_pressed(viewer: Viewer, qtbot: QtBot) -> None:
    scene = open_scene(viewer, qtbot)
    section = scene.section(CorrectSection)
    scene.viewer.layers.remove(scene.layer)
    for button in section.buttons.values():
        assert not button.isEnabled()
        assert "Predict" in button.toolTip()
    scene.dock.session.set_result(scene.key, None)
    assert not section.undo.isEnabled()


# ---------------------------------------------------------- buttons and keys


def test_all_are_accepted_and_all_are_released(scene: WindowScene, section: CorrectSection) -> None:
    before = scene.instances.labels
    assert not section.release.isEnabled()
    section.accept_all.click()
    scene.wait()
    assert section.locked.text() == f"{len(scene.instances)} locked"
    scene.tune(margin_factor=0.5)
    np.testing.assert_array_equal(scene.instances.labels, before)
    section.release.click()
    scene.wait()
    assert (scene.instances.labels > 0).sum() < (before > 0).sum()
    assert not section.release.isEnabled()


def test_classes_are_offered_where_there_are_several(shown: Viewer, qtbot: QtBot) -> None:
    scene = open_scene(shown, qtbot, classes=2)
    section = scene.section(CorrectSection)
    (label,) = scene.some()
    (before,) = scene.instances.class_index[scene.instances.ids == label]
    section.classes.setCurrentIndex(1 - int(before))
    section.buttons["class"].click()
    scene.click(scene.middle(label))
    scene.wait()
    assert scene.instances.class_index[scene.instances.ids == label] == 1 - before


def test_keys_undo_and_redo(scene: WindowScene, section: CorrectSection) -> None:
    before = scene.instances
    section.buttons["delete"].click()
    scene.click(scene.middle(scene.some()[0]))
    scene.wait()
    after = scene.instances
    scene.viewer.layers.selection.active = scene.layer
    scene.key_press(Qt.Key.Key_Z, CTRL)
    scene.wait()
    assert scene.instances is before
    assert not section.undo.isEnabled()
    scene.key_press(Qt.Key.Key_Z, CTRL, SHIFT)
    scene.wait()
    assert scene.instances is after
    assert not section.redo.isEnabled()


# ---------------------------------------------------------- used as annotation


def test_locked_objects_are_in_the_next_training_set(
    scene: WindowScene, section: CorrectSection
) -> None:
    assert not section.use_locked.isEnabled()
    labels = scene.some(2)
    scene.dock.correction_tool.use("accept")
    for label in labels:
        scene.click(scene.middle(label))
    scene.wait()
    active = scene.viewer.layers.selection.active
    section.use_locked.trigger()
    assert "2 objects added" in scene.dock.message
    assert scene.viewer.layers.selection.active is active
    scene.dock.autosave.save_now()
    assert scene.dock.session.project is not None
    (image,) = load_training_set(scene.dock.session.project).images
    assert image.n_objects == 2
    np.testing.assert_array_equal(image.labels > 0, np.isin(scene.instances.labels, labels))
    section.use_locked.trigger()
    assert "already" in scene.dock.message


def test_what_is_deleted_is_learned_as_background(
    scene: WindowScene, section: CorrectSection
) -> None:
    a, b = scene.some(2)
    gone = scene.instances.labels == a
    scene.dock.correction_tool.use("delete")
    scene.click(scene.middle(a))
    scene.wait()
    section.use_locked.trigger()
    assert "1 deleted object added to the annotations as background" in scene.dock.message
    scene.dock.autosave.save_now()
    assert scene.dock.session.project is not None
    (image,) = load_training_set(scene.dock.session.project).images
    np.testing.assert_array_equal(image.labels == 0, gone)
    assert image.n_objects == 0, "an image of which objects were deleted alone counts"
    scene.dock.correction_tool.use("split")
    for end in scene.ends(b):
        scene.click(end)
    scene.wait()
    section.use_locked.trigger()
    assert "2 objects added" in scene.dock.message
    assert "as background the border of 1 split object" in scene.dock.message
    layer = scene.dock.annotation_actions.begin().layer
    assert (layer.data[gone] > 0).all()
    before = layer.data.copy()
    layer.undo()
    assert (layer.data[gone] > 0).all()
    assert (layer.data != before).any()


def test_what_was_drawn_stays_beside_what_is_used(
    scene: WindowScene, section: CorrectSection
) -> None:
    (label,) = scene.some()
    drawn = scene.dock.annotation_actions.begin().layer
    top = scene.middle(label)[0]
    drawn.data_setitem(np.nonzero(np.indices(drawn.data.shape)[0] < top), np.int32(7))
    scene.dock.correction_tool.use("accept")
    scene.click(scene.middle(label))
    scene.wait()
    section.use_locked.trigger()
    assert (drawn.data[:top] == 7).all()
    lower = scene.instances.labels[top:] == label
    np.testing.assert_array_equal(drawn.data[top:] > 0, lower)
    assert 7 not in drawn.data[top:]


def test_all_objects_in_a_region_are_used(scene: WindowScene, section: CorrectSection) -> None:
    section.use_region.trigger()
    assert "Mark region" in scene.dock.message
    shapes = scene.dock.annotation_actions.begin_region()
    shapes.add_rectangles(np.array([[0, 0], [0, 60], [45, 60], [45, 0]]))
    section.use_region.trigger()
    touched = set(np.unique(scene.instances.labels[:46, :61])) - {0}
    assert f"{len(touched)} objects added" in scene.dock.message
    annotations = scene.dock.annotation.strokes(scene.key)
    assert annotations is not None
    np.testing.assert_array_equal(
        annotations.layer.data > 0, np.isin(scene.instances.labels, list(touched))
    )
