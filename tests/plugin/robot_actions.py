"""Actions of a simulated user: opens the dock, presses buttons, moves the mouse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QApplication, QWidget

from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.samples import Sample

PLUGIN = "napari-spatial-embeddings"

PACE = 15
"""Milliseconds between two places of a moving mouse; what comes faster, the canvas ignores."""


def open_dock(viewer: Viewer) -> SpatialEmbeddingsWidget:
    """Open the dock widget as the menu does, and all its steps."""
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Spatial Embeddings")
    QApplication.processEvents()
    assert isinstance(widget, SpatialEmbeddingsWidget)
    for step in widget.steps:
        step.set_open(True)
    return widget


def add_image(viewer: Viewer, sample: Sample) -> Any:
    """Add a sample's image as a layer, with its pixel size."""
    units = ("um",) * len(sample.pixel_size)
    return viewer.add_image(sample.image[0], name=sample.name, scale=sample.pixel_size, units=units)


def button(widget: QWidget, text: str) -> QAbstractButton:
    """Return the button that says this; the titles that fold the steps are none."""
    buttons = [b for b in widget.findChildren(QAbstractButton) if b.objectName() != "header"]
    found = [b for b in buttons if b.text() == text and not b.isHidden()]
    assert len(found) == 1, [b.text() for b in buttons]
    return found[0]


def press(widget: QWidget, text: str) -> None:
    """Press a button that is there to be pressed."""
    found = button(widget, text)
    assert found.isEnabled()
    assert found.isVisibleTo(widget)
    found.click()
    QApplication.processEvents()


def canvas(dock: SpatialEmbeddingsWidget) -> QWidget:
    """Return what the viewer draws its layers on."""
    window = dock.window().findChildren(QWidget)
    return next(w for w in window if type(w).__name__.startswith("CanvasBackend"))


def on_screen(viewer: Viewer, widget: QWidget, layer: Labels, pixel: Sequence[float]) -> QPoint:
    """Return where a pixel of a layer is on the canvas."""
    world = np.asarray(layer.data_to_world(pixel))[-2:]
    camera = getattr(viewer, "scene", viewer).camera  # napari 0.9 moved it
    y, x = (world - np.asarray(camera.center)[-2:]) * camera.zoom
    return QPoint(round(widget.width() / 2 + x), round(widget.height() / 2 + y))


def stroke(
    viewer: Viewer,
    dock: SpatialEmbeddingsWidget,
    *pixels: Sequence[float],
    mouse: Qt.MouseButton = Qt.MouseButton.LeftButton,
) -> None:
    """Paint with the mouse along pixels of the active layer."""
    layer = viewer.layers.selection.active
    assert isinstance(layer, Labels)
    widget = canvas(dock)
    none = Qt.KeyboardModifier.NoModifier
    points = [on_screen(viewer, widget, layer, pixel) for pixel in pixels]
    QTest.mouseMove(widget, points[0])
    QTest.mousePress(widget, mouse, none, points[0])
    for point in points[1:]:
        QTest.qWait(PACE)
        QTest.mouseMove(widget, point)
    # A hand comes to rest before it lets go.
    QTest.qWait(PACE)
    QTest.mouseMove(widget, points[-1] + QPoint(1, 0))
    QTest.qWait(PACE)
    QTest.mouseRelease(widget, mouse, none, points[-1])
    QApplication.processEvents()


def hover(viewer: Viewer, dock: SpatialEmbeddingsWidget, *pixels: Sequence[float]) -> None:
    """Move the mouse over pixels of the active layer, no button pressed."""
    layer = viewer.layers.selection.active
    assert isinstance(layer, Labels)
    widget = canvas(dock)
    for pixel in pixels:
        QTest.mouseMove(widget, on_screen(viewer, widget, layer, pixel))
        QTest.qWait(PACE)


def along(labels: NDArray[np.int32], label: int, step: int = 4) -> list[tuple[int, int]]:
    """Return pixels of a stroke that covers an object, row by row."""
    rows: list[tuple[int, int]] = []
    ys, xs = np.nonzero(labels == label)
    for n, y in enumerate(range(int(ys.min()) + 1, int(ys.max()), step)):
        row = xs[ys == y]
        ends = [(y, int(row.min())), (y, int(row.max()))]
        rows += ends[::-1] if n % 2 else ends
    return rows
