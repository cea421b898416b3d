"""Editors of single values: widgets limited to what a JSON schema allows."""

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

from .looks import dress

UNBOUNDED = 999_999
"""Highest number of a field without an upper bound."""

DECIMALS = 6


class Editor(QObject):
    """A widget and its value; None if it is empty."""

    changed = Signal()
    widget: Any
    optional = False

    @property
    @abstractmethod
    def value(self) -> Any:
        """The value that is shown."""

    def set(self, value: Any) -> None:
        """Show another value, without a signal."""
        self.widget.blockSignals(True)
        self._show(value)
        self.widget.blockSignals(False)

    @abstractmethod
    def _show(self, value: Any) -> None:
        """Show a value."""


class FlagEditor(Editor):
    """A check box."""

    def __init__(self) -> None:
        super().__init__()
        self.widget = QCheckBox()
        self.widget.toggled.connect(lambda *_: self.changed.emit())

    @property
    def value(self) -> bool:
        """Whether it is checked."""
        return bool(self.widget.isChecked())

    def _show(self, value: bool) -> None:
        self.widget.setChecked(value)


class OptionEditor(Editor):
    """A list of options."""

    def __init__(self, options: Iterable[Any]) -> None:
        super().__init__()
        self.widget = ignore_wheel(QComboBox())
        for option in options:
            self.widget.addItem(str(option), option)
        self.widget.currentIndexChanged.connect(lambda *_: self.changed.emit())

    @property
    def value(self) -> Any:
        """The chosen option."""
        return self.widget.currentData()

    def _show(self, value: Any) -> None:
        self.widget.setCurrentIndex(self.widget.findData(value))


class NumberEditor(Editor):
    """A number within bounds; one step below its lowest value stands for an empty field.

    Parameters
    ----------
    schema : dict
        The field's JSON schema.
    unit : str
    empty : str, optional
        Text of the empty field; None if it cannot be empty.
    step : float
        Distance of two neighbouring values.
    """

    def __init__(
        self, schema: Mapping[str, Any], unit: str, empty: str | None, step: float
    ) -> None:
        super().__init__()
        low, high = bounds(schema, step)
        self.optional = empty is not None
        box = self.widget
        box.setKeyboardTracking(False)
        box.setSuffix(f" {unit}" if unit else "")
        if empty is not None:
            low -= step
            box.setSpecialValueText(empty)
        box.setRange(low, high)
        ignore_wheel(box)
        box.valueChanged.connect(self._edited)

    def _edited(self, _value: object) -> None:
        self.changed.emit()

    @property
    def value(self) -> Any:
        """The number, or None."""
        value = self.widget.value()
        return None if self.optional and value == self.widget.minimum() else value

    def _show(self, value: Any) -> None:
        self.widget.setValue(self.widget.minimum() if value is None else value)


class IntegerEditor(NumberEditor):
    """A whole number, perhaps a multiple of another one."""

    def __init__(self, schema: Mapping[str, Any], unit: str, empty: str | None) -> None:
        self._step = int(schema.get("multipleOf", 1))
        self.widget = QSpinBox()
        dress(self.widget, "number")
        self.widget.setSingleStep(self._step)
        super().__init__(schema, unit, empty, self._step)

    def _edited(self, value: object) -> None:
        # A typed number may be no multiple.
        nearest = round(self.widget.value() / self._step) * self._step
        if nearest != value and self.value is not None:
            self.set(max(self.widget.minimum(), nearest))
        super()._edited(value)


class FloatEditor(NumberEditor):
    """Any number; the arrows change it by about a tenth."""

    def __init__(self, schema: Mapping[str, Any], unit: str, empty: str | None) -> None:
        self.widget = _FloatBox()
        super().__init__(schema, unit, empty, 10.0**-DECIMALS)


class _FloatBox(QDoubleSpinBox):
    """A spin box without trailing zeros."""

    def __init__(self) -> None:
        super().__init__()
        dress(self, "number")
        self.setLocale(QLocale.c())
        self.setDecimals(DECIMALS)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)

    def textFromValue(self, value: float) -> str:  # noqa: N802 - Qt's name
        return f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")


def bounds(schema: Mapping[str, Any], step: float) -> tuple[Any, Any]:
    """Return the lowest and the highest valid number."""
    low = schema.get("minimum", -UNBOUNDED)
    high = schema.get("maximum", UNBOUNDED)
    for name, sign in (("exclusiveMinimum", 1), ("exclusiveMaximum", -1)):
        if name in schema:
            bound = schema[name] + sign * max(step, 1e-4 * abs(schema[name]))
            low, high = (bound, high) if sign > 0 else (low, bound)
    return low, high


class _WheelFilter(QObject):
    """Lets the wheel scroll the dock rather than change the widget under the pointer."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget):
            event.setAccepted(watched.hasFocus())
            return not watched.hasFocus()
        return False


def ignore_wheel(widget: Any) -> Any:
    """Make a widget react to the wheel only while it has the focus; return the widget."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_WheelFilter(widget))
    return widget
