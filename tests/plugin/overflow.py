"""Texts that are cut and widgets that lie outside of others, of all that a widget shows."""

from __future__ import annotations

from collections.abc import Iterator

from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QProgressBar,
    QStyle,
    QStyleOptionComboBox,
    QWidget,
)
from superqt import QElidingLabel

FRAME = 4
"""Pixels beside the text of a line edit."""


def overflows(root: QWidget) -> list[str]:
    """Return a line for each text that is cut, and for each widget that lies outside of its parent.

    A name that is elided is not cut, if its tooltip has all of it.
    """
    return [
        f"{_name(widget)}: {problem}"
        for widget in root.findChildren(QWidget)
        if widget.isVisible()
        for problem in (*_outside(widget), *_cut(widget))
    ]


def _name(widget: QWidget) -> str:
    text = getattr(widget, "text", lambda: "")()
    return f"{type(widget).__name__} {widget.objectName()} {str(text)[:40]!r}"


def _outside(widget: QWidget) -> Iterator[str]:
    parent = widget.parentWidget()
    if parent is None or widget.isWindow():
        return
    inside, own = parent.rect(), widget.geometry()
    if isinstance(parent, QAbstractSpinBox):  # Qt itself is a pixel off there
        inside.adjust(-1, -1, 1, 1)
    if isinstance(parent.parent(), QAbstractScrollArea):  # it is scrolled up and down
        inside.setTop(own.top())
        inside.setBottom(own.bottom())
    if not inside.contains(own):
        yield f"{own.getRect()} is not within {type(parent).__name__} {inside.getRect()}"


def _cut(widget: QWidget) -> Iterator[str]:
    if isinstance(widget, QAbstractScrollArea) and widget.horizontalScrollBar().maximum() > 0:
        yield "has to be scrolled sideways"
    if isinstance(widget, QElidingLabel):
        yield from _hidden(widget, widget.text(), _wide(widget, widget.text()), widget.width())
    elif isinstance(widget, QLabel):
        yield from _cut_label(widget)
    elif isinstance(widget, QComboBox):
        option = QStyleOptionComboBox()
        widget.initStyleOption(option)
        field, control = QStyle.SubControl.SC_ComboBoxEditField, QStyle.ComplexControl.CC_ComboBox
        room = widget.style().subControlRect(control, option, field, widget).width()
        shown = widget.currentText() or widget.placeholderText()
        yield from _hidden(widget, shown, _wide(widget, shown), room)
    elif isinstance(widget, QAbstractButton):
        yield from _hidden(widget, widget.text(), widget.sizeHint().width(), widget.width())
        if widget.sizeHint().height() > widget.height():
            yield f"needs {widget.sizeHint().height()} pixels of height, has {widget.height()}"
    elif isinstance(widget, QLineEdit) and not isinstance(widget.parent(), QComboBox):
        spin = widget.parent() if isinstance(widget.parent(), QAbstractSpinBox) else widget
        shown = widget.text() or widget.placeholderText()
        assert isinstance(spin, QWidget)
        yield from _hidden(spin, shown, _wide(widget, shown) + FRAME, widget.width())
    elif isinstance(widget, QProgressBar) and widget.isTextVisible():
        yield from _hidden(widget, widget.text(), _wide(widget, widget.text()), widget.width())
    elif isinstance(widget, QAbstractItemView):
        yield from _cut_items(widget)


def _cut_label(label: QLabel) -> Iterator[str]:
    if not label.text():
        return
    wide, high = label.minimumSizeHint().width(), label.heightForWidth(label.width())
    if not label.wordWrap():
        wide, high = label.sizeHint().width(), label.sizeHint().height()
    if wide > label.width():
        yield f"needs {wide} pixels, has {label.width()}"
    if high > label.height():
        yield f"needs {high} pixels of height, has {label.height()}"


def _cut_items(view: QAbstractItemView) -> Iterator[str]:
    model = view.model()
    for row in range(model.rowCount()):
        index = model.index(row, 0)
        shown, tip = str(index.data() or ""), str(index.data(3) or "")  # 3: its tooltip
        if view.sizeHintForIndex(index).width() > view.viewport().width() and shown not in tip:
            yield f"'{shown}' is cut, and no tooltip has it"


def _hidden(widget: QWidget, text: str, needed: int, room: int) -> Iterator[str]:
    if needed > room and text not in widget.toolTip():
        yield f"'{text}' needs {needed} pixels, has {room}, and no tooltip has it"


def _wide(widget: QWidget, text: str) -> int:
    return int(widget.fontMetrics().horizontalAdvance(text))
