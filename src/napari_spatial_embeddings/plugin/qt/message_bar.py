"""A bar for the newest message, whose room is there whether there is a message or not."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QMoveEvent, QResizeEvent
from qtpy.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget
from superqt.utils import QSignalDebouncer

from .looks import dress
from .text_block import TextBox
from .tool_line import ToolLine

HIDE_AFTER_MS = 15_000
"""Milliseconds after which a message is hidden that is no error."""

LINES, MOST_LINES = 3, 9
"""Lines of a message that there is always room for, and those that are shown of a longer one."""

MARGINS, GAP = (8, 4, 4, 4), 4
"""Pixels around the text, and between it and the cross."""


class MessageBar(QWidget):
    """The newest message, until the next one or a click on its cross.

    An error stays until then; other messages hide by themselves. The bar's room never changes, so
    that no message moves what the mouse is on: a long one lies over what is above the bar.

    Parameters
    ----------
    corner : QWidget, optional
        A small widget for the lower right corner.
    above : ToolLine, optional
        The line above the bar, which a long message hides or leaves alone.
    """

    def __init__(
        self,
        corner: QWidget | None = None,
        above: ToolLine | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._above = above
        self._sentence = ""
        self._box = QFrame(self)
        dress(self._box, "message")
        self._text = TextBox(LINES)
        self._cross = QToolButton()
        self._cross.setText("×")  # noqa: RUF001 - it is a cross
        self._cross.setToolTip("Hide this message.")
        self._cross.clicked.connect(lambda: self.show_message("", "info"))
        policy = self._cross.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._cross.setSizePolicy(policy)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self._box)
        row.setContentsMargins(*MARGINS)
        row.setSpacing(GAP)
        row.addWidget(self._text, 1, Qt.AlignmentFlag.AlignTop)
        self._column = QVBoxLayout()
        self._column.setSpacing(2)
        self._column.addStretch(1)
        self._column.addWidget(self._cross)
        if corner is not None:
            self._column.addWidget(corner)
        row.addLayout(self._column)
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
        self._box.setProperty("kind", kind if sentence else "")
        for widget in (self._box, self._text, self._cross):
            widget.style().unpolish(widget)
            widget.style().polish(widget)
        self._text.show_text(sentence)
        self._text.setToolTip(sentence)
        self._cross.setVisible(bool(sentence))
        self._place()
        if kind == "error" or not sentence:
            self._hide_later.cancel()
        else:
            self._hide_later.throttle()

    # ------------------------------------------------------------------ place

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size of the room."""
        _, top, _, bottom = MARGINS
        inner = max(self._text.height_of(LINES), self._column.minimumSize().height())
        return QSize(self._box.sizeHint().width(), inner + top + bottom)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the least size of the room."""
        return QSize(self._box.minimumSizeHint().width(), self.sizeHint().height())

    def event(self, event: QEvent) -> bool:
        """Follow the widget into another one: what is above the bar is in there."""
        if event.type() == QEvent.Type.ParentChange and self.parentWidget() is not None:
            self._box.setParent(self.parentWidget())
            self._box.show()
            self._place()
        return bool(super().event(event))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Have the message follow."""
        super().resizeEvent(event)
        self._place()

    def moveEvent(self, event: QMoveEvent) -> None:  # noqa: N802 - Qt's name
        """Have the message follow."""
        super().moveEvent(event)
        self._place()

    def _place(self) -> None:
        """Place the message in the bar's room, or up to where it ends."""
        room = self.rect() if self._box.parent() is self else self.geometry()
        left, top, right, bottom = MARGINS
        beside = left + right + GAP + self._column.minimumSize().width()
        lines = self._text.needed(max(1, room.width() - beside))
        self._text.set_lines(min(max(LINES, lines), MOST_LINES), scrolled=lines > MOST_LINES)
        room.setTop(min(room.top(), room.bottom() + 1 - top - bottom - self._text.height()))
        above = self._above
        if above is not None and above.text and room.top() <= above.geometry().bottom():
            room.setTop(min(room.top(), above.geometry().top()))
        self._box.setGeometry(room)
        self._box.raise_()
