"""A bar for the newest message."""

from __future__ import annotations

import re

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget
from superqt.utils import QSignalDebouncer

HIDE_AFTER_MS = 15_000
"""Milliseconds after which a message is hidden that is no error."""

LONG_WORD = re.compile(r"(\S{16})\S{8,}(\S{24})")
"""A word that is wider than the dock, such as a file's name."""


class MessageBar(QFrame):
    """The newest message, until the next one or a click on its cross.

    An error stays until then; other messages hide by themselves.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message")
        self._sentence = ""
        self._label = QLabel()
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        cross = QToolButton()
        cross.setText("×")  # noqa: RUF001 - it is a cross
        cross.setToolTip("Hide this message.")
        cross.clicked.connect(lambda: self.show_message("", "info"))
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 4, 4)
        row.addWidget(self._label, 1)
        row.addWidget(cross, 0, Qt.AlignmentFlag.AlignTop)
        self._hide_later = QSignalDebouncer(parent=self)
        self._hide_later.setTimeout(HIDE_AFTER_MS)
        self._hide_later.triggered.connect(self.hide)
        self.hide()

    @property
    def text(self) -> str:
        """The message; empty if there is none."""
        return self._sentence

    def show_message(self, sentence: str, kind: str) -> None:
        """Show a message; its kind is "info", "warning" or "error"."""
        self.setProperty("kind", kind)
        for widget in (self, self._label):
            widget.style().unpolish(widget)
            widget.style().polish(widget)
        self._sentence = sentence
        # A label breaks no word: the end of a long one, which matters most, would be cut off.
        self._label.setText(LONG_WORD.sub(r"\1…\2", sentence))
        self._label.setToolTip(sentence)
        self.setVisible(bool(sentence))
        if kind == "error":
            self._hide_later.cancel()
        else:
            self._hide_later.throttle()
