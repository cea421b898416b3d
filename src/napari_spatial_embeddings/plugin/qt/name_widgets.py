"""Widgets that show names of any length: what does not fit is elided, and is in the tooltip."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QPaintEvent
from qtpy.QtWidgets import (
    QComboBox,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStyle,
    QStyleOptionButton,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from .form_fields import ignore_wheel
from .looks import dress

MIN_COMBO = 12
"""Letters of medium width that a list of names has room for at least."""

MAX_BUTTON = 16
"""Letters of medium width that a button has room for at most."""


class NameCombo(QComboBox):
    """A list to choose a name from; as wide as there is room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        ignore_wheel(self)
        self._about = ""
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.currentTextChanged.connect(self._show_tip)

    def set_about(self, about: str) -> None:
        """Set what the tooltip has below the name."""
        self._about = about
        self._show_tip()

    def _show_tip(self) -> None:
        self.setToolTip("\n".join(filter(None, (self.currentText(), self._about))))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size in which a name can still be recognised."""
        wide = MIN_COMBO * self.fontMetrics().averageCharWidth()
        return QSize(wide, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw it with the name elided in its middle: the ends of names differ."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        field, control = QStyle.SubControl.SC_ComboBoxEditField, QStyle.ComplexControl.CC_ComboBox
        room = self.style().subControlRect(control, option, field, self).width() - 4
        shown = option.currentText or self.placeholderText()
        option.currentText = self.fontMetrics().elidedText(
            shown, Qt.TextElideMode.ElideMiddle, room
        )
        painter.drawComplexControl(control, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()


class NameButton(QPushButton):
    """A button with a name, of limited width.

    Parameters
    ----------
    name : str
    about : str
        What its tooltip has below the name.
    """

    def __init__(self, name: str, about: str = "", parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.setToolTip("\n".join(filter(None, (name, about))))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that the name needs, within the limit."""
        hint = super().sizeHint()
        return QSize(
            min(hint.width(), MAX_BUTTON * self.fontMetrics().averageCharWidth() + 40),
            hint.height(),
        )

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the same: there is always room for that."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw it with the name elided in its middle, if it does not fit."""
        if self.width() >= super().sizeHint().width():
            super().paintEvent(event)
            return
        painter, option = QStylePainter(self), QStyleOptionButton()
        self.initStyleOption(option)
        letters = self.fontMetrics()
        edges = super().sizeHint().width() - letters.horizontalAdvance(self.text())
        room = self.width() - edges
        option.text = letters.elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room)
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        painter.end()


class NameList(QListWidget):
    """A list of names, as wide as there is room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        dress(self, "rows")
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(60)

    def add_name(self, name: str, about: str = "") -> QListWidgetItem:
        """Add a name; its tooltip has all of it, and what it is about."""
        item = QListWidgetItem(name)
        item.setToolTip("\n".join(filter(None, (name, about))))
        self.addItem(item)
        return item
