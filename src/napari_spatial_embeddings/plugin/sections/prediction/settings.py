"""Group of the settings of predictions, whole images among them."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_spatial_embeddings.plugin.controllers.large.prediction import LargePrediction
from napari_spatial_embeddings.plugin.qt.collapsible import Collapsible
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

from .large import LargeSettings


class PredictSettings(Collapsible):
    """Settings of predictions, and how whole images are predicted; built when opened.

    Parameters
    ----------
    session : Session
    large : LargePrediction
    """

    def __init__(
        self, session: Session, large: LargePrediction, parent: QWidget | None = None
    ) -> None:
        super().__init__("Settings", parent)
        self._session, self._large = session, large
        self._connections = Connections()

    def build(self) -> None:
        """Add the forms."""
        from napari_spatial_embeddings.plugin.qt.form import Form

        self.form = Form(self._session.prediction, ("device", "object_diameter"))
        self.blocks = LargeSettings(self._large)
        self.body.addWidget(self.form)
        self.body.addWidget(self.blocks)
        self.form.changed.connect(self._edited)
        self._connections.add(self._session.prediction_changed, self._show)

    def close_down(self) -> None:
        """Disconnect from the session."""
        self._connections.close()

    def _edited(self) -> None:
        with self._session.errors_as_messages():
            self._session.set_prediction(**self.form.settings.model_dump())

    def _show(self) -> None:
        if self.form.settings != self._session.prediction:
            self.form.set_settings(self._session.prediction)
