"""Settings of a training, collapsed at first: those of a model from scratch, and the training's."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_spatial_embeddings.config import FOUND, ModelSettings, TrainingSettings
from napari_spatial_embeddings.plugin.qt.collapsible import Collapsible
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.form import Form
from napari_spatial_embeddings.plugin.qt.looks import dress
from napari_spatial_embeddings.plugin.state.session import Session

ELSEWHERE = ("minutes", "device")
"""Training settings that have widgets of their own."""

MODEL_TEXTS = {"working_diameter": "measured", "offset_range": "measured"}

TRAINING_TEXTS = {"epochs": "no limit", "object_diameter": "measured"}


class TrainSettings(Collapsible):
    """Every setting that the command line has as a flag; built when it is first shown.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Settings", parent)
        self._session = session
        self._from_scratch = True
        self._connections = Connections()

    def build(self) -> None:
        """Add the forms."""
        session = self._session
        self._title = QLabel("A model from scratch")
        dress(self._title, "group")
        self._model = Form(ModelSettings(**session.from_scratch), FOUND, MODEL_TEXTS)
        title = QLabel("Training")
        dress(title, "group")
        self._training = Form(session.training_settings, ELSEWHERE, TRAINING_TEXTS)
        reset = QPushButton("Reset to defaults")
        for widget in (self._title, self._model, title, self._training, reset):
            self.body.addWidget(widget)
        self.show_model(self._from_scratch)
        self._training.changed.connect(self._training_edited)
        self._model.changed.connect(lambda: session.set_from_scratch(self._model.given))
        reset.clicked.connect(self.reset)
        self._connections.add(session.training_settings_changed, self._show)
        self._connections.add(session.from_scratch_changed, self._show_model)

    @property
    def model(self) -> Form:
        """Settings of a model from scratch."""
        self.ensure_built()
        return self._model

    @property
    def training(self) -> Form:
        """Settings of the training."""
        self.ensure_built()
        return self._training

    def show_model(self, shown: bool) -> None:
        """Show or hide the settings of a model from scratch."""
        self._from_scratch = shown
        if self._built:
            self._title.setVisible(shown)
            self._model.setVisible(shown)

    def reset(self) -> None:
        """Go back to the defaults; time and device stay."""
        self.model.reset()
        self._session.set_training(TrainingSettings(**self._elsewhere()))

    def close_down(self) -> None:
        """Disconnect from the session."""
        self._connections.close()

    def _elsewhere(self) -> dict[str, Any]:
        return {name: getattr(self._session.training_settings, name) for name in ELSEWHERE}

    def _training_edited(self) -> None:
        self._session.set_training(self._training.settings.updated(**self._elsewhere()))

    def _show(self) -> None:
        self._training.set_settings(self._session.training_settings)

    def _show_model(self) -> None:
        if self._model.given != self._session.from_scratch:
            self._model.set_settings(ModelSettings(**self._session.from_scratch))
