"""A group of widgets that can be collapsed."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QToolButton, QVBoxLayout, QWidget


class Collapsible(QWidget):
    """A title that shows and hides what is below it; collapsed at first.

    A group that is slow to build overrides `build`.

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
    """The user opened or collapsed it."""

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
        self._built = False
        self._header.toggled.connect(self._show_content)
        self._header.clicked.connect(self.pressed)

    @property
    def open(self) -> bool:
        """Whether the group is shown."""
        return self._header.isChecked()

    def set_open(self, shown: bool) -> None:
        """Show or hide the group."""
        self._header.setChecked(shown)

    def build(self) -> None:
        """Add the widgets of the body; called once, before it is shown."""

    def ensure_built(self) -> None:
        """Build the body if it is not built yet."""
        if not self._built:
            self._built = True
            self.build()

    def _show_content(self, shown: bool) -> None:
        self.ensure_built()
        arrow = Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow
        self._header.setArrowType(arrow)
        self._content.setVisible(shown)
        self.toggled.emit(shown)
