"""The tool that clicks and strokes go to, whichever controller has it."""

from __future__ import annotations

from collections.abc import Callable

from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.annotation_actions import AnnotationActions
from napari_spatial_embeddings.plugin.controllers.correction_tool import CorrectionTool
from napari_spatial_embeddings.plugin.controllers.explanation import ExplanationController
from napari_spatial_embeddings.plugin.controllers.proposing import click_tool as clicking
from napari_spatial_embeddings.plugin.controllers.proposing import review as reviewing
from napari_spatial_embeddings.plugin.controllers.proposing.click_tool import ClickTool
from napari_spatial_embeddings.plugin.controllers.proposing.review import ObjectReview
from napari_spatial_embeddings.plugin.controllers.tracking.link_tool import LinkTool
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.tasks.correction_actions import TOOLS
from napari_spatial_embeddings.plugin.tasks.link_actions import LINK_TOOLS

ANNOTATION_TOOLS = {
    "draw": ("Draw", "Paint objects. A stroke that starts on an object adds to it."),
    "background": ("Background", "Paint where there is no object, such as between two that touch."),
    "erase": ("Erase", "Erase painted pixels."),
    "class": ("Set class", "Click on objects to give them the class chosen above."),
    "region": (
        "Mark region",
        """Drag a rectangle around a place where every object is annotated:
unpainted pixels in it are background. Ctrl+Z takes the last region back;
to remove another, click it with napari's arrow (key S) and press Delete.""",
    ),
}
"""Tools of the annotation: the name on the button, and what to do."""

SHORT = {
    "class": "Click on objects to give them the class {name}.",
    "region": "Drag a rectangle. Remove one: S, click it, Delete.",
    "background": "Paint where there is no object.",
    "draw": "Paint objects.",
}
"""What to do, in one line, where that is shorter."""


class ActiveTool(QObject):
    """The one tool that is on: of annotation, clicks, corrections or links, or Explain.

    A tool that is turned on ends another one. While one is on, Esc over its layer leaves it, rather
    than what napari does with that key.

    Parameters
    ----------
    viewer : ViewerModel
    annotation : AnnotationController
    actions : AnnotationActions
    correction_tool : CorrectionTool
    explanation : ExplanationController
    link_tool : LinkTool
    click_tool : ClickTool
    review : ObjectReview

    Attributes
    ----------
    name : str
        Of the tool; empty if there is none.
    sentence : str
        What to do with it.
    """

    changed = Signal()
    """Another tool is on, or something else is to be done with it."""

    def __init__(
        self,
        viewer: ViewerModel,
        annotation: AnnotationController,
        actions: AnnotationActions,
        correction_tool: CorrectionTool,
        explanation: ExplanationController,
        link_tool: LinkTool,
        click_tool: ClickTool,
        review: ObjectReview,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._annotation, self._actions = viewer, annotation, actions
        self._correction_tool, self._explanation = correction_tool, explanation
        self._link_tool, self._click_tool, self._review = link_tool, click_tool, review
        self.name = self.sentence = ""
        self._bound: Layer | None = None
        self._theirs: Callable[[Layer], object] | None = None
        self._connections = Connections()
        self._connections.add(annotation.changed, self._follow_annotation)
        self._connections.add(correction_tool.changed, self._follow_correction)
        self._connections.add(explanation.changed, self._follow_explanation)
        self._connections.add(link_tool.changed, self._follow_links)
        self._connections.add(click_tool.changed, self._follow_clicks)
        self._connections.add(review.walk.changed, self._follow_review)
        self._connections.add(viewer.layers.selection.events.active, self._update)

    def close(self) -> None:
        """Leave the tool, as nothing names it any more, and disconnect from the controllers."""
        self._correction_tool.leave()
        self.leave()
        self._connections.close()
        self._bind(None)

    def leave(self) -> None:
        """Leave the tool; one that is used in a review leads back to it."""
        if self._review.on and self._correction_tool.tool:
            self._correction_tool.leave()
            return
        self._review.leave()
        self._correction_tool.leave()
        self._link_tool.leave()
        self._click_tool.leave()
        self._explanation.set_on(False)
        self._actions.leave()

    # ----------------------------------------------------------------- following

    def _follow_annotation(self) -> None:
        if self._annotation.tool:
            self._leave_others("annotation")
        self._update()

    def _follow_correction(self) -> None:
        if self._correction_tool.tool:
            self._leave_others("correction")
        self._update()

    def _follow_explanation(self) -> None:
        if self._explanation.on:
            self._leave_others("explanation")
        self._update()

    def _follow_links(self) -> None:
        if self._link_tool.tool:
            self._leave_others("links")
        self._update()

    def _follow_clicks(self) -> None:
        if self._click_tool.on:
            self._leave_others("clicks")
        self._update()

    def _follow_review(self) -> None:
        if self._review.on:
            self._leave_others("review")
            self._actions.leave()  # the objects' layer is active once an object is found
        self._update()

    def _leave_others(self, but: str) -> None:
        """Leave all tools but those of one kind; the annotation's go with their layer."""
        if but != "explanation":
            self._explanation.set_on(False)
        if but not in ("correction", "review"):
            self._review.leave()
        if but not in ("correction", "review", "annotation") and self._correction_tool.tool:
            self._correction_tool.leave()
        if but != "links" and self._link_tool.tool:
            self._link_tool.leave()
        if but != "clicks":
            self._click_tool.leave()

    def _update(self, _event: object = None) -> None:
        name, sentence = self._found()
        self._bind(self._viewer.layers.selection.active if name else None)
        if (name, sentence) != (self.name, self.sentence):
            self.name, self.sentence = name, sentence
            self.changed.emit()

    def _found(self) -> tuple[str, str]:
        """Return the name of the tool and what to do with it; empty if there is none."""
        if self._correction_tool.tool:
            return TOOLS[self._correction_tool.tool].name, self._correction_tool.hint
        if self._link_tool.tool:
            return LINK_TOOLS[self._link_tool.tool].name, self._link_tool.hint
        if self._click_tool.on:
            return clicking.NAME, self._click_tool.hint
        if self._review.on:
            return reviewing.NAME, self._review.hint
        if self._explanation.on:
            return "Explain", "Move the mouse over an object."
        tool = self._annotation.tool
        if not tool:
            return "", ""
        name, sentence = ANNOTATION_TOOLS[tool]
        return name, SHORT.get(tool, sentence).format(name=self._annotation.class_name)

    def _bind(self, layer: Layer | None) -> None:
        """Bind Esc over a layer, and what was bound before over the last one."""
        if layer is self._bound:
            return
        if self._bound is not None:
            self._bound.bind_key("Escape", self._theirs, overwrite=True)
        self._bound = layer
        if layer is not None:
            self._theirs = layer.bind_key("Escape", self._escape, overwrite=True)

    def _escape(self, _layer: Layer) -> None:
        self.leave()
