"""A simulated user, who sees buttons, sliders and layers, and uses mouse and keys only.

Nothing here calls the plugin. What is on the screen is found by its text.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QScrollArea,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)

from napari_spatial_embeddings.plugin.qt.text_block import TextBox
from plugin.robot_actions import PACE, PLUGIN, along, canvas, on_screen

W = TypeVar("W", bound=QWidget)

PATIENCE_SECONDS = 60.0
"""How long the user waits for something: a busy machine takes its time."""

SOON_SECONDS = 3.0
"""For which the user looks closely; to read the dock takes time, of which a training needs all."""

BELOW = 30
"""Pixels from the middle of a title down to that of its slider, at most."""

LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


class Person:
    """Works in one window.

    Parameters
    ----------
    viewer : napari.Viewer
        With its window shown.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        _, self.dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Spatial Embeddings")
        QApplication.processEvents()
        self.canvas = canvas(self.dock)

    # ------------------------------------------------------------------ seeing

    def wait(self, condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until a condition holds."""
        start = time.monotonic()
        while not condition():
            waited = time.monotonic() - start
            assert waited < seconds, f"not within {seconds:g} s; {self.sentences()}"
            QTest.qWait(20 if waited < SOON_SECONDS else 250)

    def rest(self, milliseconds: int = 300) -> None:
        """Let the window finish drawing."""
        QTest.qWait(milliseconds)

    def sentences(self) -> list[str]:
        """Return all texts that the dock shows."""
        labels = (*self.dock.findChildren(QLabel), *self.dock.findChildren(TextBox))
        return [x.text() for x in labels if x.isVisible() and x.text()]

    def says(self, text: str) -> bool:
        """Return whether the dock shows a text."""
        return any(text in sentence for sentence in self.sentences())

    def has(self, ending: str) -> bool:
        """Return whether there is a layer whose name ends like this."""
        return any(x.name.endswith(ending) for x in self.viewer.layers)

    def layer(self, ending: str) -> Any:
        """Return the layer whose name ends like this."""
        found = [x for x in self.viewer.layers if x.name.endswith(ending)]
        assert found, (ending, [x.name for x in self.viewer.layers])
        return found[-1]

    def button(self, text: str) -> QAbstractButton:
        """Return the button with a text."""
        found = self._buttons(text)
        assert len(found) == 1, (text, len(found))
        return found[0]

    def sees(self, text: str) -> bool:
        """Return whether the whole button with a text is visible."""
        button = self.button(text)
        return bool(button.visibleRegion().boundingRect() == button.rect())

    def _buttons(self, text: str) -> list[QAbstractButton]:
        every: list[QAbstractButton] = self.dock.findChildren(QAbstractButton)
        titles = "header"  # of collapsible groups
        return [b for b in every if b.text() == text and b.isVisible() and b.objectName() != titles]

    def beside(self, text: str, kind: type[W]) -> W:
        """Return the widget beside a label; a slider may be right below it."""
        for label in self.dock.findChildren(QLabel):
            if label.text() == text and label.isVisible():
                near = 6 + label.height() // 2
                lowest = BELOW if kind is QSlider else near
                widgets: list[W] = [w for w in self.dock.findChildren(kind) if w.isVisible()]
                found = [w for w in widgets if -near < self._below(label, w) < lowest]
                if found:
                    return min(found, key=lambda w: abs(self._below(label, w)))
        raise AssertionError(f"there is no {kind.__name__} beside '{text}'; {self.sentences()}")

    def _below(self, label: QWidget, widget: QWidget) -> int:
        """Return by how many pixels a widget's middle is below a label's."""
        own, middle = (w.mapTo(self.dock, w.rect().center()) for w in (label, widget))
        return middle.y() - own.y()

    # ------------------------------------------------------------- in the dock

    def show(self, widget: QWidget) -> None:
        """Scroll to a widget."""
        area = self.dock.findChild(QScrollArea)
        if area is not None and area.isAncestorOf(widget):
            area.ensureWidgetVisible(widget, 0, 40)
            QApplication.processEvents()

    def press(self, text: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Click a button, as soon as it can be clicked."""
        button = self.button(text)
        self.wait(button.isEnabled, seconds)
        self.show(button)
        at = QPoint(min(12, button.width() // 2), button.height() // 2)  # a box ticks at its left
        QTest.mouseClick(button, LEFT, NO_KEY, at)
        QApplication.processEvents()

    def open(self, *titles: str) -> None:
        """Open these steps and groups, and collapse all others."""
        for button in self.dock.findChildren(QAbstractButton, "header"):
            if button.isVisible() and button.isChecked() != (button.text() in titles):
                self.show(button)
                QTest.mouseClick(button, LEFT)
        self.rest(100)

    def choose(self, label: str, text: str) -> None:
        """Choose an entry of a list by its first letters."""
        box = self.beside(label, QComboBox)
        self.show(box)
        QTest.keyClicks(box, text)
        QApplication.processEvents()
        assert box.currentText().startswith(text), box.currentText()

    def type(self, label: str, text: str) -> None:
        """Type a number into the box beside a label."""
        box = self.beside(label, QAbstractSpinBox)
        self.show(box)
        box.setFocus()
        box.selectAll()
        QTest.keyClicks(box, text)
        QTest.keyClick(box, Qt.Key.Key_Return)
        QApplication.processEvents()

    def drag(self, label: str, share: float, steps: int = 12) -> None:
        """Drag the slider beside a label to a share of its length."""
        slider = self.beside(label, QSlider)
        self.show(slider)
        start = handle(slider)
        end = round(share * slider.width())
        QTest.mousePress(slider, LEFT, NO_KEY, start)
        for k in range(1, steps + 1):
            QTest.mouseMove(slider, QPoint(start.x() + (end - start.x()) * k // steps, start.y()))
            QTest.qWait(PACE)
        QTest.mouseRelease(slider, LEFT, NO_KEY, QPoint(end, start.y()))
        QApplication.processEvents()

    def pick(self, text: str, entry: str) -> None:
        """Press a button that opens a menu, and choose from that."""
        as_soon_as(QApplication.activePopupWidget, lambda: take(entry))
        self.press(text)
        self.rest(100)

    def open_project(self, folder: Path) -> None:
        """Press Open, and type a folder into the dialog."""
        self.open("Data")
        as_soon_as(QApplication.activeModalWidget, lambda: answer(folder))
        self.press("Open")

    # ----------------------------------------------------------- on the canvas

    def where(self, layer: Layer, pixel: Sequence[float]) -> QPoint:
        """Return where a pixel of a layer is on the canvas."""
        return on_screen(self.viewer, self.canvas, layer, pixel)

    def paint(self, labels: NDArray[np.int32], label: int, step: int = 4) -> None:
        """Paint over an object with the brush that is chosen."""
        self.stroke(self.viewer.layers.selection.active, along(labels, label, step))

    def stroke(self, layer: Layer, pixels: Sequence[Sequence[float]]) -> None:
        """Press, move along pixels of a layer, release."""
        points = [self.where(layer, pixel) for pixel in pixels]
        QTest.mouseMove(self.canvas, points[0])
        QTest.mousePress(self.canvas, LEFT, NO_KEY, points[0])
        for point in points[1:]:
            QTest.qWait(PACE)
            QTest.mouseMove(self.canvas, point)
        QTest.qWait(PACE)
        QTest.mouseRelease(self.canvas, LEFT, NO_KEY, points[-1])
        QApplication.processEvents()

    def click(self, layer: Layer, pixel: Sequence[float]) -> None:
        """Click on a pixel of a layer."""
        self.hover(layer, pixel)
        QTest.mouseClick(self.canvas, LEFT, NO_KEY, self.where(layer, pixel))
        QTest.qWait(2 * PACE)

    def hover(self, layer: Layer, pixel: Sequence[float]) -> None:
        """Move the mouse to a pixel of a layer."""
        at = self.where(layer, pixel)
        QTest.mouseMove(self.canvas, at + QPoint(3, 0))
        QTest.qWait(PACE)
        QTest.mouseMove(self.canvas, at)
        QTest.qWait(PACE)

    # --------------------------------------------------------------- a picture

    def shoot(self, path: Path) -> None:
        """Take a picture of the whole window."""
        self.rest()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.viewer.screenshot(str(path), canvas_only=False, flash=False)


def as_soon_as(shown: Callable[[], QWidget | None], act: Callable[[], None]) -> None:
    """Act once a menu or dialog is shown, which has an event loop of its own."""
    end = time.monotonic() + PATIENCE_SECONDS

    def look() -> None:
        widget = shown()
        if widget is not None and widget.isVisible():
            act()
        elif time.monotonic() < end:
            QTimer.singleShot(100, look)

    QTimer.singleShot(500, look)


def take(entry: str) -> None:
    """Choose from the menu that is open, by keys: its place on the screen may not be final yet."""
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    menu.setActiveAction(next(a for a in menu.actions() if a.text() == entry))
    QTest.keyClick(menu, Qt.Key.Key_Return)


def answer(folder: Path) -> None:
    """Type a folder into the open dialog."""
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, QFileDialog)
    name = dialog.findChild(QLineEdit)
    assert name is not None
    name.setText(str(folder))
    QTest.keyClick(name, Qt.Key.Key_Return)
    if dialog.isVisible():
        dialog.accept()


def handle(slider: QSlider) -> QPoint:
    """Return the middle of a slider's handle."""
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    part = QStyle.SubControl.SC_SliderHandle
    control = QStyle.ComplexControl.CC_Slider
    return slider.style().subControlRect(control, option, part, slider).center()
