"""Texts that keep their room: what is below them stays where it is when they change."""

from __future__ import annotations

import math
import re

from qtpy.QtCore import QEvent, QRect, QSize, Qt
from qtpy.QtGui import QTextDocument, QTextOption
from qtpy.QtWidgets import QFrame, QLabel, QSizePolicy, QTextEdit, QWidget

from .looks import dress

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
        For its looks.
    """

    def __init__(self, lines: int = 1, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines, self._whole = lines, ""
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setIndent(INDENT)
        dress(self, name)

    def setText(self, text: str) -> None:  # noqa: N802 - Qt's name
        """Show a text."""
        self._whole = text
        super().setText(breakable(text))

    def text(self) -> str:
        """Return the text, as it was given."""
        return self._whole

    def set_lines(self, lines: int) -> None:
        """Have room for another number of lines."""
        if lines != self._lines:
            self._lines = lines
            self.updateGeometry()

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Return the height of the text at a width, or that of its room if this is more."""
        lines, flags = "\n".join("X" * self._lines), Qt.TextFlag.TextWordWrap
        text = self.fontMetrics().boundingRect(QRect(0, 0, 9999, 9999), flags, lines).height()
        around = self.contentsMargins()  # a style may give it some
        room = text + INDENT + around.top() + around.bottom()
        return max(room, int(super().heightForWidth(width)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that is needed at least, whatever the text is."""
        least = super().minimumSizeHint()
        return QSize(least.width(), max(least.height(), self.heightForWidth(10_000)))


class TextBox(QTextEdit):
    """A text in a number of lines, which is scrolled if it has more.

    Parameters
    ----------
    lines : int
    name : str
        For its looks.
    """

    def __init__(self, lines: int, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines = lines
        dress(self, name)
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

    def set_lines(self, lines: int, *, scrolled: bool) -> None:
        """Show another number of lines, which are all of the text or can be scrolled."""
        self._lines = lines
        bar = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            bar.ScrollBarAsNeeded if scrolled else bar.ScrollBarAlwaysOff
        )
        self._fit()

    def needed(self, width: int) -> int:
        """Return the number of lines that all of the text takes in a width."""
        document = self.document().clone()
        document.setTextWidth(width)
        return math.ceil(document.size().height() / self._height(1) - 0.05)

    def height_of(self, lines: int) -> int:
        """Return the height of the box with a number of lines."""
        return math.ceil(self._height(lines)) + 2

    def text(self) -> str:
        """Return the text without its formats."""
        return str(self.toPlainText())

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Keep the number of lines with another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        self.setFixedHeight(self.height_of(self._lines))

    def _height(self, lines: int) -> float:
        document = QTextDocument("\n".join("X" * lines))
        document.setDefaultFont(self.font())
        document.setDocumentMargin(0)
        return float(document.size().height())
