"""The dock's width, from the first moment, and its title."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QApplication,
    QDockWidget,
    QLabel,
)

from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.viewport import shows_all
from plugin.robot_actions import canvas, open_dock


def test_the_dock_leaves_the_canvas_its_half(
    new_viewer: Callable[..., Viewer], qtbot: QtBot
) -> None:
    viewer = new_viewer(show=True)
    viewer.add_image(np.zeros((90, 110), np.uint8))
    window = viewer.window._qt_window
    window.resize(1600, 900)
    QApplication.processEvents()
    dock = open_dock(viewer)
    qtbot.wait(100)
    assert 320 <= dock.width() <= 340
    qtbot.waitUntil(lambda: shows_all(viewer), timeout=10_000)

    window.resize(1280, 800)
    qtbot.waitUntil(lambda: canvas(dock).width() >= window.width() / 2, timeout=10_000)

    # napari's controls of labels take the most.
    viewer.add_labels(np.zeros((90, 110), np.uint8))
    qtbot.wait(100)
    assert canvas(dock).width() >= window.width() / 2
    # A width that the user chooses stays.
    window.resizeDocks([dock.parent()], [400], Qt.Orientation.Horizontal)
    qtbot.wait(100)
    assert dock.width() == 400

    # Where the user has zoomed in, the view stays.
    viewer.window.remove_dock_widget(dock)
    camera = getattr(viewer, "scene", viewer).camera
    camera.zoom *= 4
    zoom = camera.zoom
    open_dock(viewer)
    qtbot.wait(100)
    assert camera.zoom == zoom


@pytest.mark.parametrize("opened", ["before", "later"])
def test_a_dock_in_a_narrow_window_has_its_width_from_the_first_moment(
    new_viewer: Callable[..., Viewer], qtbot: QtBot, opened: str
) -> None:
    """Also where napari's controls become wider later, with the first layer."""
    viewer = new_viewer(show=True)
    window = viewer.window._qt_window
    window.resize(1280, 800)
    image = np.zeros((90, 110), np.uint8)
    if opened == "before":
        viewer.add_image(image)
    qtbot.wait(100)
    widths = Widths()
    dock = open_dock(viewer)
    qtbot.wait(200)
    if opened == "later":
        viewer.add_image(image)
    qtbot.wait(200)
    assert canvas(dock).width() >= window.width() / 2
    widths.close()
    assert widths.seen == {dock.width()}


class Widths(QObject):
    """Notes the widths that docks are given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()
        app = QApplication.instance()
        assert app is not None
        app.installEventFilter(self)
        self.close = partial(app.removeEventFilter, self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if isinstance(event, QResizeEvent) and isinstance(watched, SpatialEmbeddingsWidget):
            self.seen.add(event.size().width())
        return False


def test_the_docks_title_is_whole_docked_and_floating(shown_dock: SpatialEmbeddingsWidget) -> None:
    parent = shown_dock.parent()
    assert isinstance(parent, QDockWidget)
    for floating in (False, True, False):
        parent.setFloating(floating)
        QApplication.processEvents()
        bar = parent.titleBarWidget()
        (title,) = (x for x in bar.findChildren(QLabel) if x.text())
        assert title.text() == "Spatial Embeddings"
        assert title.width() >= title.sizeHint().width()
        assert bar.rect().contains(title.geometry())
