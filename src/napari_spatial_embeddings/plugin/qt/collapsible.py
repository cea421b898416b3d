"""A group of widgets that can be folded away."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QToolButton, QVBoxLayout, QWidget


class Fold(QWidget):
    """A title, and what it shows and hides; folded at first.

    Parameters
    ----------
    title : str

    Attributes
    ----------
    body : QVBoxLayout
        Where the group's widgets go.
    """

    toggled = Signal(bool)
    pressed = Signal()
    """A person folded or unfolded it."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._header = QToolButton()
        self._header.setText(title)
        self._header.setObjectName("header")
        self._header.setCheckable(True)
        self._header.setAutoRaise(True)
        self._header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._header.setArrowType(Qt.ArrowType.RightArrow)
        self._content = QWidget()
        self._content.hide()
        self.body = QVBoxLayout(self._content)
        self.body.setContentsMargins(8, 0, 0, 4)
        self.body.setSpacing(4)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._column.addWidget(self._header)
        self._column.addWidget(self._content)
        self._header.toggled.connect(self._unfold)
        self._header.clicked.connect(self.pressed)

    @property
    def open(self) -> bool:
        """Whether the group is unfolded."""
        return self._header.isChecked()

    def set_open(self, unfolded: bool) -> None:
        """Fold or unfold the group."""
        self._header.setChecked(unfolded)

    def _unfold(self, unfolded: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow
        self._header.setArrowType(arrow)
        self._content.setVisible(unfolded)
        self.toggled.emit(unfolded)
