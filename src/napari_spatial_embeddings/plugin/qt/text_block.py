"""Texts that keep their room: what is below them stays where it is when they change."""

from __future__ import annotations

import math
import re

from qtpy.QtCore import QEvent, QRect, QSize, Qt
from qtpy.QtGui import QTextDocument, QTextOption
from qtpy.QtWidgets import QFrame, QLabel, QSizePolicy, QTextEdit, QWidget

BREAK = "\u200b"
"""A place of no width where a line may end."""

MAX_WORD = 14
"""Letters after which a line may end inside a word that offers no better place."""

INDENT = 4
"""Pixels on the left of a text and above it."""


def breakable(text: str) -> str:
    """Return a text in which long words, such as paths and names of files, may be wrapped.

    The tags of rich text stay whole.
    """

    def broken(match: re.Match[str]) -> str:
        parts = re.sub(r"([/\\_.:-])(?=\w)", rf"\1{BREAK}", match[0])
        return re.sub(rf"([^{BREAK}]{{{MAX_WORD}}})(?=[^{BREAK}])", rf"\1{BREAK}", parts)

    long_word = rf"\S{{{MAX_WORD + 1},}}"
    parts = re.split(r"(<[^<>]*>)", text)
    return "".join(p if p[:1] == "<" else re.sub(long_word, broken, p) for p in parts)


class TextBlock(QLabel):
    """A text that wraps, with room for some lines even while it is shorter or empty.

    It grows if it needs more; it is never cut.

    Parameters
    ----------
    lines : int
        Lines that there is always room for.
    name : str
        For the style sheet.
    """

    def __init__(self, lines: int = 1, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines, self._whole = lines, ""
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setIndent(INDENT)
        self.setObjectName(name)

    def setText(self, text: str) -> None:  # noqa: N802 - Qt's name
        """Show a text."""
        self._whole = text
        super().setText(breakable(text))

    def text(self) -> str:
        """Return the text, as it was given."""
        return self._whole

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Return the height of the text at a width, or that of its room if this is more."""
        lines, flags = "\n".join("X" * self._lines), Qt.TextFlag.TextWordWrap
        text = self.fontMetrics().boundingRect(QRect(0, 0, 9999, 9999), flags, lines).height()
        room = text + INDENT + 2 * self.frameWidth()  # a style may give it a frame
        return max(room, int(super().heightForWidth(width)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that is needed at least, whatever the text is."""
        least = super().minimumSizeHint()
        return QSize(least.width(), max(least.height(), self.heightForWidth(10_000)))


class TextBox(QTextEdit):
    """A text in a fixed number of lines, which is scrolled if it has more.

    Parameters
    ----------
    lines : int
    name : str
        For the style sheet.
    """

    def __init__(self, lines: int, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines = lines
        self.setObjectName(name)
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        self._fit()

    def show_text(self, text: str) -> None:
        """Show a text from its beginning, which may be rich."""
        self.setText(text)
        self.verticalScrollBar().setValue(0)

    def text(self) -> str:
        """Return the text without its formats."""
        return str(self.toPlainText())

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Keep the number of lines with another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        lines = QTextDocument("\n".join("X" * self._lines))
        lines.setDefaultFont(self.font())
        lines.setDocumentMargin(0)
        self.setFixedHeight(math.ceil(lines.size().height()) + 2)
