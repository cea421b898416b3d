"""One step of the dock widget: a title that folds it, a hint that says what to do next."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget


class Step(QWidget):
    """A part of the dock widget that can be folded away.

    Parameters
    ----------
    title : str
    hint : str
        One line: what to do next.

    Attributes
    ----------
    body : QVBoxLayout
        Where the step's own widgets go.
    """

    toggled = Signal(bool)

    def __init__(self, title: str, hint: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._header = QToolButton()
        self._header.setText(title)
        self._header.setObjectName("header")
        self._header.setCheckable(True)
        self._header.setChecked(True)
        self._header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._header.setArrowType(Qt.ArrowType.DownArrow)
        self._header.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        font = self._header.font()
        font.setBold(True)
        self._header.setFont(font)
        self._hint = QLabel(hint)
        self._hint.setWordWrap(True)
        self._hint.setObjectName("hint")
        self._hint.setVisible(bool(hint))
        self._content = QWidget()
        self.body = QVBoxLayout(self._content)
        self.body.setContentsMargins(8, 2, 4, 6)
        self.body.setSpacing(6)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._header)
        layout.addWidget(self._hint)
        layout.addWidget(self._content)
        self._header.toggled.connect(self._fold)

    @property
    def title(self) -> str:
        """What the header says."""
        return self._header.text()

    def set_hint(self, sentence: str) -> None:
        """Say what to do next."""
        self._hint.setText(sentence)
        self._hint.setVisible(bool(sentence))

    @property
    def hint(self) -> str:
        """What to do next."""
        return self._hint.text()

    @property
    def open(self) -> bool:
        """Whether the step is unfolded."""
        return self._header.isChecked()

    def set_open(self, unfolded: bool) -> None:
        """Fold or unfold the step."""
        self._header.setChecked(unfolded)

    def _fold(self, unfolded: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow
        self._header.setArrowType(arrow)
        self._content.setVisible(unfolded)
        self.toggled.emit(unfolded)

    def close_down(self) -> None:
        """End what runs in the background; called when the dock is closed."""
