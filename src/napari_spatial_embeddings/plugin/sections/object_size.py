"""How large the objects are, for those who drew only strokes inside them."""

from __future__ import annotations

from qtpy.QtWidgets import QDoubleSpinBox, QWidget

from napari_spatial_embeddings.plugin.controllers.workspace import Workspace
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.qt.form_fields import calm
from napari_spatial_embeddings.plugin.session import Session

LEAST = 2.0
"""Pixels; the value below it stands for an unknown size."""


class ObjectSize(QDoubleSpinBox):
    """The typical diameter of the objects that a training is told.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        calm(self)
        self.setRange(LEAST - 1, 9_999)
        self.setDecimals(1)
        self.setSuffix(" px")
        self.setSpecialValueText("unknown")
        self.setKeyboardTracking(False)
        self.setToolTip(
            "Typical diameter of the objects in pixels: strokes do not tell it. Without it they are"
            " taken to be as large as those that the model to start from knows."
        )
        self.valueChanged.connect(self._tell)
        session.training_settings_changed.connect(self._show)
        self._show()

    def close_down(self) -> None:
        """Let go of the session."""
        self._session.training_settings_changed.disconnect(self._show)

    def _tell(self, value: float) -> None:
        told = None if value < LEAST else value
        settings = self._session.training_settings
        if told != settings.object_diameter:
            self._session.set_training(settings.updated(object_diameter=told))

    def _show(self) -> None:
        self.blockSignals(True)
        self.setValue(self._session.training_settings.object_diameter or self.minimum())
        self.blockSignals(False)


def only_strokes(workspace: Workspace) -> bool:
    """Whether what is drawn tells where objects are, but not how large they are."""
    drawn = [x for x in _layers.ours(workspace.viewer, "annotations") if (x.data > 0).any()]
    return bool(drawn) and all(_layers.facts(layer).get("scribbled") for layer in drawn)
