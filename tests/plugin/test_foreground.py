"""What is corrected or explained is seen, whatever was drawn over it; no brush is left behind."""

from __future__ import annotations

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

from napari_spatial_embeddings.plugin.layers.pointer import Pointer
from napari_spatial_embeddings.plugin.sections.annotate import AnnotateStep
from napari_spatial_embeddings.plugin.sections.correct import CorrectGroup
from napari_spatial_embeddings.plugin.sections.explain import ExplainGroup
from plugin.robot_actions import press, stroke
from plugin.scenes import Scene, open_scene


@pytest.fixture
def scene(shown: Viewer, qtbot: QtBot) -> Scene:
    """Return found objects, with an annotation drawn over one, and the brush in hand."""
    found = open_scene(shown, qtbot)
    press(found.dock, "Annotate")
    strokes = found.dock.workspace.annotations.strokes(found.key)
    assert strokes is not None
    strokes.layer.brush_size = 9
    y, x = found.middle(int(found.instances.ids[0]))
    stroke(shown, found.dock, (y, x), (y, x + 2), (y + 2, x + 2))
    assert strokes.layer.data.any()
    return found


@pytest.fixture
def group(scene: Scene) -> CorrectGroup:
    return scene.group(CorrectGroup)


def drawn(scene: Scene) -> list[bool]:
    """Return which of the layers of what was drawn are seen."""
    names = ("annotations", "regions")
    return [x.visible for x in scene.viewer.layers if x.name.endswith(names)]


def in_front(scene: Scene) -> bool:
    """Whether the objects are seen, and clicks reach them and paint nothing."""
    layer = scene.layer
    active = scene.viewer.layers.selection.active is layer
    return active and layer.visible and str(layer.mode) == "pan_zoom" and not any(drawn(scene))


def test_explain_paints_nothing(scene: Scene) -> None:
    explain, annotations = scene.group(ExplainGroup), scene.dock.workspace.annotations
    strokes = annotations.strokes(scene.key)
    assert strokes is not None
    before = strokes.layer.data.copy()
    explain.toggle.click()
    assert in_front(scene)
    scene.click(scene.empty())
    np.testing.assert_array_equal(strokes.layer.data, before)
    explain.toggle.click()
    assert drawn(scene) == [True]


def test_tools_work_on_what_is_seen(scene: Scene, group: CorrectGroup) -> None:
    scene.dock.workspace.drawing.begin_region()
    for tool in ("delete", "split", "add"):
        group.buttons[tool].click()
        assert in_front(scene)
    scene.key_press(Qt.Key.Key_Escape)
    assert group.toolbox.tool == ""
    assert drawn(scene) == [True, True]


def test_two_users_hide_it_until_both_are_done(scene: Scene, group: CorrectGroup) -> None:
    explain = scene.group(ExplainGroup)
    explain.toggle.click()
    group.buttons["delete"].click()
    explain.toggle.click()
    assert in_front(scene)
    group.toolbox.leave()
    assert drawn(scene) == [True]


def test_what_was_hidden_by_hand_stays_hidden(scene: Scene, group: CorrectGroup) -> None:
    scene.viewer.layers["cells · annotations"].visible = False
    group.buttons["delete"].click()
    group.toolbox.leave()
    assert drawn(scene) == [False]


def test_who_takes_up_the_brush_again_sees_what_is_drawn(scene: Scene, group: CorrectGroup) -> None:
    step = next(step for step in scene.dock.steps if isinstance(step, AnnotateStep))
    group.buttons["delete"].click()
    press(step, "Draw")
    scene.until(lambda: group.toolbox.tool == "")
    layer = scene.viewer.layers["cells · annotations"]
    assert layer.visible
    assert scene.viewer.layers.selection.active is layer
    assert str(layer.mode) == "paint"


def test_used_as_annotation_it_stays_in_front(scene: Scene, group: CorrectGroup) -> None:
    group.accept_all.click()
    scene.settled()
    group.buttons["delete"].click()
    group.use_locked.trigger()
    assert "added to the annotations" in scene.dock.message
    assert in_front(scene)


def test_another_image_gets_its_own_back(scene: Scene) -> None:
    explain = scene.group(ExplainGroup)
    explain.toggle.click()
    other = scene.viewer.add_image(np.zeros((40, 50), np.float32), name="other")
    first = scene.viewer.layers["cells"]
    scene.dock.workspace.choose(other)
    assert not explain.on
    assert drawn(scene) == [False], "it is the other image's"
    scene.dock.workspace.choose(first)
    assert drawn(scene) == [True]


def test_no_brush_is_left_on_the_canvas(scene: Scene, group: CorrectGroup) -> None:
    at = scene.middle(int(scene.instances.ids[-1]))
    pointer = Pointer(scene.viewer)
    pointer.listen_to_moves(True)
    with scene.qtbot.waitSignal(pointer.moved):
        scene.hover(at)
    pointer.close()
    group.buttons["delete"].click()
    scene.layer.opacity = 1
    spot = scene.spot(at)
    seen = scene.viewer.screenshot(canvas_only=True, flash=False)[..., :3]
    expected = 255 * scene.layer.get_color(int(scene.instances.labels[at]))[:3]
    ratio = seen.shape[0] / scene.canvas.height()
    y, x = round(spot.y() * ratio), round(spot.x() * ratio)
    np.testing.assert_allclose(seen[y - 3 : y + 4, x - 3 : x + 4].mean((0, 1)), expected, atol=3)


def test_naparis_own_history_brings_back_nothing(scene: Scene, group: CorrectGroup) -> None:
    group.buttons["paint"].click()
    scene.layer.brush_size = 5
    scene.drag(scene.empty())
    scene.settled()
    scene.tune(margin_factor=0.6)
    shown = scene.layer.data.copy()
    scene.layer.undo()
    np.testing.assert_array_equal(scene.layer.data, shown)
    np.testing.assert_array_equal(shown, scene.instances.labels)
