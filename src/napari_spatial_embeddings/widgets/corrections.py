"""Correct the objects by hand: what is corrected stays, whatever the sliders do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from app_model.types import KeyCode, KeyMod
from napari.layers import Labels
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_spatial_embeddings import corrections as act
from napari_spatial_embeddings.adopt import inside
from napari_spatial_embeddings.corrections import Corrections
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.regions import covered

from . import _layers
from ._corrector import Corrector
from ._drawn import marked
from ._foreground import Foreground
from ._locked import LockedOutlines
from ._pointer import Pixel, Pointer, pixel_of
from ._tools import TOOLS, Scene, label_at
from .workspace import Workspace

REST = "Choose a tool; what you correct is locked, and stays whatever the sliders do."


class CorrectGroup(QWidget):
    """Tools to correct the objects of the current image.

    Parameters
    ----------
    workspace : Workspace
    foreground : Foreground

    Attributes
    ----------
    tool : str
        The tool that is chosen; empty if none is.
    """

    def __init__(
        self, workspace: Workspace, foreground: Foreground, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.foreground = foreground
        self.workspace, self.session, self.viewer = workspace, workspace.session, workspace.viewer
        self.corrector = Corrector(workspace, self)
        self.locked_outlines = LockedOutlines(workspace, self)
        self.pointer = Pointer(self.viewer, self)
        self.pointer.clicked.connect(self._clicked)
        self.tool = ""
        self._first: Pixel | None = None
        self._layer: Labels | None = None
        self._arrange()
        self._links: list[tuple[Any, Callable[..., object]]] = [
            (self.session.image_changed, self._follow),
            (self.session.result_changed, self._follow),
            (self.viewer.layers.events.inserted, self._follow),
            (self.viewer.layers.events.removed, self._follow),
            (self.viewer.layers.selection.events.active, self._look_away),
        ]
        for signal, slot in self._links:
            signal.connect(slot)
        self.corrector.changed.connect(self.refresh)
        self._follow()

    def _arrange(self) -> None:
        self.buttons: dict[str, QPushButton] = {}
        tools = QGridLayout()
        tools.setSpacing(4)
        for k, (key, tool) in enumerate(TOOLS.items()):
            button = self.buttons[key] = QPushButton(tool.name)
            button.setCheckable(True)
            button.setToolTip(f"{tool.hint}\nKey: {tool.key}; Esc leaves the tool.")
            button.clicked.connect(lambda checked, key=key: self._press(key, checked))
            tools.addWidget(button, k // 3, k % 3)
        self.classes = QComboBox()
        self.classes.setToolTip("The class that is given to the objects you click.")
        tools.addWidget(self.classes, 2, 1, 1, 2)
        self.hint = QLabel(REST)
        self.hint.setObjectName("hint")
        self.hint.setWordWrap(True)
        self.undo = self._button("Undo", self.corrector.undo, "Ctrl+Z")
        self.redo = self._button("Redo", self.corrector.redo, "Ctrl+Shift+Z")
        self.accept_all = self._button("Accept all", self._accept_all, "Lock all objects as now.")
        self.locked = QLabel()
        self.use_as = QPushButton("Use as annotation")
        self.use_as.setToolTip("Let the next training learn from these objects.")
        menu = QMenu(self.use_as)
        self.use_locked = menu.addAction("The locked objects", self._use_locked)
        self.use_region = menu.addAction("All objects in the regions", self._use_region)
        self.use_as.setMenu(menu)
        self.release = self._button("Release all", self._release_all, "Forget all corrections.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(tools)
        layout.addWidget(self.hint)
        rows = (self.undo, self.redo), (self.accept_all, self.release), (self.locked, self.use_as)
        for row in rows:
            line = QHBoxLayout()
            for widget in row:
                line.addWidget(widget, 1)
            layout.addLayout(line)
        self._escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        self._escape.setContext(Qt.ShortcutContext.WindowShortcut)
        self._escape.setEnabled(False)
        self._escape.activated.connect(self.leave)

    def _button(self, text: str, slot: Callable[[], None], tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(slot)
        return button

    def close_down(self) -> None:
        """End what runs in the background, and let go of the viewer."""
        self.leave()
        self.pointer.close()
        self.corrector.close()
        self.locked_outlines.close()
        for signal, slot in self._links:
            signal.disconnect(slot)
        self._let_go()

    # ---------------------------------------------------------------- what is possible

    def refresh(self) -> None:
        """Show what is locked, and what is possible."""
        result = self.session.result
        ready = result is not None and result.instances is not None and self._layer is not None
        for key, button in self.buttons.items():
            tool = TOOLS[key]
            tip = f"{tool.hint}\nKey: {tool.key}; Esc leaves the tool."
            button.setEnabled(ready)
            button.setToolTip(tip if ready else "Predict this image first.")
        names = list(result.classes) if result is not None else []
        if names != [self.classes.itemText(k) for k in range(self.classes.count())]:
            self.classes.clear()
            self.classes.addItems(names)
        for widget in (self.buttons["class"], self.classes):
            widget.setVisible(len(names) > 1)
        self.accept_all.setEnabled(ready)
        self.undo.setEnabled(ready and self.corrector.can_undo)
        self.redo.setEnabled(ready and self.corrector.can_redo)
        known = None if result is None else result.corrections
        gone = known is not None and bool((known.labels == act.NOTHING).any())
        count = 0 if known is None else len(known)
        self.release.setEnabled(bool(count) or gone)
        self.locked.setText(f"{count} locked" + (", some deleted" if gone else ""))
        self.use_as.setEnabled(ready)
        self.use_locked.setEnabled(count > 0)

    # ---------------------------------------------------------------- the objects' layer

    def _follow(self, *_: object) -> None:
        """Keep to the layer of the current image's objects."""
        key = self.session.image
        layer = _layers.find(self.viewer, "instances", key) if key else None
        if layer is not self._layer:
            self.leave()
            self._let_go()
            self._layer = layer
            if layer is not None:
                layer.events.paint.connect(self._painted)
                layer.events.mode.connect(self._mode_changed)
                for keys, action in self._keys():
                    layer.bind_key(keys, action, overwrite=True)
        self.refresh()

    def _let_go(self) -> None:
        if self._layer is not None:
            self._layer.events.paint.disconnect(self._painted)
            self._layer.events.mode.disconnect(self._mode_changed)
            for keys, _ in self._keys():
                self._layer.bind_key(keys, None)
            self._layer = None

    def _keys(self) -> list[tuple[Any, Callable[[Labels], None]]]:
        undo, redo = KeyMod.CtrlCmd | KeyCode.KeyZ, KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ
        keys: list[tuple[Any, Callable[[Labels], None]]] = [
            (undo, lambda _layer: self.corrector.undo()),
            (redo, lambda _layer: self.corrector.redo()),
            ("Escape", lambda _layer: self.leave()),
        ]
        for key, tool in TOOLS.items():
            keys.append((tool.key, self._chooses(key)))
        return keys

    def _chooses(self, tool: str) -> Callable[[Labels], None]:
        def choose(_layer: Labels) -> None:  # napari asks for a function with a name
            self.use(tool)

        return choose

    # ---------------------------------------------------------------- tools

    def use(self, tool: str) -> None:
        """Choose a tool."""
        if self._layer is None or not self.buttons[tool].isEnabled():
            return
        self._put_away()
        if self.viewer.dims.ndisplay != 2:
            self.foreground.leave(self)
            self.session.say("correct in the 2D view: press the button with the square", "warning")
            return
        self.foreground.take(self, self._layer)
        if tool == "paint":
            self._layer.selected_label = int(np.max(self._layer.data, initial=0)) + 1
            self._layer.mode = "paint"
        else:
            self.pointer.listen_to_clicks(True)
        self.tool = tool
        self.buttons[tool].setChecked(True)
        self.hint.setText(TOOLS[tool].hint)
        self._escape.setEnabled(True)

    def leave(self) -> None:
        """Put the tool away."""
        self._put_away()
        self.foreground.leave(self)

    def _put_away(self) -> None:
        tool, self.tool, self._first = self.tool, "", None
        self.pointer.listen_to_clicks(False)
        self._escape.setEnabled(False)
        for button in self.buttons.values():
            button.setChecked(False)
        self.hint.setText(REST)
        if tool == "paint" and self._layer is not None:
            self._layer.mode = "pan_zoom"

    def _press(self, tool: str, checked: bool) -> None:
        if checked:
            self.use(tool)
            self.buttons[tool].setChecked(self.tool == tool)
        else:
            self.leave()

    def _look_away(self, *_: object) -> None:
        # A layer of ours that is added is the active one for a moment, and no choice of a person.
        QTimer.singleShot(0, self, self._leave_if_away)

    def _leave_if_away(self) -> None:
        if self.tool and self.viewer.layers.selection.active is not self._layer:
            self.leave()

    def _mode_changed(self, *_: object) -> None:
        """Leave a tool when a person takes one of napari's, and the other way round."""
        if self._layer is not None and self.tool:
            painting = str(self._layer.mode) != "pan_zoom"
            if painting != (self.tool == "paint"):
                self.leave()

    # ---------------------------------------------------------------- what is done

    def _clicked(self, position: tuple[float, ...]) -> None:
        tool, layer, result = TOOLS.get(self.tool), self._layer, self.session.result
        if tool is None or tool.work is None or layer is None:
            return
        if result is None or result.instances is None:
            return
        with self.session.speaking():
            at = pixel_of(layer, position)
            if at is None:
                self.session.say("that is outside the image")
                return
            pixels: tuple[Any, ...] = (at,)
            if tool.then:
                if self._first is None:
                    label = label_at(result.instances, at)
                    self._first = at
                    self.hint.setText(tool.then.format(label=f"object {label}"))
                    return
                pixels, self._first = (self._first, at), None
                self.hint.setText(tool.hint)
            if self.tool == "class":
                pixels = (at, self.classes.currentIndex())
            self._do(tool.work, *pixels)

    def _do(self, work: Callable[..., Corrections], *given: object, said: str = "") -> None:
        def change(scene: Scene) -> Corrections:
            return work(scene, *given)

        self.corrector.do(change, said)

    def _painted(self, *_: object) -> None:
        """Take over a stroke, or whatever napari changed."""
        if self._layer is None:
            return
        labels = np.array(self._layer.data)
        self._do(lambda now: act.painted(now.corrections, now.instances, now.maps, labels))
        if self.tool == "paint" and str(self._layer.mode) == "paint":
            self._layer.selected_label = (
                max(int(self._layer.selected_label), int(labels.max(initial=0))) + 1
            )

    def _accept_all(self) -> None:
        self._do(lambda now: act.accept(now.corrections, now.instances))

    def _use_locked(self) -> None:
        with self.session.speaking():
            result = self.session.result
            if result is None or result.corrections is None or not len(result.corrections):
                raise InputError("no object is locked yet: accept or correct some first")
            self.session.say(self.workspace.drawing.adopt(result, result.corrections.label))

    def _use_region(self) -> None:
        with self.session.speaking():
            result = self.session.result
            regions = marked(self.workspace.annotations.regions(self.session.image))
            if result is None or result.instances is None or not regions:
                raise InputError("there is no region yet: press Mark region under Annotate")
            labels = inside(result.instances, covered(regions, result.maps.shape))
            self.session.say(self.workspace.drawing.adopt(result, labels))

    def _release_all(self) -> None:
        self._do(lambda now: Corrections.none(now.maps.shape))
