"""Box for the typical diameter of the objects, which cannot be measured on scribbles."""

from __future__ import annotations

from qtpy.QtWidgets import QDoubleSpinBox, QWidget

from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.form_fields import ignore_wheel
from napari_spatial_embeddings.plugin.qt.looks import dress
from napari_spatial_embeddings.plugin.state.session import Session

MIN_DIAMETER = 2.0
"""In pixels; the value below it stands for an unknown size."""


class ObjectSize(QDoubleSpinBox):
    """Edits the object diameter of the session's training settings.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        ignore_wheel(self)
        dress(self, "number")
        self.setRange(MIN_DIAMETER - 1, 9_999)
        self.setDecimals(1)
        self.setSuffix(" px")
        self.setSpecialValueText("unknown")
        self.setKeyboardTracking(False)
        self.setToolTip(
            "Typical diameter of the objects in pixels, which cannot be measured on scribbles. If"
            " unknown, the start model's object size is used."
        )
        self.valueChanged.connect(self._edited)
        self._connections = Connections()
        self._connections.add(session.training_settings_changed, self._show)
        self._show()

    def close_down(self) -> None:
        """Disconnect from the session."""
        self._connections.close()

    def _edited(self, value: float) -> None:
        diameter = None if value < MIN_DIAMETER else value
        settings = self._session.training_settings
        if diameter != settings.object_diameter:
            self._session.set_training(settings.updated(object_diameter=diameter))

    def _show(self) -> None:
        self.blockSignals(True)
        self.setValue(self._session.training_settings.object_diameter or self.minimum())
        self.blockSignals(False)
