"""Step that predicts and tunes: sliders that the objects follow, and what is done with them."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QPushButton

from napari_spatial_embeddings.plugin.controllers.frame_reclustering import FrameReclustering
from napari_spatial_embeddings.plugin.controllers.reclustering import ReclusteringController
from napari_spatial_embeddings.plugin.layers.overlays.arrows import ArrowsLayer
from napari_spatial_embeddings.plugin.layers.overlays.expected import ExpectedColours
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.even_grid import EvenGrid
from napari_spatial_embeddings.plugin.qt.step_area import StepArea
from napari_spatial_embeddings.plugin.qt.text_block import TextBlock
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.checks.expected import expected_share

from .correct import CorrectSection
from .explain import ExplainSection
from .export import ExportSection
from .predict import PredictSection
from .scores import ScoresSection

TITLE = "Predict and tune"

BY_IOU = """Colour the objects by the IoU that is to be expected of each, from its score: orange is
bad, yellow in between, blue good."""

EXPECTED = """Share of the objects that are expected to be right, with an IoU of 0.5 or more: from
their scores alone, as the model came out on objects that it had not learned."""


class TuneStep(StepArea):
    """Buttons that predict, sliders that the objects follow, and what is done with the result.

    Parameters
    ----------
    session : Session
    reclustering : ReclusteringController
    frames : FrameReclustering
        That of the frames out of view.
    arrows : ArrowsLayer
    expected : ExpectedColours
    predict : PredictSection
    explain, correct, scores, export : sections
        What is done with the result.
    """

    def __init__(
        self,
        session: Session,
        reclustering: ReclusteringController,
        frames: FrameReclustering,
        arrows: ArrowsLayer,
        expected: ExpectedColours,
        predict: PredictSection,
        explain: ExplainSection,
        correct: CorrectSection,
        scores: ScoresSection,
        export: ExportSection,
    ) -> None:
        super().__init__(TITLE, opened=False)
        self._session, self._frames = session, frames
        self._reclustering, self._arrows, self._expected = reclustering, arrows, expected
        self.predict, self.explain, self.correct = predict, explain, correct
        self.scores, self.export = scores, export
        self._sections = predict, explain, correct, scores, export
        for section in self._sections:
            self.body.addWidget(section)
        self.explain.toggle.toggled.connect(self._show_explanation)
        self._connections = Connections()
        self._connections.add(predict.refreshed, self._show_hint)
        self._connections.add(session.image_changed, self._show_all)
        self._connections.add(session.model_changed, self._show_hint)
        self._connections.add(session.result_changed, self._follow_result)
        self._show_hint()

    def build(self) -> None:
        """Add the sliders, and what stands right below them."""
        from .sliders import Sliders

        self.sliders = Sliders(self._session)
        self.count = TextBlock(1, "count")
        self.show_arrows = QCheckBox("Arrows")
        self.show_arrows.setToolTip(
            "Show the offsets in view: arrows from pixels to the centres of their objects."
        )
        self.by_iou = QCheckBox("Colour by IoU")
        self.reset = QPushButton("Reset")
        self.reset.setToolTip("Set the model's own thresholds, which its training found.")
        self.body.insertWidget(1, self.sliders)
        self.body.insertWidget(2, self.count)
        self.body.insertLayout(3, EvenGrid(2, (self.show_arrows, self.by_iou)))
        self.explain.row.insertWidget(0, self.reset, 1)
        self.sliders.held.connect(self._reclustering.hold)
        self.show_arrows.toggled.connect(self._arrows.switch)
        self.by_iou.toggled.connect(self._expected.switch)
        self.reset.clicked.connect(self._take_defaults)
        self._connections.add(self._arrows.switched, self.show_arrows.setChecked)
        self._connections.add(self._expected.switched, self.by_iou.setChecked)
        self._connections.add(self._expected.changed, self._show_expected)
        self._connections.add(self._session.partial_changed, self._follow_partial)
        self._connections.add(self._frames.changed, self._show_frames)
        self._show_all()

    def close_down(self) -> None:
        """Disconnect from session and controllers."""
        self._connections.close()
        for section in self._sections:
            section.close_down()
        if self._built:
            self.sliders.close_down()

    def _show_explanation(self, on: bool) -> None:
        """Bring the text of the explanation to sight."""
        if on:
            self.shown.emit(self.explain)

    # ---------------------------------------------------------------- following

    def _follow_result(self, key: str) -> None:
        if key == self._session.image:
            self._show_all()

    def _follow_partial(self, key: str) -> None:
        image = self._session.images[key]
        if key == self._session.image and image.partial is not None:
            self._show_count(image.partial.count, image.partial.milliseconds, in_view=True)

    def _show_frames(self) -> None:
        result = self._session.result
        if result is not None and self._frames.progress[1] > 1:
            self._show_count(len(result.instances), result.milliseconds)

    def _take_defaults(self) -> None:
        with self._session.errors_as_messages():
            self._session.tune(**self.predict.defaults().model_dump())

    # ------------------------------------------------------------------ showing

    def _show_all(self) -> None:
        if self._built:
            self._show_result()
        self._show_hint()

    def _show_result(self) -> None:
        result = self._session.result
        for widget in (self.reset, self.show_arrows, self.count):
            widget.setEnabled(result is not None)
        if result is None:
            self.count.setText("")
        else:
            self._show_count(len(result.instances), result.milliseconds)
        self.sliders.explain(result)
        self._show_expected()

    def _show_expected(self) -> None:
        """Offer colours by predicted IoU, where scores are calibrated."""
        problem = self._expected.problem
        self.by_iou.setEnabled(not problem or self.by_iou.isChecked())
        self.by_iou.setToolTip(problem or BY_IOU)

    def _show_count(self, count: int, milliseconds: float, *, in_view: bool = False) -> None:
        where = " in view" if in_view else ""
        spent = f"{milliseconds:.0f}" if milliseconds >= 10 else f"{milliseconds:.1f}"
        text = f"<b>{count:,}</b> object{'s' * (count != 1)}{where} · {spent} ms"
        done, frames = self._frames.progress
        if done < frames:
            text += f" · {done} of {frames} frames"
        elif frames > 1:
            text += f" · {frames} frames"
        elif not in_view and (share := expected_share(self._session.result)) is not None:
            text += f" · {share:.0%} right"
        self.count.setText(text)
        self.count.setToolTip(EXPECTED if text.endswith("right") else "")

    def _show_hint(self) -> None:
        if self._session.image is None and self.predict.listed:
            model = "" if self._session.model is not None else "a model here, and "
            self.set_hint(f"Choose an image under Data; or {model}All images.")
        elif self._session.image is None:
            self.set_hint("Choose an image under Data first.")
        elif self._session.model is None:
            self.set_hint("Choose a model here, or train one above.")
        elif self._session.result is None and self.predict.obstacle:
            self.set_hint(self.predict.obstacle)
        elif self._session.result is None:
            self.set_hint(
                f"Press This view for a quick look, or {self.predict.image_button} for all of it;"
                " then the sliders work."
                if not self.predict.by_blocks
                else "Press This view to try the model and the sliders where you look, then Whole"
                " image for all of it."
            )
        else:
            self.set_hint("Drag a slider: the objects follow. The model does not run again.")
