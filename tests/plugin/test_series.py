"""A time series in the window: the slider, the mouse, and what the dock says."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.sections.correct import CorrectSection
from plugin.conftest import Until
from plugin.films import Film
from plugin.robot_actions import PACE, button, canvas, on_screen, press, stroke
from plugin.window_scenes import WindowScene

SHIFT = Qt.KeyboardModifier.ShiftModifier

SIZE = 60


def test_strokes_land_on_the_frame_that_the_slider_is_at(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget, until: Until
) -> None:
    dock = shown_dock
    pixels = np.random.default_rng(0).integers(0, 99, (5, SIZE, SIZE), np.uint8)
    shown.add_image(pixels, name="film", axis_labels=("t", "y", "x"))
    QApplication.processEvents()
    press(dock, "Annotate")
    layer = shown.layers.selection.active
    assert isinstance(layer, Labels)
    layer.brush_size = 5
    for t in (0, 1, 2, 3):  # faster than the dock follows
        shown.dims.set_point(0, t)
    stroke(shown, dock, (3, 15, 15), (3, 15, 30))
    shown.dims.set_point(0, 1)
    stroke(shown, dock, (1, 40, 15), (1, 40, 30))
    stroke(shown, dock, (1, 15, 15), (1, 15, 30))
    assert [len(np.unique(frame)) - 1 for frame in layer.data] == [0, 2, 0, 1, 0]
    assert dock.session.image == "film.t0001"
    assert button(dock, "Draw").isChecked(), "the tool stays"
    until(lambda: annotated(dock) == "2 objects on frame 1; 3 on 2 frames in all")
    shown.dims.set_point(0, 3)
    until(lambda: annotated(dock) == "1 object on frame 3; 3 on 2 frames in all")
    layer.undo()
    until(lambda: annotated(dock) == "0 objects on frame 3; 2 on 1 frame in all")
    dock.autosave.flush()
    project = dock.session.project
    assert project is not None
    assert {entry.frame for entry in project.card.images} == {1, 3}


def cells(halved: bool) -> NDArray[np.int32]:
    """Return cells, of which one may be in two halves."""
    labels = np.zeros((SIZE, SIZE), np.int32)
    for k, (y, x) in enumerate(((5, 5), (5, 35), (35, 5))):
        labels[y : y + 16, x : x + 16] = k + 1
    labels[35:51, 35:43] = 4
    labels[35:51, 43:51] = 5 if halved else 4
    return labels


def test_a_correction_is_repeated_in_the_following_frames(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget, until: Until, qtbot: QtBot
) -> None:
    dock = shown_dock
    film = Film(dock, [cells(halved=True)] * 3 + [cells(halved=False)])
    until(lambda: dock.idle)
    shown.reset_view()
    section = dock.findChild(CorrectSection)
    assert section is not None
    section.set_open(True)
    QApplication.processEvents()
    scene = WindowScene(dock, film.frame(0).key, qtbot)
    places = [section.mapTo(dock, section.rect().bottomLeft()).y()]
    press(dock, "Merge")
    for pixel in ((0, 43, 38), (0, 43, 47)):
        scene.click(pixel)
    until(lambda: dock.following.offer is not None)
    assert section.offer.text() == "The same in 2 following frames (1 to 2)"
    places.append(section.mapTo(dock, section.rect().bottomLeft()).y())
    assert places[0] == places[1], "nothing moves when something is offered"
    apply = button(dock, "Apply")
    dock.column.ensureWidgetVisible(apply)
    QTest.mouseClick(apply, Qt.MouseButton.LeftButton)
    until(lambda: dock.idle)
    assert [len(film.objects(t)) for t in range(4)] == [4, 4, 4, 4]
    assert not section.repeat.isVisible()
    scene.key_press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    until(lambda: dock.idle)
    assert [len(film.objects(t)) for t in range(4)] == [4, 5, 5, 4]
    # Folded, the message says that there is an offer, and the key takes it.
    scene.key_press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    until(lambda: dock.idle)
    section.set_open(False)
    QApplication.processEvents()
    scene.key_press(Qt.Key.Key_J)
    for pixel in ((0, 43, 38), (0, 43, 47)):
        scene.click(pixel)
    until(lambda: "Shift+F" in dock.message)
    scene.key_press(Qt.Key.Key_F, SHIFT)
    until(lambda: dock.idle)
    assert [len(film.objects(t)) for t in range(4)] == [4, 4, 4, 4]
    # The key copies what the active layer holds.
    scene.key_press(Qt.Key.Key_Escape)
    film.go(2)
    scene.key_press(Qt.Key.Key_C, SHIFT)
    until(lambda: dock.idle and film.series.frame == 3)
    assert film.corrected() == [1, 1, 1, 1]
    scene.key_press(Qt.Key.Key_C, SHIFT)
    assert dock.message == "Frame 3 is the last one: there is no next frame."


def test_what_is_drawn_is_copied_by_a_button(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget, until: Until
) -> None:
    dock = shown_dock
    pixels = np.random.default_rng(0).integers(0, 99, (3, SIZE, SIZE), np.uint8)
    shown.add_image(pixels, name="film", axis_labels=("t", "y", "x"))
    QApplication.processEvents()
    shown.dims.set_point(0, 0)
    press(dock, "Annotate")
    copy = button(dock, "Copy to next frame")
    assert not copy.isEnabled()
    assert copy.toolTip().startswith("Nothing is annotated on frame 0")
    layer = shown.layers.selection.active
    assert isinstance(layer, Labels)
    layer.brush_size = 5
    stroke(shown, dock, (0, 15, 15), (0, 15, 30))
    until(lambda: copy.isEnabled())
    press(dock, "Copy to next frame")
    assert shown.dims.point[0] == 1
    np.testing.assert_array_equal(layer.data[1], layer.data[0])
    assert button(dock, "Draw").isChecked(), "the tool stays"
    until(lambda: annotated(dock) == "1 object on frame 1; 2 on 2 frames in all")
    QTest.keyClick(canvas(dock), Qt.Key.Key_C, SHIFT)
    assert shown.dims.point[0] == 2
    QTest.keyClick(canvas(dock), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert [bool(frame.any()) for frame in layer.data] == [True, True, False]


def annotated(dock: SpatialEmbeddingsWidget) -> str:
    """Return the count that the dock shows."""
    text: str = next(step.text for step in dock.steps if hasattr(step, "text"))
    return text


def test_a_stroke_ends_where_the_slider_moves_on(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget, until: Until
) -> None:
    dock = shown_dock
    shown.add_image(np.zeros((5, SIZE, SIZE), np.uint8), name="film", axis_labels=("t", "y", "x"))
    QApplication.processEvents()
    press(dock, "Annotate")
    layer, place = shown.layers.selection.active, canvas(dock)
    assert isinstance(layer, Labels)
    layer.brush_size = 5
    shown.dims.set_point(0, 1)
    points = [on_screen(shown, place, layer, (1, y, 30)) for y in (15, 30, 45)]
    none, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    QTest.mouseMove(place, points[0])
    QTest.mousePress(place, left, none, points[0])
    for t, point in zip((1, 2, 3), (points[1], points[2], points[2]), strict=True):
        QTest.qWait(PACE)
        QTest.mouseMove(place, point)
        QTest.qWait(PACE)
        shown.dims.set_point(0, t + 1)
    QTest.mouseRelease(place, left, none, points[2])
    assert [bool(frame.any()) for frame in layer.data] == [False, True, False, False, False]
    shown.dims.set_point(0, 0)
    until(lambda: annotated(dock) == "0 objects on frame 0; 1 on 1 frame in all")
    dock.autosave.flush()
    project = dock.session.project
    assert project is not None
    saved = project.annotation("film.t0001")
    assert saved is not None
    assert (saved.labels == layer.data[1]).all()
    shown.dims.set_point(0, 1)
    until(lambda: dock.session.image == "film.t0001")  # a fast slider is followed a moment later
    layer.undo()
    assert not layer.data.any(), "it is one stroke"
    stroke(shown, dock, (1, 15, 15), (1, 15, 30))
    assert layer.data[1].any()


def test_a_region_ends_where_the_slider_moves_on(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget, until: Until
) -> None:
    dock = shown_dock
    shown.add_image(np.zeros((5, SIZE, SIZE), np.uint8), name="film", axis_labels=("t", "y", "x"))
    QApplication.processEvents()
    press(dock, "Annotate")
    shown.dims.set_point(0, 1)
    press(dock, "Mark region")
    regions, place = shown.layers.selection.active, canvas(dock)
    assert regions is not None
    points = [on_screen(shown, place, regions, (1, y, y)) for y in (10, 20, 30, 50)]
    none, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    QTest.mouseMove(place, points[0])
    QTest.mousePress(place, left, none, points[0])
    for point in points[1:3]:
        QTest.qWait(PACE)
        QTest.mouseMove(place, point)
    QTest.qWait(PACE)
    shown.dims.set_point(0, 2)
    for point in points[3:] * 2:
        QTest.mouseMove(place, point)
        QTest.qWait(PACE)
    QTest.mouseRelease(place, left, none, points[3])
    (region,) = regions.data
    assert set(region[:, 0]) == {1}
    assert region.max() < 40, "where it was when the slider moved"
    shown.dims.set_point(0, 1)
    until(lambda: "1 region on frame 1" in annotated(dock))
