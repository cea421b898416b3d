"""The section that explains the object under the mouse."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_spatial_embeddings.plugin.controllers.explanation import (
    NO_PIXEL,
    ExplanationController,
)
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.text_block import TextBox
from napari_spatial_embeddings.plugin.state.session import Session

LINES = 14
"""Lines that an explanation has room for: nothing moves while the mouse does."""


class ExplainSection(QWidget):
    """A button that turns explanations on, and their text.

    Parameters
    ----------
    _session : Session
    explanation : ExplanationController

    Attributes
    ----------
    row : QHBoxLayout
        That of the button; there is room for another one in it.
    """

    def __init__(
        self,
        _session: Session,
        explanation: ExplanationController,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._explanation = explanation
        self.toggle = QPushButton("Explain")
        self.toggle.setCheckable(True)
        self.toggle.toggled.connect(explanation.set_on)
        self._text: TextBox | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self.row = QHBoxLayout()
        self.row.addWidget(self.toggle, 1)
        self._column.addLayout(self.row)
        self._column.addStretch(1)
        self._connections = Connections()
        self._connections.add(explanation.changed, self.refresh)
        self.refresh()

    @property
    def text(self) -> TextBox:
        """The explanation; made when it is first asked for."""
        if self._text is None:
            self._text = TextBox(LINES, "explanation")
            self._text.show_text(NO_PIXEL)
            self._text.hide()
            self._column.insertWidget(1, self._text)
            self._connections.add(self._explanation.explained, self._text.show_text)
        return self._text

    def close_down(self) -> None:
        """Disconnect from the controller."""
        self._connections.close()

    def refresh(self) -> None:
        """Show whether explanations are on, and whether they can be."""
        ready = self._explanation.ready
        self.toggle.setChecked(self._explanation.on)
        self.toggle.setEnabled(ready)
        self.toggle.setToolTip(
            "Explain the object under the mouse: its margin, the seed pixel it started from, the"
            " offsets of its pixels, and the nearest other object."
            if ready
            else "Predict this image first."
        )
        if self._explanation.on or self._text is not None:
            self.text.setVisible(self._explanation.on)
