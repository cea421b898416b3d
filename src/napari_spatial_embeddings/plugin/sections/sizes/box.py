"""Boxes for the typical diameter of the objects, in pixels."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.form_fields import ignore_wheel
from napari_spatial_embeddings.plugin.qt.looks import dress
from napari_spatial_embeddings.plugin.state.session import Session

MIN_DIAMETER = 2.0
"""In pixels; the value below it stands for none."""


class DiameterBox(QDoubleSpinBox):
    """Edits a diameter.

    Parameters
    ----------
    empty : str
        Text that stands for none.
    """

    edited = Signal(object)
    """Another diameter, float in pixels, or None."""

    def __init__(self, empty: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        ignore_wheel(self)
        dress(self, "number")
        self.setRange(MIN_DIAMETER - 1, 9_999)
        self.setDecimals(1)
        self.setSuffix(" px")
        self.setSpecialValueText(empty)
        self.setKeyboardTracking(False)
        self.valueChanged.connect(self._emit)

    def _emit(self, value: float) -> None:
        self.edited.emit(None if value < MIN_DIAMETER else value)

    def show_diameter(self, diameter: float | None) -> None:
        """Show a diameter, without a signal."""
        self.blockSignals(True)
        self.setValue(diameter or self.minimum())
        self.blockSignals(False)


class ObjectSize(DiameterBox):
    """Edits the object diameter of the session's training settings.

    It cannot be measured on scribbles.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("unknown", parent)
        self._session = session
        self.setToolTip(
            "Typical diameter of the objects in pixels, which cannot be measured on scribbles. If"
            " unknown, the start model's object size is used."
        )
        self.edited.connect(self._set)
        self._connections = Connections()
        self._connections.add(session.training_settings_changed, self._show)
        self._show()

    def close_down(self) -> None:
        """Disconnect from the session."""
        self._connections.close()

    def _set(self, diameter: float | None) -> None:
        settings = self._session.training_settings
        if diameter != settings.object_diameter:
            self._session.set_training(settings.updated(object_diameter=diameter))

    def _show(self) -> None:
        self.show_diameter(self._session.training_settings.object_diameter)
