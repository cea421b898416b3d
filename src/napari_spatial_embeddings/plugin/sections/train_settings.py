"""The settings of a training, folded away: those of a fresh model, and how it is trained."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_spatial_embeddings.config import FOUND, ModelSettings, TrainingSettings
from napari_spatial_embeddings.plugin.qt.form import Form
from napari_spatial_embeddings.plugin.session import Session

ELSEWHERE = ("minutes", "device")
"""Fields of a training that have widgets of their own."""

MEASURED = {"working_diameter": "from the objects", "offset_range": "from the objects"}


class MoreSettings(QWidget):
    """Every field that the command line has as a flag.

    Parameters
    ----------
    session : Session

    Attributes
    ----------
    model, training : Form
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._fold = QToolButton()
        self._fold.setText("Settings")
        self._fold.setCheckable(True)
        self._fold.setAutoRaise(True)
        self._fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._fold.setArrowType(Qt.ArrowType.RightArrow)
        self._content = QWidget()
        self._content.hide()
        self._title = QLabel("A fresh model")
        self._title.setObjectName("group")
        self.model = Form(ModelSettings(), FOUND, MEASURED)
        training = QLabel("Training")
        training.setObjectName("group")
        self.training = Form(
            session.training_settings,
            ELSEWHERE,
            {"epochs": "no limit", "object_diameter": "from the objects"},
        )
        reset = QPushButton("Reset to defaults")
        inner = QVBoxLayout(self._content)
        inner.setContentsMargins(8, 0, 0, 4)
        inner.setSpacing(4)
        for widget in (self._title, self.model, training, self.training, reset):
            inner.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._fold)
        layout.addWidget(self._content)
        self._fold.toggled.connect(self._unfold)
        self.training.changed.connect(self._changed)
        self.model.changed.connect(lambda: session.set_fresh(self.model.given))
        reset.clicked.connect(self.reset)
        session.training_settings_changed.connect(self._show)
        session.fresh_changed.connect(self._show_model)

    def show_fresh(self, fresh: bool) -> None:
        """Offer the settings of a fresh model, or not."""
        self._title.setVisible(fresh)
        self.model.setVisible(fresh)

    def reset(self) -> None:
        """Go back to the defaults; time and device stay."""
        self.model.reset()
        kept = {name: getattr(self._session.training_settings, name) for name in ELSEWHERE}
        self._session.set_training(TrainingSettings(**kept))

    def close_down(self) -> None:
        """Let go of the session."""
        self._session.training_settings_changed.disconnect(self._show)
        self._session.fresh_changed.disconnect(self._show_model)

    def _unfold(self, unfolded: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow
        self._fold.setArrowType(arrow)
        self._content.setVisible(unfolded)

    def _changed(self) -> None:
        kept = {name: getattr(self._session.training_settings, name) for name in ELSEWHERE}
        self._session.set_training(self.training.settings.updated(**kept))

    def _show(self) -> None:
        self.training.set_settings(self._session.training_settings)

    def _show_model(self) -> None:
        if self.model.given != self._session.fresh:
            self.model.set_settings(ModelSettings(**self._session.fresh))
