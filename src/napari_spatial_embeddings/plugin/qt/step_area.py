"""One step of the dock widget: a title that collapses it, and a hint about what to do next."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QSizePolicy, QWidget

from .collapsible import Collapsible
from .text_block import TextBlock

HINT_LINES = 3
"""Lines that a hint has room for."""


class StepArea(Collapsible):
    """A part of the dock widget. Its hint is always shown.

    Parameters
    ----------
    title : str
    hint : str
        One to three lines: what to do next. There is room for three, so that a longer hint moves
        nothing; without any hint there is none.
    opened : bool
        Whether it is open at first.
    """

    shown = Signal(QWidget)
    """A part of the step was turned on by the user, and is to be seen whole."""

    def __init__(
        self,
        title: str,
        hint: str = "",
        parent: QWidget | None = None,
        *,
        opened: bool = True,
    ) -> None:
        super().__init__(title, parent)
        self._header.setAutoRaise(False)
        self._header.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        font = self._header.font()
        font.setBold(True)
        self._header.setFont(font)
        self._hint = TextBlock(HINT_LINES, "hint")
        self._column.insertWidget(1, self._hint)
        self.body.setContentsMargins(8, 2, 4, 6)
        self.body.setSpacing(6)
        self.set_hint(hint)
        self.set_open(opened)

    @property
    def title(self) -> str:
        """Text of the header."""
        return self._header.text()

    def set_hint(self, sentence: str) -> None:
        """Show what to do next."""
        self._hint.setText(sentence)
        self._hint.setVisible(bool(sentence))

    @property
    def hint(self) -> str:
        """What to do next."""
        return self._hint.text()

    def close_down(self) -> None:
        """Disconnect; called when the dock is closed."""
