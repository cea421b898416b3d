"""Note on what another prediction may show: with another model, or at another size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from superqt import QElidingLabel

from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import PredictionSettings
    from napari_spatial_embeddings.inference.segmentation import Segmentation


class AgainNote(QElidingLabel):
    """Names what a new prediction would show, or how the size of objects is found.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._connections = Connections()
        for signal in (
            session.image_changed,
            session.result_changed,
            session.model_changed,
            session.prediction_changed,
        ):
            self._connections.add(signal, self._show)
        self._show()

    def close_down(self) -> None:
        """Disconnect from the session."""
        self._connections.close()

    def _show(self, *_: object) -> None:
        session = self._session
        text = changed_since(session.result, session.model, session.prediction)
        self.setText(text or self._advice())

    def _advice(self) -> str:
        """Return what to do where the model may not know how large the objects are here."""
        session = self._session
        if session.result is None or session.prediction.object_diameter is not None:
            return ""
        project = session.project
        if project is not None and session.model == str(project.model_folder):
            return ""  # trained on such images
        return "Missed or in pieces? Press Find"


def changed_since(
    result: Segmentation | None, model: str | None, settings: PredictionSettings
) -> str:
    """Return why one would predict again, as a sentence; empty if nothing was changed since.

    Parameters
    ----------
    result : Segmentation, optional
        What is shown.
    model : str, optional
        Folder or name of the model that is chosen now.
    settings : PredictionSettings
        Those that are set now.
    """
    if result is None or model is None or result.prediction is None:
        return ""
    what = ""
    if result.prediction.object_diameter != settings.object_diameter:
        what = "for this size"
    elif result.prediction.flips != settings.flips:
        what = "with flips" if settings.flips else "without flips"
    if result.model != model:
        what = "with this model"
    return f"Predict again {what}" if what else ""
