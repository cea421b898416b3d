"""Correct the objects by hand: what is corrected stays, whatever the sliders do."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
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

from napari_spatial_embeddings.core.instances import NOTHING, Corrections
from napari_spatial_embeddings.editing import corrections as act
from napari_spatial_embeddings.editing.to_annotation import inside
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.regions import covered
from napari_spatial_embeddings.plugin.controllers.correction import Corrector
from napari_spatial_embeddings.plugin.controllers.correction_tool import REST, Toolbox
from napari_spatial_embeddings.plugin.controllers.workspace import Workspace
from napari_spatial_embeddings.plugin.layers.annotation import marked
from napari_spatial_embeddings.plugin.layers.locked import LockedOutlines
from napari_spatial_embeddings.plugin.layers.visibility import Foreground
from napari_spatial_embeddings.plugin.tasks.correction_tools import TOOLS


class CorrectGroup(QWidget):
    """Tools to correct the objects of the current image.

    Parameters
    ----------
    workspace : Workspace
    foreground : Foreground
    """

    def __init__(
        self, workspace: Workspace, foreground: Foreground, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.workspace, self.session = workspace, workspace.session
        self.corrector = Corrector(workspace, self)
        self.locked_outlines = LockedOutlines(workspace, self)
        self.toolbox = Toolbox(workspace, foreground, self.corrector, self)
        self._arrange()
        self.toolbox.changed.connect(self._show_tool)
        self.toolbox.followed.connect(self.refresh)
        self.corrector.changed.connect(self.refresh)
        self.toolbox.follow()

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
        self.classes.currentIndexChanged.connect(self._choose_class)
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
        self._escape.activated.connect(self.toolbox.leave)

    def _button(self, text: str, slot: Callable[[], None], tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(slot)
        return button

    def close_down(self) -> None:
        """End what runs in the background, and let go of the viewer."""
        self.toolbox.close_down()
        self.corrector.close()
        self.locked_outlines.close()

    # ---------------------------------------------------------------- what is possible

    def refresh(self) -> None:
        """Show what is locked, and what is possible."""
        result = self.session.result
        ready = self.toolbox.ready
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
        gone = known is not None and bool((known.labels == NOTHING).any())
        count = 0 if known is None else len(known)
        self.release.setEnabled(bool(count) or gone)
        self.locked.setText(f"{count} locked" + (", some deleted" if gone else ""))
        self.use_as.setEnabled(ready)
        self.use_locked.setEnabled(count > 0)

    def _show_tool(self) -> None:
        """Show which tool is in the hand, and what to do with it."""
        for key, button in self.buttons.items():
            button.setChecked(key == self.toolbox.tool)
        self.hint.setText(self.toolbox.hint)
        self._escape.setEnabled(bool(self.toolbox.tool))

    # ---------------------------------------------------------------- what is done

    def _press(self, tool: str, checked: bool) -> None:
        if checked:
            self.toolbox.use(tool)
        else:
            self.toolbox.leave()
        self._show_tool()

    def _choose_class(self, index: int) -> None:
        self.toolbox.index = max(0, index)

    def _accept_all(self) -> None:
        self.corrector.do(lambda now: act.accept(now.corrections, now.instances))

    def _use_locked(self) -> None:
        with self.session.speaking():
            result = self.session.result
            if result is None or result.corrections is None or not len(result.corrections):
                raise InputError("no object is locked yet: accept or correct some first")
            self.session.say(self.workspace.drawing.adopt(result, result.corrections.ids))

    def _use_region(self) -> None:
        with self.session.speaking():
            result = self.session.result
            regions = marked(self.workspace.annotations.regions(self.session.image))
            if result is None or result.instances is None or not regions:
                raise InputError("there is no region yet: press Mark region under Annotate")
            labels = inside(result.instances, covered(regions, result.maps.shape))
            self.session.say(self.workspace.drawing.adopt(result, labels))

    def _release_all(self) -> None:
        self.corrector.do(lambda now: Corrections.none(now.maps.shape))
