"""A bar for the newest message, whose room is there whether there is a message or not."""

from __future__ import annotations

from qtpy.QtWidgets import QFrame, QHBoxLayout, QToolButton, QVBoxLayout, QWidget
from superqt.utils import QSignalDebouncer

from .text_block import TextBox

HIDE_AFTER_MS = 15_000
"""Milliseconds after which a message is hidden that is no error."""

LINES = 3
"""Lines of a message that are in view; a longer one is scrolled."""


class MessageBar(QFrame):
    """The newest message, until the next one or a click on its cross.

    An error stays until then; other messages hide by themselves. The bar's height never changes, so
    that no message moves what the mouse is on.

    Parameters
    ----------
    corner : QWidget, optional
        A small widget for the lower right corner.
    """

    def __init__(self, corner: QWidget | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message")
        self._sentence = ""
        self._text = TextBox(LINES)
        self._cross = QToolButton()
        self._cross.setText("×")  # noqa: RUF001 - it is a cross
        self._cross.setToolTip("Hide this message.")
        self._cross.clicked.connect(lambda: self.show_message("", "info"))
        policy = self._cross.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._cross.setSizePolicy(policy)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 4, 4)
        row.setSpacing(4)
        row.addWidget(self._text, 1)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(self._cross)
        column.addStretch(1)
        if corner is not None:
            column.addWidget(corner)
        row.addLayout(column)
        self._hide_later = QSignalDebouncer(parent=self)
        self._hide_later.setTimeout(HIDE_AFTER_MS)
        self._hide_later.triggered.connect(lambda: self.show_message("", "info"))
        self.show_message("", "info")

    @property
    def text(self) -> str:
        """The message; empty if there is none."""
        return self._sentence

    def show_message(self, sentence: str, kind: str) -> None:
        """Show a message; its kind is "info", "warning" or "error"."""
        self._sentence = sentence
        self.setProperty("kind", kind if sentence else "")
        for widget in (self, self._text, self._cross):
            widget.style().unpolish(widget)
            widget.style().polish(widget)
        self._text.show_text(sentence)
        self._text.setToolTip(sentence)
        self._cross.setVisible(bool(sentence))
        if kind == "error" or not sentence:
            self._hide_later.cancel()
        else:
            self._hide_later.throttle()
