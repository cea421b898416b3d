"""The widgets of a form: each shows one value, and takes only what its field allows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from qtpy.QtCore import QEvent, QLocale, QObject, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QSpinBox,
    QWidget,
)

MOST = 999_999
"""Highest number of a field that has no upper bound."""

DECIMALS = 6


class Editor(QObject):
    """A field's widget and value; None if it was left empty."""

    changed = Signal()
    widget: Any
    optional = False

    @property
    @abstractmethod
    def value(self) -> Any:
        """What is shown."""

    def set(self, value: Any) -> None:
        """Show another value, without a signal."""
        self.widget.blockSignals(True)
        self._show(value)
        self.widget.blockSignals(False)

    @abstractmethod
    def _show(self, value: Any) -> None:
        """Show a value."""


class Switch(Editor):
    """Yes or no."""

    def __init__(self) -> None:
        super().__init__()
        self.widget = QCheckBox()
        self.widget.toggled.connect(lambda *_: self.changed.emit())

    @property
    def value(self) -> bool:
        """Whether it is on."""
        return bool(self.widget.isChecked())

    def _show(self, value: bool) -> None:
        self.widget.setChecked(value)


class Choice(Editor):
    """One of several words."""

    def __init__(self, options: Iterable[Any]) -> None:
        super().__init__()
        self.widget = calm(QComboBox())
        for option in options:
            self.widget.addItem(str(option), option)
        self.widget.currentIndexChanged.connect(lambda *_: self.changed.emit())

    @property
    def value(self) -> Any:
        """The chosen one."""
        return self.widget.currentData()

    def _show(self, value: Any) -> None:
        self.widget.setCurrentIndex(self.widget.findData(value))


class Numeric(Editor):
    """A number within bounds; its lowest step stands for "left empty" where that is possible.

    Parameters
    ----------
    schema : dict
        The field's JSON schema.
    unit : str
    empty : str, optional
        What is shown if it is left empty; None if it must not be.
    notch : float
        The lowest step.
    """

    def __init__(
        self, schema: Mapping[str, Any], unit: str, empty: str | None, notch: float
    ) -> None:
        super().__init__()
        low, high = bounds(schema, notch)
        self.optional = empty is not None
        box = self.widget
        box.setKeyboardTracking(False)
        box.setMinimumWidth(84)
        box.setSuffix(f" {unit}" if unit else "")
        if empty is not None:
            low -= notch
            box.setSpecialValueText(empty)
        box.setRange(low, high)
        calm(box)
        box.valueChanged.connect(self._take)

    def _take(self, _value: object) -> None:
        self.changed.emit()

    @property
    def value(self) -> Any:
        """The number, or None."""
        value = self.widget.value()
        return None if self.optional and value == self.widget.minimum() else value

    def _show(self, value: Any) -> None:
        self.widget.setValue(self.widget.minimum() if value is None else value)


class Whole(Numeric):
    """A whole number, perhaps a multiple of another one."""

    def __init__(self, schema: Mapping[str, Any], unit: str, empty: str | None) -> None:
        self._step = int(schema.get("multipleOf", 1))
        self.widget = QSpinBox()
        self.widget.setSingleStep(self._step)
        super().__init__(schema, unit, empty, self._step)

    def _take(self, value: object) -> None:
        # Typed by hand, it may be none of the multiples.
        nearest = round(self.widget.value() / self._step) * self._step
        if nearest != value and self.value is not None:
            self.set(max(self.widget.minimum(), nearest))
        super()._take(value)


class Number(Numeric):
    """Any number; the arrows change it by about a tenth."""

    def __init__(self, schema: Mapping[str, Any], unit: str, empty: str | None) -> None:
        self.widget = _Decimal()
        super().__init__(schema, unit, empty, 10.0**-DECIMALS)


class _Decimal(QDoubleSpinBox):
    """A spin box that shows no more digits than there are."""

    def __init__(self) -> None:
        super().__init__()
        self.setLocale(QLocale.c())
        self.setDecimals(DECIMALS)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)

    def textFromValue(self, value: float) -> str:  # noqa: N802 - Qt's name
        return f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")


def bounds(schema: Mapping[str, Any], notch: float) -> tuple[Any, Any]:
    """Return the lowest and the highest number that a field takes."""
    low = schema.get("minimum", -MOST)
    high = schema.get("maximum", MOST)
    for name, sign in (("exclusiveMinimum", 1), ("exclusiveMaximum", -1)):
        if name in schema:
            bound = schema[name] + sign * max(notch, 1e-4 * abs(schema[name]))
            low, high = (bound, high) if sign > 0 else (low, bound)
    return low, high


class _Calm(QObject):
    """Lets the wheel scroll the dock rather than change what it happens to pass over."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget):
            event.setAccepted(watched.hasFocus())
            return not watched.hasFocus()
        return False


def calm(widget: Any) -> Any:
    """Make a widget heed the wheel only once it was clicked."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_Calm(widget))
    return widget
