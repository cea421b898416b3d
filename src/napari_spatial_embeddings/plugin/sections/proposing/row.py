"""A row of buttons that goes along a queue, above a sentence about what is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.even_grid import EvenGrid
from napari_spatial_embeddings.plugin.qt.text_block import TextBlock
from napari_spatial_embeddings.plugin.state.session import Session


@dataclass(frozen=True, slots=True)
class QueueButton:
    """A button of the row.

    Parameters
    ----------
    text, tip : str
    press : callable
        What it does; its errors are messages.
    problem : callable
        Returns why it cannot be pressed; an empty text if it can.
    """

    text: str
    tip: str
    press: Callable[[], None]
    problem: Callable[[], str]


class QueueRow(QWidget):
    """Buttons side by side, above a sentence.

    Parameters
    ----------
    session : Session
    changed : signal
        What is shown, or what can be done, is something else.
    sentence : callable
        Returns the sentence about what is shown.
    buttons : sequence of QueueButton

    Attributes
    ----------
    buttons : dict of QPushButton
        By their text.
    """

    def __init__(
        self,
        session: Session,
        changed: Any,
        sentence: Callable[[], str],
        buttons: Sequence[QueueButton],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._sentence, self._kinds = session, sentence, buttons
        self.buttons = {kind.text: self._button(kind) for kind in buttons}
        self._text = TextBlock(2, "note")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(EvenGrid(len(buttons), self.buttons.values()))
        column.addWidget(self._text)
        self._connections = Connections()
        self._connections.add(changed, self.refresh)
        self.refresh()

    def _button(self, kind: QueueButton) -> QPushButton:
        def press() -> None:
            with self._session.errors_as_messages():
                kind.press()

        button = QPushButton(kind.text)
        button.clicked.connect(press)
        return button

    @property
    def text(self) -> str:
        """The sentence about what is shown."""
        return self._text.text()

    def close_down(self) -> None:
        """Disconnect from the controller."""
        self._connections.close()

    def refresh(self) -> None:
        """Show what is shown, and what can be done."""
        for kind in self._kinds:
            problem = kind.problem()
            self.buttons[kind.text].setEnabled(not problem)
            self.buttons[kind.text].setToolTip(problem or kind.tip)
        self._text.setText(self._sentence())
