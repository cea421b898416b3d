"""Predict, and tune: what the model says becomes objects while the sliders move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_spatial_embeddings.plugin.controllers.reclustering import Found, Reclustering, Request
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.layers.arrows import Arrows
from napari_spatial_embeddings.plugin.layers.viewport import Box, visible
from napari_spatial_embeddings.plugin.layers.visibility import Foreground
from napari_spatial_embeddings.plugin.qt.collapsible import Fold
from napari_spatial_embeddings.plugin.qt.step_area import Step

from .correct import CorrectGroup
from .explain import ExplainGroup
from .export import ExportGroup
from .predict import PredictBox
from .sliders import Sliders

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.maps import EmbeddingMaps
    from napari_spatial_embeddings.plugin.controllers.workspace import Workspace

TITLE = "Predict and tune"


class TuneStep(Step):
    """Buttons that predict, sliders that the objects follow, and what is done with the result.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(TITLE)
        self._workspace, self._session = workspace, workspace.session
        self.predict = PredictBox(workspace)
        self.sliders = Sliders(self._session)
        self.count = QLabel()
        self.count.setObjectName("count")
        self.arrows = Arrows(workspace)
        self._arrows = QCheckBox("Arrows")
        self._arrows.setToolTip("Show where the pixels in view point to: the centres they expect.")
        self._reset = QPushButton("Reset")
        self._reset.setToolTip("Take the thresholds that suit the model, as its training found.")
        self._maps: EmbeddingMaps | None = None
        self.reclustering = Reclustering(self._session, self._in_view, self)
        self.body.addWidget(self.predict)
        self.body.addWidget(self.sliders)
        row = QHBoxLayout()
        row.addWidget(self.count, 1)
        row.addWidget(self._arrows)
        row.addWidget(self._reset)
        self.body.addLayout(row)
        for group in self._groups():
            self.body.addWidget(group)
        self._connect()
        self._show_all()

    def _groups(self) -> list[QWidget]:
        """Return what is done with the result."""
        self._foreground = Foreground(self._workspace)
        self.explanation = ExplainGroup(self._workspace, self._foreground)
        self.corrections = CorrectGroup(self._workspace, self._foreground)
        self.export = ExportGroup(self._workspace)
        groups: list[QWidget] = [self.explanation]
        for title, group in (("Correct", self.corrections), ("Export", self.export)):
            folded = Fold(title)
            folded.body.addWidget(group)
            groups.append(folded)
        return groups

    def _connect(self) -> None:
        session = self._session
        session.clustering_changed.connect(self._tuned)
        session.image_changed.connect(self._chosen)
        session.model_changed.connect(self._show_hint)
        session.result_changed.connect(self._predicted)
        self.sliders.held.connect(self.reclustering.hold)
        self.reclustering.found.connect(self._found)
        self.reclustering.failed.connect(lambda problem: session.say(problem, "error"))
        self.arrows.switched.connect(self._arrows.setChecked)
        self._arrows.toggled.connect(self.arrows.switch)
        self._reset.clicked.connect(self._take_defaults)

    def close_down(self) -> None:
        """End what runs in the background."""
        session = self._session
        session.clustering_changed.disconnect(self._tuned)
        session.image_changed.disconnect(self._chosen)
        session.model_changed.disconnect(self._show_hint)
        session.result_changed.disconnect(self._predicted)
        self.arrows.switch(False)
        self.explanation.close_down()
        self.corrections.close_down()
        self.export.close_down()
        self._foreground.close_down()
        self.reclustering.close_down()
        self.predict.close_down()
        self.sliders.close_down()

    # ---------------------------------------------------------------- following

    def _in_view(self) -> Box:
        layer = self._workspace.layer
        assert layer is not None
        axes = layer.metadata[_layers.KEY]["axes"]
        return visible(self._workspace.viewer, layer, axes)

    def _tuned(self) -> None:
        self.reclustering.follow()

    def _chosen(self) -> None:
        self._show_all()
        self.reclustering.whole()

    def _predicted(self, key: str) -> None:
        if key == self._session.image:
            result = self._session.result
            if result is not None and (result.maps is not self._maps or result.instances is None):
                # Sliders may have moved while it was predicted.
                self._maps = result.maps
                self.reclustering.whole()
            self._show_all()

    def _found(self, request: Request, found: Found) -> None:
        if request.key == self._session.image and request.box is not None:
            self._workspace.results.preview(request.key, request.box, found.labels)
            self._say_count(found.count, found.milliseconds, in_view=True)

    def _take_defaults(self) -> None:
        with self._session.speaking():
            self._session.tune(**self.predict.defaults().model_dump())

    # ------------------------------------------------------------------ showing

    def _show_all(self) -> None:
        result = self._session.result
        there = result is not None
        for widget in (self._reset, self._arrows):
            widget.setEnabled(there)
        self.count.setEnabled(there)
        if result is None or result.instances is None:
            self.count.setText("")
        else:
            self._say_count(len(result.instances), result.milliseconds)
        self.sliders.explain(result)
        self._show_hint()

    def _say_count(self, count: int, milliseconds: float, *, in_view: bool = False) -> None:
        where = " in view" if in_view else ""
        spent = f"{milliseconds:.0f}" if milliseconds >= 10 else f"{milliseconds:.1f}"
        self.count.setText(f"<b>{count:,}</b> object{'s' * (count != 1)}{where} · {spent} ms")

    def _show_hint(self) -> None:
        if self._session.image is None:
            self.set_hint("Choose an image under Data first.")
        elif self._session.model is None:
            self.set_hint("Choose a model here, or train one above.")
        elif self._session.result is None:
            self.set_hint("Press This view for a quick look, or This image for all of it.")
        else:
            self.set_hint("Drag a slider: the objects follow. The model does not run again.")
