"""The keys of the dock, pressed over the canvas and over a button."""

from __future__ import annotations

import numpy as np
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from plugin.window_scenes import WindowScene, open_scene

SHIFT = Qt.KeyboardModifier.ShiftModifier
Key = Qt.Key


def test_keys_of_tools_layers_and_images(shown: Viewer, qtbot: QtBot) -> None:
    scene = open_scene(shown, qtbot)
    dock = scene.dock

    def press(key: Key, *modifiers: Qt.KeyboardModifier) -> None:
        scene.key_press(key, *modifiers)

    for key, tool, name in (
        (Key.Key_D, "draw", "Draw"),
        (Key.Key_B, "background", "Background"),
        (Key.Key_M, "region", "Mark region"),
        (Key.Key_E, "erase", "Erase"),
    ):
        press(key, SHIFT)
        assert dock.annotation.tool == tool
        assert dock.status.tool.text.startswith(f"<b>{name}</b>")
        for step in dock.steps:
            step.set_open(False)
        assert dock.status.tool.isVisible()
        assert not dock.status.tool.visibleRegion().isEmpty()
        press(Key.Key_Escape)
        assert dock.annotation.tool == dock.status.tool.text == ""
    height = dock.status.tool.height()
    press(Key.Key_X, SHIFT)
    assert dock.explanation.on
    assert dock.status.tool.height() == height
    press(Key.Key_Escape)
    assert not dock.explanation.on
    toggles(scene)
    # What cannot be done is a sentence.
    dock.session.set_model(None, None)
    for key, sentence in (
        (Key.Key_R, "There is no model"),
        (Key.Key_T, "annotated"),
        (Key.Key_I, "volumes"),
        (Key.Key_N, "first image"),
    ):
        press(key, SHIFT)
        assert sentence in dock.message, sentence
    first = dock.session.image
    other = shown.add_image(np.zeros((40, 50), np.float32), name="other")
    press(Key.Key_N)
    assert dock.images.layer is other
    press(Key.Key_N)
    assert "last image" in dock.message
    press(Key.Key_N, SHIFT)
    assert dock.session.image == first
    # A button that has the keyboard passes the keys on.
    button = dock.steps[0].findChildren(type(dock.status.tool._cross))[0]
    button.setFocus()
    QTest.keyClick(button, Key.Key_D, SHIFT)
    QApplication.processEvents()
    assert dock.annotation.tool == "draw"
    dock.close_down()
    assert not shown.keymap


def toggles(scene: WindowScene) -> None:
    """Hide and show what is annotated, and what was found."""
    scene.dock.correction_tool.use("accept")
    scene.click(scene.middle(scene.some()[0]))
    scene.wait()
    scene.key_press(Key.Key_Escape)
    mine = [x for x in scene.viewer.layers if x.name.endswith(("annotations", "regions"))]
    found = [x for x in scene.viewer.layers if x.name.endswith(("instances", "locked"))]
    assert len(mine) == len(found) == 2
    for layers, others, shift in ((mine, found, ()), (found, mine, (SHIFT,))):
        for visible in (False, True):
            scene.key_press(Key.Key_H, *shift)
            assert [x.visible for x in layers] == [visible] * 2
            assert all(x.visible for x in others)
