"""A row that shows how far some work is, with a button that stops it."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QProgressBar, QPushButton, QWidget
from superqt import QElidingLabel


class ProgressRow(QWidget):
    """A text, a thin bar below it, and a button beside both.

    Attributes
    ----------
    button : QPushButton
    """

    def __init__(self, button: str) -> None:
        super().__init__()
        self.button = QPushButton(button)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(6)
        self._text = QElidingLabel()
        self._text.setElideMode(Qt.TextElideMode.ElideMiddle)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(1)
        grid.addWidget(self._text, 0, 0)
        grid.addWidget(self._bar, 1, 0)
        grid.addWidget(self.button, 0, 1, 2, 1)
        grid.setColumnStretch(0, 1)

    @property
    def text(self) -> str:
        """The text that is shown."""
        return str(self._text.text())

    def show_progress(self, done: int, total: int, text: str) -> None:
        """Show how much is done; a total of 0 where it is not known."""
        self._bar.setRange(0, total)
        self._bar.setValue(done)
        self._text.setText(text)
        self._text.setToolTip(text)
        self.show()
