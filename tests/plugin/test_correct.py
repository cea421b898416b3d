"""What a person corrects by hand stays, and can be undone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from builders import capsules
from napari_spatial_embeddings.core.instances import NOTHING
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.sections.correct import CorrectGroup
from napari_spatial_embeddings.project.training_set import load_training_set
from plugin.scenes import Scene, maps_of, open_scene, predict

MOVES: list[dict[str, Any]] = [
    {"seed_threshold": 0.3},
    {"seed_threshold": 0.95},
    {"foreground_threshold": 0.05},
    {"margin_factor": 1.6},
    {"min_size": 1, "min_free_fraction": 0.0},
    {"margin_factor": 0.6},
]
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def scene(shown: Viewer, qtbot: QtBot) -> Scene:
    return open_scene(shown, qtbot)


@pytest.fixture
def group(scene: Scene) -> CorrectGroup:
    return scene.group(CorrectGroup)


def some(scene: Scene, count: int = 1) -> list[int]:
    """Return the labels of objects that lie well inside of the image, the surest first."""
    labels = scene.instances.labels
    border = {*np.unique(labels[[0, -1]]), *np.unique(labels[:, [0, -1]])}
    return [int(label) for label in scene.instances.ids if label not in border][:count]


# ------------------------------------------------------------------ each tool


def test_a_deleted_object_stays_deleted(scene: Scene, group: CorrectGroup) -> None:
    (label,) = some(scene)
    gone = scene.instances.labels == label
    group.buttons["delete"].click()
    scene.click(scene.middle(label))
    scene.settled()
    assert not scene.instances.labels[gone].any()
    for move in MOVES:
        scene.tune(**move)
        scene.settled()
        assert not scene.instances.labels[gone].any()
        np.testing.assert_array_equal(scene.layer.data, scene.instances.labels)


def test_two_objects_become_one_and_stay_one(scene: Scene, group: CorrectGroup) -> None:
    a, b = some(scene, 2)
    both = np.isin(scene.instances.labels, [a, b])
    group.buttons["merge"].click()
    scene.click(scene.middle(a))
    assert f"object {a}" in group.hint.text()
    scene.click(scene.middle(b))
    scene.settled()
    for move in [{}, *MOVES]:
        scene.tune(**move)
        np.testing.assert_array_equal(scene.instances.labels == a, both)
    assert group.locked.text() == "1 locked"


def test_a_split_object_stays_split_after_the_next_prediction(
    scene: Scene, group: CorrectGroup
) -> None:
    (label,) = some(scene)
    whole = scene.instances.labels == label
    first, last = scene.ends(label)
    group.buttons["split"].click()
    scene.click(first)
    assert f"object {label}" in group.hint.text()
    scene.click(last)
    scene.settled()
    parts = {int(scene.instances.labels[first]), int(scene.instances.labels[last])}
    assert len(parts) == 2
    np.testing.assert_array_equal(np.isin(scene.instances.labels, list(parts)), whole)
    after = scene.instances.labels
    predict(scene, scene.result.maps)
    scene.settled()
    for part in parts:
        np.testing.assert_array_equal(scene.instances.labels == part, after == part)


def test_what_was_missed_is_added(scene: Scene, group: CorrectGroup) -> None:
    (label,) = some(scene)
    at = scene.middle(label)
    scene.tune(seed_threshold=1.0)
    assert not scene.instances.labels[at]
    group.buttons["add"].click()
    scene.click(at)
    scene.settled()
    assert scene.instances.labels[at]
    assert len(scene.instances) == 1


def test_what_is_accepted_is_locked_until_it_is_released(scene: Scene, group: CorrectGroup) -> None:
    (label,) = some(scene)
    at, before = scene.middle(label), scene.instances.labels == label
    group.buttons["accept"].click()
    scene.click(at)
    scene.settled()
    assert group.locked.text() == "1 locked"
    scene.tune(seed_threshold=1.0, margin_factor=0.4)
    np.testing.assert_array_equal(scene.instances.labels > 0, before)
    scene.click(at)  # once more
    scene.settled()
    assert group.locked.text() == "0 locked"
    assert not scene.instances.labels.any()


def test_all_are_accepted_and_all_are_released(scene: Scene, group: CorrectGroup) -> None:
    before = scene.instances.labels
    assert not group.release.isEnabled()
    group.accept_all.click()
    scene.settled()
    assert group.locked.text() == f"{len(scene.instances)} locked"
    scene.tune(margin_factor=0.5)
    np.testing.assert_array_equal(scene.instances.labels, before)
    group.release.click()
    scene.settled()
    assert (scene.instances.labels > 0).sum() < (before > 0).sum()
    assert not group.release.isEnabled()


def test_a_stroke_of_the_brush_is_a_correction(scene: Scene, group: CorrectGroup) -> None:
    at, count = scene.empty(), len(scene.instances)
    group.buttons["paint"].click()
    scene.layer.brush_size = 5
    scene.drag(at, (at[0], at[1] + 2), (at[0] + 2, at[1] + 2))
    scene.settled()
    new = int(scene.instances.labels[at])
    assert new
    assert len(scene.instances) == count + 1
    painted = scene.instances.labels == new
    for move in MOVES:
        scene.tune(**move)
        np.testing.assert_array_equal(scene.instances.labels == new, painted)
    # The next stroke is another object.
    assert int(scene.layer.selected_label) not in scene.instances.ids


def test_what_is_erased_is_gone(scene: Scene, group: CorrectGroup) -> None:
    (label,) = some(scene)
    at, size = scene.middle(label), int((scene.instances.labels == label).sum())
    group.buttons["paint"].click()
    scene.key_press(Qt.Key.Key_E)
    scene.layer.brush_size = 3
    scene.drag(at, at)
    scene.settled()
    assert scene.corrections.labels[at] == NOTHING
    assert 0 < (scene.instances.labels == label).sum() < size


def test_a_class_is_given(shown: Viewer, qtbot: QtBot) -> None:
    scene = open_scene(shown, qtbot, classes=2)
    group = scene.group(CorrectGroup)
    (label,) = some(scene)
    (before,) = scene.instances.class_index[scene.instances.ids == label]
    group.classes.setCurrentIndex(1 - int(before))
    group.buttons["class"].click()
    scene.click(scene.middle(label))
    scene.settled()
    assert scene.instances.class_index[scene.instances.ids == label] == 1 - before


def test_with_one_class_there_is_none_to_give(group: CorrectGroup) -> None:
    assert group.buttons["class"].isHidden()
    assert group.classes.isHidden()


def test_what_is_locked_has_an_outline(scene: Scene, group: CorrectGroup) -> None:
    def outlined() -> Any:
        return _layers.find(scene.viewer, "locked", scene.key)

    active = scene.viewer.layers.selection.active
    a, b = some(scene, 2)
    group.toolbox.use("accept")
    for labels in ([a], [a, b]):
        scene.click(scene.middle(labels[-1]))
        scene.settled()
        np.testing.assert_array_equal(outlined().data > 0, np.isin(scene.instances.labels, labels))
    assert scene.viewer.layers.selection.active is active
    np.testing.assert_allclose(outlined().scale, scene.layer.scale)
    group.undo.click()
    scene.settled()
    np.testing.assert_array_equal(outlined().data > 0, scene.instances.labels == a)
    group.release.click()
    scene.settled()
    assert outlined() is None


def test_a_volume_is_corrected_on_its_slice(shown: Viewer, qtbot: QtBot) -> None:
    scene = open_scene(shown, qtbot, capsules((9, 40, 50), count=8, radius=5))
    group = scene.group(CorrectGroup)
    a, b = scene.instances.ids[:2].tolist()
    for tool, label in (("delete", a), ("accept", b)):
        at, whole = scene.middle(label), scene.instances.labels == label
        scene.viewer.dims.set_current_step(0, at[0])
        group.toolbox.use(tool)
        scene.click(at)
        scene.settled()
        expected = NOTHING if tool == "delete" else label
        assert (scene.corrections.labels[whole] == expected).all()
    scene.tune(seed_threshold=1.0)
    assert set(np.unique(scene.instances.labels)) == {0, b}


# ------------------------------------------------------------- undo and redo


def test_undo_restores_exactly(scene: Scene, group: CorrectGroup) -> None:
    states = [(scene.instances, scene.result.corrections)]
    a, b, c = some(scene, 3)
    for tool, clicks in (("delete", [a]), ("merge", [b, c]), ("accept", [b])):
        group.buttons[tool].click()
        for label in clicks:
            scene.click(scene.middle(label))
        scene.settled()
        states.append((scene.instances, scene.result.corrections))
    scene.viewer.layers.selection.active = scene.layer
    for instances, _ in states[-2::-1]:
        scene.key_press(Qt.Key.Key_Z, CTRL)
        scene.settled()
        assert scene.instances is instances
        np.testing.assert_array_equal(scene.layer.data, instances.labels)
    assert not group.undo.isEnabled()
    for instances, corrections in states[1:]:
        scene.key_press(Qt.Key.Key_Z, CTRL, SHIFT)
        scene.settled()
        assert scene.instances is instances
        assert scene.result.corrections is corrections
    assert not group.redo.isEnabled()


def test_undo_after_a_slider_moved_is_right_for_the_slider(
    scene: Scene, group: CorrectGroup
) -> None:
    (label,) = some(scene)
    group.buttons["delete"].click()
    scene.click(scene.middle(label))
    scene.settled()
    scene.tune(margin_factor=0.7)
    group.undo.click()
    scene.settled()
    expected = scene.result.clustering(scene.dock.session.clustering)
    np.testing.assert_array_equal(scene.instances.labels > 0, expected.labels > 0)
    assert len(scene.instances) == len(expected)


def test_fast_clicks_are_all_done(scene: Scene, group: CorrectGroup) -> None:
    labels = some(scene, 4)
    places = [scene.middle(label) for label in labels]
    group.buttons["delete"].click()
    for place in places:
        scene.click(place)
    scene.settled()
    assert not any(scene.instances.labels[place] for place in places)


# ------------------------------------------------------------- hand and keys


def test_dragging_pans_and_corrects_nothing(scene: Scene, group: CorrectGroup) -> None:
    (label,) = some(scene)
    at, before, centre = scene.middle(label), scene.instances, scene.camera.center
    group.buttons["delete"].click()
    way = np.array([45, 55]) - at
    scene.drag(at, *(at + part * way for part in (0.3, 0.6, 0.9)))
    scene.settled()
    assert scene.instances is before
    assert scene.camera.center != centre


def test_two_quick_clicks_do_not_zoom(scene: Scene, group: CorrectGroup) -> None:
    zoom = scene.camera.zoom
    group.buttons["delete"].click()
    QTest.mouseDClick(
        scene.canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        scene.spot(scene.empty()),
    )  # fmt: skip
    QApplication.processEvents()
    assert scene.camera.zoom == zoom
    scene.settled()


def test_keys_choose_tools_and_escape_leaves(scene: Scene, group: CorrectGroup) -> None:
    callbacks = list(scene.viewer.mouse_drag_callbacks)
    doubles = list(scene.viewer.mouse_double_click_callbacks)
    for key, tool in {"D": "delete", "J": "merge", "S": "split", "A": "add", "P": "paint"}.items():
        scene.key_press(getattr(Qt.Key, f"Key_{key}"))
        assert group.toolbox.tool == tool
        assert [name for name, b in group.buttons.items() if b.isChecked()] == [tool]
        assert (str(scene.layer.mode) == "paint") == (tool == "paint")
        scene.key_press(Qt.Key.Key_Escape)
        assert group.toolbox.tool == ""
        assert not any(button.isChecked() for button in group.buttons.values())
        assert str(scene.layer.mode) == "pan_zoom"
    assert list(scene.viewer.mouse_drag_callbacks) == callbacks
    assert list(scene.viewer.mouse_double_click_callbacks) == doubles


def test_another_layer_or_another_of_naparis_tools_ends_ours(
    scene: Scene, group: CorrectGroup
) -> None:
    group.toolbox.use("delete")
    scene.layer.mode = "fill"
    assert group.toolbox.tool == ""
    assert str(scene.layer.mode) == "fill"
    group.toolbox.use("split")
    scene.viewer.layers.selection.active = scene.viewer.layers["cells"]
    scene.until(lambda: group.toolbox.tool == "")


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        ("delete", "no object here"),
        ("accept", "no object here"),
        ("merge", "no object here"),
        ("split", "no object here"),
        ("add", "free pixels point to where this one points"),
    ],
)
def test_a_click_on_nothing_is_a_sentence(
    scene: Scene, group: CorrectGroup, tool: str, says: str
) -> None:
    before = scene.instances.labels
    group.toolbox.use(tool)
    scene.click(scene.empty())
    scene.settled()
    assert says in scene.dock.message
    np.testing.assert_array_equal(scene.instances.labels, before)
    assert not group.undo.isEnabled()


def test_outside_and_in_3d_there_is_a_sentence(scene: Scene, group: CorrectGroup) -> None:
    group.toolbox.use("delete")
    scene.click((-20, 10))
    assert "outside the image" in scene.dock.message
    group.toolbox.leave()
    scene.viewer.dims.ndisplay = 3
    group.toolbox.use("delete")
    assert group.toolbox.tool == ""
    assert "2D view" in scene.dock.message


def test_without_objects_nothing_can_be_pressed(viewer: Viewer, qtbot: QtBot) -> None:
    scene = open_scene(viewer, qtbot)
    group = scene.group(CorrectGroup)
    scene.viewer.layers.remove(scene.layer)
    for button in group.buttons.values():
        assert not button.isEnabled()
        assert "Predict" in button.toolTip()
    scene.dock.session.set_result(scene.key, None)
    assert not group.undo.isEnabled()


def test_new_maps_keep_what_was_settled(scene: Scene, group: CorrectGroup) -> None:
    group.accept_all.click()
    scene.settled()
    before = scene.instances.labels
    predict(scene, maps_of(capsules((90, 110), seed=5, count=14), seed=3))
    scene.settled()
    np.testing.assert_array_equal(scene.instances.labels[before > 0], before[before > 0])


# ------------------------------------------------------- what becomes of them


def test_corrections_are_saved_and_come_back(scene: Scene, group: CorrectGroup) -> None:
    a, b = some(scene, 2)
    gone, kept = scene.instances.labels == a, scene.instances.labels == b
    for tool, label in (("delete", a), ("accept", b)):
        group.toolbox.use(tool)
        scene.click(scene.middle(label))
        scene.settled()
    workspace, maps = scene.dock.workspace, scene.result.maps
    workspace.save_now()
    project = scene.dock.session.project
    assert project is not None
    saved = project.corrections(scene.key)
    assert saved is not None
    np.testing.assert_array_equal(saved.labels, scene.corrections.labels)
    workspace.storage.open(project.folder)
    assert scene.dock.session.image == scene.key
    assert not group.undo.isEnabled()
    scene.dock.session.tune(seed_threshold=1.0)
    predict(scene, maps)
    scene.until(lambda: scene.result.corrections is not None)
    scene.settled()
    np.testing.assert_array_equal(scene.instances.labels > 0, kept)
    assert (scene.corrections.labels[gone] == NOTHING).all()


def test_locked_objects_are_in_the_next_training_set(scene: Scene, group: CorrectGroup) -> None:
    assert not group.use_locked.isEnabled()
    labels = some(scene, 2)
    group.toolbox.use("accept")
    for label in labels:
        scene.click(scene.middle(label))
    scene.settled()
    active = scene.viewer.layers.selection.active
    group.use_locked.trigger()
    assert "2 objects added" in scene.dock.message
    assert scene.viewer.layers.selection.active is active
    scene.dock.workspace.save_now()
    assert scene.dock.session.project is not None
    (image,) = load_training_set(scene.dock.session.project).images
    assert image.n_objects == 2
    np.testing.assert_array_equal(image.labels > 0, np.isin(scene.instances.labels, labels))
    group.use_locked.trigger()
    assert "already" in scene.dock.message


def test_what_was_drawn_stays_beside_what_is_used(scene: Scene, group: CorrectGroup) -> None:
    (label,) = some(scene)
    drawn = scene.dock.workspace.drawing.begin().layer
    top = scene.middle(label)[0]
    drawn.data_setitem(np.nonzero(np.indices(drawn.data.shape)[0] < top), np.int32(7))
    group.toolbox.use("accept")
    scene.click(scene.middle(label))
    scene.settled()
    group.use_locked.trigger()
    assert (drawn.data[:top] == 7).all()
    lower = scene.instances.labels[top:] == label
    np.testing.assert_array_equal(drawn.data[top:] > 0, lower)
    assert 7 not in drawn.data[top:]


def test_all_objects_in_a_region_are_used(scene: Scene, group: CorrectGroup) -> None:
    group.use_region.trigger()
    assert "Mark region" in scene.dock.message
    shapes = scene.dock.workspace.drawing.begin_region()
    shapes.add_rectangles(np.array([[0, 0], [0, 60], [45, 60], [45, 0]]))
    group.use_region.trigger()
    touched = set(np.unique(scene.instances.labels[:46, :61])) - {0}
    assert f"{len(touched)} objects added" in scene.dock.message
    annotations = scene.dock.workspace.annotations.strokes(scene.key)
    assert annotations is not None
    np.testing.assert_array_equal(
        annotations.layer.data > 0, np.isin(scene.instances.labels, list(touched))
    )
