"""The step in which people draw objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QWidget,
)
from superqt import QFlowLayout

from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationLayers
from napari_spatial_embeddings.plugin.controllers.annotation_actions import Drawing
from napari_spatial_embeddings.plugin.controllers.annotation_count import Drawn
from napari_spatial_embeddings.plugin.controllers.workspace import Workspace
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.qt.step_area import Step

from .class_buttons import Palette

if TYPE_CHECKING:
    from napari.utils.events import Event

FEW = 5
"""Fewer objects than this teach a model little."""

TOOLS = {
    "draw": ("Draw", "Paint objects. A stroke that begins on an object adds to it."),
    "background": ("Background", "Paint where there is no object, such as between two that touch."),
    "erase": ("Erase", "Erase what was painted."),
    "class": ("Set class", "Click on objects to give them the class chosen above."),
}


class AnnotateStep(Step):
    """Draw objects, in layers that are made as they are needed.

    Parameters
    ----------
    workspace : Workspace

    Attributes
    ----------
    layers : AnnotationLayers
    drawing : Drawing
    """

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__("Annotate", parent=parent)
        self.workspace, self.session = workspace, workspace.session
        self.layers = AnnotationLayers(workspace, self)
        self.drawing = Drawing(self.layers)
        self._begin = QPushButton("Annotate")
        self._begin.setToolTip("Make a layer for objects, if there is none, and paint in it")
        self._begin.clicked.connect(self._annotate)
        self._palette = Palette(self.layers, self.session)
        self._tools = self._make_tools()
        self._region = QPushButton("Mark region")
        self._region.setToolTip(
            "Draw a rectangle around a place where every object is drawn:\n"
            "what is not painted there is background."
        )
        self._region.setCheckable(True)
        self._region.clicked.connect(self._mark_region)
        self._each = QCheckBox("each stroke is a new object")
        self._each.setToolTip(
            "A stroke that begins on an object, or inside the outline of the last one,\n"
            "adds to it. "
            "Switch this off to paint with the label that napari shows."
        )
        self._each.setChecked(True)
        self._each.toggled.connect(self.layers.set_each)
        self._whole = QRadioButton("whole objects")
        self._whole.setToolTip("Every pixel of an object is painted")
        self._quick = QRadioButton("quick strokes")
        self._quick.setToolTip(
            "A line or a dot inside each object will do.\n"
            "What lies around it is left open: add strokes of background, or mark a region."
        )
        self._quick.toggled.connect(self._set_scribbled)
        self._count = QLabel()
        self._count.setObjectName("count")
        self._count.setWordWrap(True)
        self._warning = QLabel()
        self._warning.setObjectName("advice")
        self._warning.setWordWrap(True)
        self._others = QComboBox()
        self._others.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._take = QPushButton("Use")
        self._take.setToolTip("Copy the objects of this layer into the annotations")
        self._take.clicked.connect(self._use_other)
        self._arrange()
        self.layers.changed.connect(self.refresh)
        workspace.images_changed.connect(self.refresh)
        self.session.image_changed.connect(self.refresh)
        workspace.viewer.layers.selection.events.active.connect(self._selected)
        self.refresh()

    def close_down(self) -> None:
        """Let go of the layers."""
        self.layers.changed.disconnect(self.refresh)
        self.workspace.images_changed.disconnect(self.refresh)
        self.session.image_changed.disconnect(self.refresh)
        self.workspace.viewer.layers.selection.events.active.disconnect(self._selected)
        self._palette.close_down()
        self.layers.close()

    def _make_tools(self) -> dict[str, QPushButton]:
        group = QButtonGroup(self)
        group.setExclusive(False)
        tools = {}
        for name, (text, tip) in TOOLS.items():
            button = tools[name] = QPushButton(text)
            button.setToolTip(tip)
            button.setCheckable(True)
            button.clicked.connect(lambda _, name=name: self._choose(name))
            group.addButton(button)
        return tools

    def _arrange(self) -> None:
        self.body.addWidget(self._begin)
        self._drawing = QWidget()
        flow = QFlowLayout(self._drawing)
        flow.setContentsMargins(0, 0, 0, 0)
        for button in (*self._tools.values(), self._region):
            flow.addWidget(button)
        self.body.addWidget(self._palette)
        self.body.addWidget(self._drawing)
        self._how = QWidget()
        row = QHBoxLayout(self._how)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._whole)
        row.addWidget(self._quick)
        row.addStretch(1)
        self.body.addWidget(self._how)
        self.body.addWidget(self._each)
        self.body.addWidget(self._count)
        self.body.addWidget(self._warning)
        self._existing = QWidget()
        row = QHBoxLayout(self._existing)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Use layer"))
        row.addWidget(self._others, 1)
        row.addWidget(self._take)
        self.body.addWidget(self._existing)

    @property
    def text(self) -> str:
        """What the step says of what is drawn: the count and the warning."""
        return f"{self._count.text()} {self._warning.text()}".strip()

    # --------------------------------------------------------------- actions

    def _annotate(self) -> None:
        with self.session.speaking():
            self.drawing.begin().draw()

    def _choose(self, tool: str) -> None:
        with self.session.speaking():
            strokes = self.drawing.begin()
            act = {
                "draw": strokes.draw,
                "background": strokes.draw_background,
                "erase": strokes.erase,
                "class": strokes.give_class,
            }
            act[tool]()
        self.refresh()

    def _mark_region(self) -> None:
        with self.session.speaking():
            self.drawing.begin_region()
        self.refresh()

    def _set_scribbled(self, scribbled: bool) -> None:
        self.drawing.set_scribbled(scribbled)

    def _use_other(self) -> None:
        layer = self._others.currentData(Qt.ItemDataRole.UserRole)
        with self.session.speaking():
            for other in self._foreign():
                if str(other.unique_id) == layer:
                    self.session.say(self.drawing.take(other))

    # ------------------------------------------------------------ what shows

    def _foreign(self) -> list[Labels]:
        """Return the Labels layers of the user's own."""
        layers = self.workspace.viewer.layers
        return [x for x in layers if isinstance(x, Labels) and _layers.role(x) is None]

    def _selected(self, _event: Event) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Show what is drawn, and say what to do next."""
        key = self.session.image
        strokes = self.layers.strokes(key)
        active = self.workspace.viewer.layers.selection.active
        at_work = strokes is not None and active is strokes.layer
        tool = strokes.tool if strokes is not None and at_work else ""
        self._begin.setEnabled(key is not None)
        self._begin.setToolTip(
            "Make a layer for objects, if there is none, and paint in it"
            if key is not None
            else "There is no image: open one, and choose it under Data"
        )
        self._begin.setVisible(strokes is None)
        regions = self.layers.regions(key)
        marking = regions is not None and active is regions and regions.mode.startswith("add_")
        tool = "region" if marking else tool
        self._region.setChecked(marking)
        several = len(self.session.classes) > 1
        for name, button in self._tools.items():
            button.setChecked(name == tool)
        self._tools["class"].setVisible(several)
        for widget in (self._drawing, self._how, self._each, self._palette, self._count):
            widget.setVisible(strokes is not None)
        if strokes is not None:
            scribbled = bool(_layers.facts(strokes.layer).get("scribbled"))
            self._quick.blockSignals(True)
            (self._quick if scribbled else self._whole).setChecked(True)
            self._quick.blockSignals(False)
        drawn = self.layers.counts.get(key or "", Drawn())
        self._show_count(drawn, strokes is not None, several)
        self._show_foreign(key is not None)
        self.set_hint(self._advice(drawn, tool))

    def _show_count(self, drawn: Drawn, shown: bool, several: bool) -> None:
        self._count.setText(drawn.told(self.session.classes if several else ()))
        few = [name for name in self.session.classes if 0 < drawn.objects.get(name, 0) < FEW]
        none = [name for name in self.session.classes if not drawn.objects.get(name)]
        warning = ""
        if drawn.total and several and none:
            warning = f"Nothing of the class {none[0]} is drawn yet."
        elif several and few:
            warning = f"Few of the class {few[0]}: draw {FEW} at least."
        elif 0 < drawn.total < FEW:
            warning = f"Only {drawn.total}: draw {FEW} at least; 10 to 20 do better."
        self._warning.setText(warning)
        self._warning.setVisible(shown and bool(warning))

    def _show_foreign(self, possible: bool) -> None:
        foreign = self._foreign()
        chosen = self._others.currentData(Qt.ItemDataRole.UserRole)
        self._others.clear()
        for layer in foreign:
            self._others.addItem(layer.name, str(layer.unique_id))
        self._others.setCurrentIndex(max(0, self._others.findData(chosen)))
        self._existing.setVisible(possible and bool(foreign))

    def _advice(self, drawn: Drawn, tool: str) -> str:
        if self.session.image is None:
            return "Choose an image first."
        if self.layers.strokes(self.session.image) is None:
            return "Press Annotate, then paint some objects."
        if tool == "background":
            return "Paint where there is no object."
        if tool == "region":
            return "Drag a rectangle around a place where you have drawn every object, or will."
        if tool == "class":
            return f"Click on objects to make them {self.layers.class_name}."
        if not drawn.total:
            return "Paint over an object in the image, all of it, then over the next."
        if drawn.total < FEW:
            return "Go on: to add to an object, begin the stroke on it. Ctrl+Z takes back."
        if not drawn.regions and not drawn.background:
            return "Enough to try: train below. A region where all is drawn helps."
        return "Enough to try: train below, look, and correct what is wrong."
