"""Images whose objects are found, in a window, and a hand that clicks on them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.pointer import pixel_of
from napari_spatial_embeddings.plugin.layers.world import to_world
from napari_spatial_embeddings.plugin.qt.collapsible import Collapsible
from plugin.robot_actions import open_dock
from plugin.scenes import Scene, default_labels, maps_of, open_image, predict

Section = TypeVar("Section", bound=QWidget)

LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@dataclass
class WindowScene(Scene):
    """An image whose objects are found, in a window with the dock."""

    rig: SpatialEmbeddingsWidget

    @property
    def dock(self) -> SpatialEmbeddingsWidget:
        return self.rig

    def section(self, kind: type[Section]) -> Section:
        """Return a section of the dock, with what it has once it was opened."""
        found: Section | None = self.dock.findChild(kind)
        assert found is not None
        if isinstance(found, Collapsible):
            found.ensure_built()
        return found

    @property
    def canvas(self) -> QWidget:
        """The widget that the viewer draws its layers on."""
        every = self.dock.window().findChildren(QWidget)
        return next(w for w in every if type(w).__name__.startswith("CanvasBackend"))

    @property
    def camera(self) -> Any:
        return getattr(self.viewer, "scene", self.viewer).camera

    def spot(self, pixel: Sequence[float]) -> QPoint:
        """Return where a pixel is on the canvas."""
        world = to_world(self.viewer, self.layer, pixel)[-2:]
        away = (world - np.asarray(self.camera.center)[-2:]) * self.camera.zoom
        middle = self.canvas.rect().center()
        spot = QPoint(round(middle.x() + away[1]), round(middle.y() + away[0]))
        assert self.canvas.rect().contains(spot)
        return spot

    def click(self, pixel: Sequence[float]) -> None:
        """Click on a pixel, with a hand that trembles a little."""
        spot = self.spot(pixel)
        QTest.mouseMove(self.canvas, spot)
        QTest.mousePress(self.canvas, LEFT, NO_KEY, spot)
        QTest.mouseMove(self.canvas, spot + QPoint(1, 0))
        QTest.mouseRelease(self.canvas, LEFT, NO_KEY, spot + QPoint(1, 0))
        QApplication.processEvents()

    def drag(self, *pixels: Any) -> None:
        """Press, move along pixels, and let go."""
        spots = [self.spot(pixel) for pixel in pixels]
        QTest.mousePress(self.canvas, LEFT, NO_KEY, spots[0])
        for spot in spots[1:]:
            QTest.mouseMove(self.canvas, spot)
            QApplication.processEvents()
        QTest.mouseRelease(self.canvas, LEFT, NO_KEY, spots[-1])
        QApplication.processEvents()

    def hover(self, pixel: Sequence[float]) -> None:
        """Move the mouse over a pixel, and rest there with a hand that trembles a little."""
        ways = itertools.cycle((0, 1))

        def over() -> bool:
            QTest.mouseMove(self.canvas, self.spot(pixel) + QPoint(next(ways), 0))
            QApplication.processEvents()
            return pixel_of(self.layer, self.viewer.cursor.position) == tuple(pixel)

        self.until(over)

    def key_press(self, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
        """Press a key over the canvas."""
        held = NO_KEY
        for modifier in modifiers:
            held |= modifier
        QTest.keyClick(self.canvas, key, held)
        QApplication.processEvents()


def open_scene(
    viewer: Any,
    qtbot: QtBot,
    labels: NDArray[np.int32] | None = None,
    classes: int = 1,
    name: str = "cells",
) -> WindowScene:
    """Open an image whose objects are found, and the dock."""
    labels = default_labels() if labels is None else labels
    dock = open_dock(viewer)
    scene = WindowScene(dock, open_image(dock, labels, name), qtbot)
    predict(scene, maps_of(labels, classes=classes))
    for _ in range(3):  # until every part of the window has its size
        QApplication.processEvents()
    viewer.reset_view()
    viewer.layers.selection.active = scene.layer
    QApplication.processEvents()
    return scene
