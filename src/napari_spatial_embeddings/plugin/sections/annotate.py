"""The Annotate step: tools, classes, and what is annotated so far."""

from __future__ import annotations

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QHBoxLayout,
    QPushButton,
    QRadioButton,
    QWidget,
)
from superqt import QFlowLayout

from napari_spatial_embeddings.core.text import plural, sentence
from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.annotation_actions import AnnotationActions
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.proposing.click_tool import NAME, ClickTool
from napari_spatial_embeddings.plugin.controllers.tools.active_tool import ANNOTATION_TOOLS
from napari_spatial_embeddings.plugin.controllers.tools.interpolation import Interpolation
from napari_spatial_embeddings.plugin.controllers.tools.object_import import (
    ObjectImport,
    no_next_frame,
)
from napari_spatial_embeddings.plugin.controllers.tools.region_check import RegionCheck
from napari_spatial_embeddings.plugin.layers.tags import tag_of
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.step_area import StepArea
from napari_spatial_embeddings.plugin.qt.text_block import TextBlock
from napari_spatial_embeddings.plugin.state.annotation_count import AnnotationCount
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.carried_objects import nothing_annotated

from .annotation.existing import ExistingObjects
from .class_buttons import ClassButtons
from .proposing.next_region import NextRegionRow

MIN_OBJECTS = 5
"""Below this number of annotated objects the hint asks for more."""

TIP = """Click on an object: the model that is chosen under Predict outlines it, before any
training. It looks once at what is in view. Key: Shift+O; Ctrl+Z takes an object back."""


class AnnotateStep(StepArea):
    """Paint objects, in layers that are made as they are needed.

    Parameters
    ----------
    session : Session
    images : ImageController
    annotation : AnnotationController
    actions : AnnotationActions
    imports : ObjectImport
    region_check : RegionCheck
    interpolation : Interpolation
    existing : ExistingObjects
    click_tool : ClickTool
    next_row : NextRegionRow
    """

    def __init__(
        self,
        session: Session,
        images: ImageController,
        annotation: AnnotationController,
        actions: AnnotationActions,
        imports: ObjectImport,
        region_check: RegionCheck,
        interpolation: Interpolation,
        existing: ExistingObjects,
        click_tool: ClickTool,
        next_row: NextRegionRow,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Annotate", parent=parent)
        self._session, self._annotation, self._actions = session, annotation, actions
        self._imports, self._region_check = imports, region_check
        self._interpolation, self._existing = interpolation, existing
        self._click_tool = click_tool
        self._images, self._next_row = images, next_row
        self._begin = QPushButton("Annotate")
        self._begin.setToolTip("Add an annotation layer to the image, and paint in it.")
        self._begin.clicked.connect(self._annotate)
        self._classes = ClassButtons(session, annotation)
        self._tools = self._make_tools()
        self._click = QPushButton(NAME)
        self._click.setToolTip(TIP)
        self._click.setCheckable(True)
        self._click.clicked.connect(self._click_on)
        self._fill = QPushButton("Interpolate")
        self._fill.setToolTip(
            "Fill the slices between those that an object is painted in.\n"
            "Pick the object with napari's dropper (key L) to paint it in another slice."
        )
        self._fill.clicked.connect(self._interpolate)
        self._copy = QPushButton("Copy to next frame")
        self._copy.clicked.connect(self._copy_on)
        self._each = QCheckBox("each stroke is a new object")
        self._each.setToolTip(
            "A stroke that starts on an object, or inside the outline of the last one,\n"
            "adds to it. Switch this off to paint with the label selected in napari."
        )
        self._each.setChecked(True)
        self._each.toggled.connect(annotation.set_each)
        self._whole = QRadioButton("whole objects")
        self._whole.setToolTip("Every pixel of an object is painted.")
        self._scribbles = QRadioButton("scribbles")
        self._scribbles.setToolTip(
            "A line or a dot inside each object is enough.\n"
            "Pixels around it stay unknown: scribble on the background too, or mark a region."
        )
        self._scribbles.toggled.connect(self._set_scribbled)
        self._count = TextBlock(1, "count")
        self._arrange()
        self._connections = Connections()
        self._connections.add(annotation.changed, self.refresh)
        self._connections.add(click_tool.changed, self.refresh)
        self._connections.add(region_check.changed, self.refresh)
        self._connections.add(images.changed, self.refresh)
        self._connections.add(session.image_changed, self.refresh)
        self.refresh()

    def close_down(self) -> None:
        """Disconnect from the controllers."""
        self._connections.close()
        self._classes.close_down()
        self._next_row.close_down()

    def _make_tools(self) -> dict[str, QPushButton]:
        group = QButtonGroup(self)
        group.setExclusive(False)
        tools = {}
        for name, (text, tip) in ANNOTATION_TOOLS.items():
            button = tools[name] = QPushButton(text)
            button.setToolTip(tip)
            button.setCheckable(True)
            button.clicked.connect(lambda _, name=name: self._choose(name))
            group.addButton(button)
        return tools

    def _arrange(self) -> None:
        self.body.addWidget(self._begin)
        self._tool_row = QWidget()
        flow = QFlowLayout(self._tool_row)
        flow.setContentsMargins(0, 0, 0, 0)
        for button in (*self._tools.values(), self._click, self._fill):
            flow.addWidget(button)
        self.body.addWidget(self._classes)
        self.body.addWidget(self._tool_row)
        self._how = QWidget()
        row = QHBoxLayout(self._how)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._whole)
        row.addWidget(self._scribbles)
        row.addStretch(1)
        self.body.addWidget(self._how)
        self.body.addWidget(self._each)
        self.body.addWidget(self._count)
        self.body.addWidget(self._copy)
        self.body.addWidget(self._existing)
        self.body.addWidget(self._next_row)

    @property
    def text(self) -> str:
        """The count of what is annotated."""
        return self._count.text()

    # --------------------------------------------------------------- actions

    def _annotate(self) -> None:
        with self._session.errors_as_messages():
            # A view of a large image is made first, and the layer after a turn of the event loop.
            if self._images.enter_view(all_seen=False):
                QTimer.singleShot(1, self, self._annotate)
            else:
                self._actions.use_tool("draw")

    def _choose(self, tool: str) -> None:
        with self._session.errors_as_messages():
            if tool == self._annotation.tool:
                self._actions.leave()
            else:
                self._actions.use_tool(tool)
        self.refresh()

    def _click_on(self) -> None:
        with self._session.errors_as_messages():
            self._click_tool.toggle()
        self.refresh()

    def _interpolate(self) -> None:
        with self._session.errors_as_messages():
            self._interpolation.start()

    def _copy_on(self) -> None:
        with self._session.errors_as_messages():
            self._imports.copy_to_next_frame()

    def _set_scribbled(self, scribbled: bool) -> None:
        self._actions.set_scribbled(scribbled)

    # --------------------------------------------------------------- display

    def refresh(self) -> None:
        """Show what is annotated, and what to do next."""
        key = self._session.image
        strokes = self._annotation.strokes(key)
        tool = self._annotation.tool
        problem = "There is no image: open one, and choose it under Data."
        problem = self._images.problem if key is not None else problem
        self._begin.setEnabled(not problem)
        self._begin.setToolTip(problem or "Add an annotation layer to the image, and paint in it.")
        self._begin.setVisible(strokes is None)
        several = len(self._session.classes) > 1
        for name, button in self._tools.items():
            button.setChecked(name == tool)
        self._tools["class"].setVisible(several)
        self._click.setChecked(self._click_tool.on)
        self._fill.setVisible(strokes is not None and strokes.labels.ndim > 2)
        for widget in (self._tool_row, self._how, self._each, self._classes, self._count):
            widget.setVisible(strokes is not None)
        if strokes is not None:
            tag = tag_of(strokes.layer)
            scribbled = tag is not None and tag.scribbled
            self._scribbles.blockSignals(True)
            (self._scribbles if scribbled else self._whole).setChecked(True)
            self._scribbles.blockSignals(False)
        # Of an image without a layer the project may know more, but nothing of it is shown here.
        count = (self._annotation.count(key) if strokes is not None else None) or AnnotationCount()
        text, series = count.text(self._session.classes if several else ()), self._images.series
        if series is not None:
            frames, objects = self._annotation.frames_annotated(series)
            text = f"{text} on frame {series.frame}"
            if frames > count.any:
                text += f"; {objects} on {plural(frames, 'frame')} in all"
        long = several or series is not None or count.proposed
        self._count.set_lines(2 if long else 1)
        self._count.setText(text)
        self._show_copy(count if strokes is not None else None)
        self._existing.refresh(key is not None)
        self.set_hint(self._advice(count, tool))

    def _show_copy(self, count: AnnotationCount | None) -> None:
        """Offer to copy what is annotated on a frame of a time series to the next one."""
        image = self._session.current
        series = None if image is None else image.series
        self._copy.setVisible(count is not None and series is not None)
        if count is None or image is None or series is None:
            return
        problem = no_next_frame(image) or ("" if count.total else nothing_annotated(image.frame))
        self._copy.setEnabled(not problem)
        self._copy.setToolTip(
            sentence(problem)
            or f"Copy the objects of this frame to frame {image.frame + 1}, and go there. What is"
            " annotated there stays.\nKey: Shift+C. Ctrl+Z takes it back."
        )

    def _advice(self, count: AnnotationCount, tool: str) -> str:
        if self._session.image is None:
            return "Choose an image first."
        if self._images.problem:
            return "This image cannot be annotated as it is: see Data."
        if self._annotation.strokes(self._session.image) is None:
            return "Press Annotate, then paint some objects."
        if self._region_check.warning:
            return self._region_check.warning
        if self._click_tool.on:
            return self._click_tool.hint
        if tool == "background":
            return "Paint where there is no object."
        if tool == "region" and count.regions:
            return "Ctrl+Z removes the last region; another one: click it with key S, then Delete."
        if tool == "region":
            return "Drag a rectangle around a place, and annotate every object in it."
        if tool == "class":
            return f"Click on objects to give them the class {self._annotation.class_name}."
        if not count.total:
            return "Paint over a whole object, then over the next one."
        if scarce := self._scarce_class(count):
            return scarce
        if count.total < MIN_OBJECTS:
            return f"Paint at least {MIN_OBJECTS}, better 10 to 20. To add to one, start on it."
        if not count.regions and not count.background:
            return "Enough for a first training. A region annotated completely helps."
        return "Enough for a first training; then correct what is wrong."

    def _scarce_class(self, count: AnnotationCount) -> str:
        """Return which of several classes needs more objects."""
        numbers = {name: count.objects.get(name, 0) for name in self._session.classes}
        few = [name for name, n in numbers.items() if n < MIN_OBJECTS]
        if len(numbers) < 2 or not few:
            return ""
        return f"Paint at least {MIN_OBJECTS} of the class {min(few, key=numbers.__getitem__)}."
