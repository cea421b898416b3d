"""What there is to say, at the bottom of the dock."""

from __future__ import annotations

import re

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

LONG = re.compile(r"\S{30,}")


class Message(QFrame):
    """The last sentence that was said, until another one, or a click on its cross."""

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
        self.hide()

    @property
    def text(self) -> str:
        """The sentence; empty if nothing is shown."""
        return self._sentence

    def say(self, sentence: str, kind: str) -> None:
        """Show a sentence; kind is "info", "warning" or "error"."""
        self.setProperty("kind", kind)
        for widget in (self, self._label):
            widget.style().unpolish(widget)
            widget.style().polish(widget)
        self._sentence = sentence
        # Long names of files would be cut off: they may break anywhere.
        self._label.setText(LONG.sub(lambda word: "\u200b".join(word[0]), sentence))
        self.setVisible(bool(sentence))
