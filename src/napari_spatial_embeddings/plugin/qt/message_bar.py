"""What there is to say, at the bottom of the dock."""

from __future__ import annotations

import re

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

MOMENT = 15_000
"""Milliseconds that a sentence is shown which tells of nothing wrong."""

LONG = re.compile(r"(\S{16})\S{8,}(\S{24})")
"""A word that is wider than the dock, such as a file's name."""


class Message(QFrame):
    """The last sentence that was said, until another one, or a click on its cross.

    What is wrong stays until then; the rest goes by itself.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message")
        self._sentence = ""
        self._label = QLabel()
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        away = QToolButton()
        away.setText("×")  # noqa: RUF001 - it is a cross
        away.setToolTip("Hide this")
        away.clicked.connect(lambda: self.say("", "info"))
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 4, 4)
        row.addWidget(self._label, 1)
        row.addWidget(away, 0, Qt.AlignmentFlag.AlignTop)
        self._fading = QTimer(self)
        self._fading.setSingleShot(True)
        self._fading.setInterval(MOMENT)
        self._fading.timeout.connect(self.hide)
        self.hide()

    @property
    def text(self) -> str:
        """The sentence; empty if nothing is to be said."""
        return self._sentence

    def say(self, sentence: str, kind: str) -> None:
        """Show a sentence; kind is "info", "warning" or "error"."""
        self.setProperty("kind", kind)
        for widget in (self, self._label):
            widget.style().unpolish(widget)
            widget.style().polish(widget)
        self._sentence = sentence
        # A label breaks no word: the end of a long one, which tells most, would be cut off.
        self._label.setText(LONG.sub(r"\1…\2", sentence))
        self._label.setToolTip(sentence)
        self.setVisible(bool(sentence))
        if kind == "error":
            self._fading.stop()
        else:
            self._fading.start()
