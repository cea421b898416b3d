"""Which model predicts, the buttons that start it, and how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.model_suggestion import Suggestion
from napari_spatial_embeddings.plugin.qt.collapsible import Fold
from napari_spatial_embeddings.plugin.qt.form import Form

from .model_combo import ModelChoice

if TYPE_CHECKING:
    from psygnal import SignalInstance

    from napari_spatial_embeddings.plugin.controllers.workspace import Workspace


class PredictBox(QWidget):
    """Starts and stops predictions.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._session, self._predictor = workspace.session, workspace.predictor
        self.model = ModelChoice(workspace.session, "none yet", offered=False)
        self._suggestion = Suggestion(workspace)
        self.view = QPushButton("This view")
        self.image = QPushButton("This image")
        self.all_images = QPushButton("All images")
        self.stop = QPushButton("Stop")
        self._bar = QProgressBar()
        self._said = QLabel()
        self._said.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        choice = QHBoxLayout()
        choice.addWidget(QLabel("Model"))
        choice.addWidget(self.model, 1)
        column.addLayout(choice)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button in (self.view, self.image, self.all_images):
            buttons.addWidget(button)
        column.addLayout(buttons)
        self._running = QWidget()
        row = QHBoxLayout(self._running)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._bar, 1)
        row.addWidget(self.stop)
        column.addWidget(self._running)
        column.addWidget(self._said)
        self.settings = Fold("Settings")
        self.form = Form(workspace.session.prediction, ("device",))
        self.settings.body.addWidget(self.form)
        column.addWidget(self.settings)
        self._connect()
        self._end()

    def _connect(self) -> None:
        self.view.clicked.connect(self._predictor.view)
        self.image.clicked.connect(self._predictor.image)
        self.all_images.clicked.connect(self._predictor.all_images)
        self.stop.clicked.connect(self._predictor.stop)
        self._predictor.progressed.connect(self._progress)
        self._predictor.ended.connect(self._end)
        self.model.picked.connect(self._take_model)
        self.form.changed.connect(self._take_settings)
        self._session.prediction_changed.connect(self._show_settings)
        for signal in self._signals():
            signal.connect(self.refresh)

    def _signals(self) -> tuple[SignalInstance, ...]:
        session = self._session
        return session.image_changed, session.model_changed, session.project_changed

    def close_down(self) -> None:
        """End the prediction, and stop following the session."""
        for signal in self._signals():
            signal.disconnect(self.refresh)
        self._session.prediction_changed.disconnect(self._show_settings)
        self._suggestion.close_down()
        self.model.close_down()
        self._predictor.close_down()

    def refresh(self) -> None:
        """Enable what can be done, and say of the rest why not."""
        session, reason = self._session, ""
        if session.image is None:
            reason = "There is no image: choose one under Data."
        elif session.model is None:
            reason = "There is no model: choose one, or train one above."
        running = self._predictor.running
        for button, what in (
            (self.view, "Predict what is in view: quick."),
            (self.image, "Predict all of the current image."),
        ):
            button.setEnabled(not reason and not running)
            button.setToolTip(reason or what)
        project, why = session.project, ""
        if session.model is None:
            why = reason
        elif project is None or not project.card.images:
            why = "There is no project with images yet: add images under Data."
        self.all_images.setEnabled(not why and not running)
        self.all_images.setToolTip(
            why or "Predict every image of the project, and write the labels into its folder."
        )

    def defaults(self) -> ClusteringSettings:
        """Return the thresholds that suit the model.

        Raises
        ------
        InputError
            If there is no model, or it is gone.
        """
        card = self.model.card()
        if card is None:
            raise InputError("there is no model yet: choose one, or train one")
        return card.clustering

    def _take_model(self) -> None:
        with self._session.speaking():
            card = self.model.card()
            self._session.set_model(self.model.chosen, None if card is None else card.clustering)
        self.model.follow()

    def _take_settings(self) -> None:
        with self._session.speaking():
            self._session.set_prediction(**self.form.settings.model_dump())

    def _show_settings(self) -> None:
        if self.form.settings != self._session.prediction:
            self.form.set_settings(self._session.prediction)

    def _progress(self, done: int, total: int, sentence: str) -> None:
        self._bar.setRange(0, total)
        self._bar.setValue(done)
        self._said.setText(sentence)
        for widget in (self._running, self._said):
            widget.show()
        self.refresh()

    def _end(self) -> None:
        for widget in (self._running, self._said):
            widget.hide()
        self.refresh()
