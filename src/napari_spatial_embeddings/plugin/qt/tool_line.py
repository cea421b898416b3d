"""A line that names the tool that is on."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QFrame, QHBoxLayout, QToolButton, QWidget

from .looks import dress
from .text_block import TextBlock

LINES = 2
"""Lines of text that there is always room for, so that nothing moves when a tool is chosen."""


class ToolLine(QFrame):
    """Name of the tool that is on, what to do with it, and a cross that leaves it.

    Esc leaves it too, whatever widget of the window has the keyboard.
    """

    left = Signal()
    """The user wants to leave the tool."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        dress(self, "tool")
        self._label = TextBlock(LINES)
        self._cross = QToolButton()
        self._cross.setText("×")  # noqa: RUF001 - it is a cross
        self._cross.setToolTip("Leave this tool (Esc).")
        self._cross.clicked.connect(self.left)
        room = self._cross.sizePolicy()
        room.setRetainSizeWhenHidden(True)
        self._cross.setSizePolicy(room)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 4, 2)
        row.addWidget(self._label, 1)
        row.addWidget(self._cross, 0, Qt.AlignmentFlag.AlignTop)
        self._escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        self._escape.setContext(Qt.ShortcutContext.WindowShortcut)
        self._escape.activated.connect(self.left)
        self.show_tool("", "")

    @property
    def text(self) -> str:
        """What is shown."""
        return self._label.text()

    def show_tool(self, name: str, sentence: str) -> None:
        """Show a tool and what to do with it; nothing if there is no name."""
        text = f"<b>{escape(name)}</b>: {escape(sentence)} Esc leaves." if name else ""
        self._label.setText(text)
        self._label.setToolTip(sentence)
        self._cross.setVisible(bool(name))
        self._escape.setEnabled(bool(name))
        self.setProperty("on", bool(name))
        for widget in (self, self._label, self._cross):  # the colour of a text is its own
            widget.style().unpolish(widget)
            widget.style().polish(widget)
