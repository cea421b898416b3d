"""Forms made from settings: a field is a widget that takes only what the field allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QEvent, QLocale, QObject, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QWidget,
)

from napari_spatial_embeddings.config import Settings, Unit

MOST = 999_999
"""Highest number of a field that has no upper bound."""

DECIMALS = 6

LABELS = 116
"""Least width of the labels, in pixels."""

Where = tuple[str, ...]


class Form(QWidget):
    """Edits settings.

    Parameters
    ----------
    settings : Settings
        What is shown first. Fields that are settings themselves add their own rows.
    skip : field names, optional
        Fields without a widget; their values stay.
    empty : mapping, optional
        For fields that need not be given: what is shown then. Also for fields that must be, but
        may be left to whoever uses the form.
    """

    changed = Signal()

    def __init__(
        self,
        settings: Settings,
        skip: Iterable[str] = (),
        empty: Mapping[str, str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._kind = type(settings)
        self._editors: dict[Where, Editor] = {}
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setVerticalSpacing(3)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for row in rows(self._kind, skip, empty or {}):
            self._add(row)
        self._fill(settings)

    def _add(self, row: Row) -> None:
        if len(row.path) > 1 and not any(path[:-1] == row.path[:-1] for path in self._editors):
            title = QLabel(spoken(row.path[-2]))
            title.setObjectName("group")
            self._layout.addRow(title)
        editor = row.editor()
        editor.changed.connect(self.changed)
        editor.widget.setToolTip(row.description)
        label = QLabel(spoken(row.path[-1]))
        label.setToolTip(row.description)
        label.setMinimumWidth(LABELS)  # so that forms below each other line up
        label.setBuddy(editor.widget)
        self._layout.addRow(label, editor.widget)
        self._editors[row.path] = editor

    @property
    def settings(self) -> Any:
        """The settings as they are shown; what was left empty has its default."""
        values = self._settings.model_dump()
        for path, editor in self._editors.items():
            inner = values
            for name in path[:-1]:
                inner = inner[name]
            inner[path[-1]] = editor.value
            if editor.value is None and self._default(path) is not None:
                inner[path[-1]] = self._default(path)
        return self._kind.model_validate(values)

    @property
    def given(self) -> dict[str, Any]:
        """The shown fields that are neither empty nor as they are by default, by name."""
        return {
            path[-1]: editor.value
            for path, editor in self._editors.items()
            if editor.value is not None and editor.value != self._default(path)
        }

    def set_settings(self, settings: Settings) -> None:
        """Show other settings, without a signal."""
        self._settings = settings
        self._fill(settings)

    def reset(self) -> None:
        """Show the defaults."""
        self._fill(self._kind())
        self.changed.emit()

    def editor(self, *path: str) -> QWidget:
        """Return the widget of a field."""
        widget: QWidget = self._editors[path].widget
        return widget

    def _default(self, path: Where) -> Any:
        return _at(self._kind(), path)

    def _fill(self, settings: Settings) -> None:
        for path, editor in self._editors.items():
            value = _at(settings, path)
            left_open = editor.optional and value == self._default(path)
            editor.set(None if left_open else value)


@dataclass(frozen=True, slots=True)
class Row:
    """A field, as its JSON schema tells it."""

    path: Where
    schema: dict[str, Any]
    description: str
    unit: str
    empty: str | None

    def editor(self) -> Editor:
        """Return the widget that suits the field's type."""
        if "enum" in self.schema:
            return Choice(self)
        return {"boolean": Switch, "integer": Whole, "number": Number}[self.schema["type"]](self)


def rows(kind: type[Settings], skip: Iterable[str], empty: Mapping[str, str]) -> Iterator[Row]:
    """Yield the fields of settings that a widget can edit."""
    schemas = kind.model_json_schema()["properties"]
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Settings):
            for row in rows(inner, skip, empty):
                yield Row((name, *row.path), row.schema, row.description, row.unit, row.empty)
        elif name not in skip:
            options = schemas[name].get("anyOf", [schemas[name]])
            schema = next(o for o in options if o.get("type") != "null")
            shown = empty.get(name, "automatic" if len(options) > 1 else None)
            unit = next((m.symbol for m in field.metadata if isinstance(m, Unit)), "")
            yield Row((name,), schema, field.description or "", unit, shown)


def spoken(name: str) -> str:
    """Return a field's name as people read it."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _at(settings: Settings, path: Where) -> Any:
    value: Any = settings
    for name in path:
        value = getattr(value, name)
    return value


# --------------------------------------------------------------------- editors


class Editor(QObject):
    """A field's widget and value; None if it was left empty."""

    changed = Signal()
    widget: Any
    optional = False

    @property
    def value(self) -> Any:
        """What is shown."""
        raise NotImplementedError

    def set(self, value: Any) -> None:
        """Show another value, without a signal."""
        self.widget.blockSignals(True)
        self._show(value)
        self.widget.blockSignals(False)

    def _show(self, value: Any) -> None:
        raise NotImplementedError


class Switch(Editor):
    """Yes or no."""

    def __init__(self, _row: Row) -> None:
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

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.widget = calm(QComboBox())
        for option in row.schema["enum"]:
            self.widget.addItem(str(option), option)
        self.widget.currentIndexChanged.connect(lambda *_: self.changed.emit())

    @property
    def value(self) -> Any:
        """The chosen one."""
        return self.widget.currentData()

    def _show(self, value: Any) -> None:
        self.widget.setCurrentIndex(self.widget.findData(value))


class Numeric(Editor):
    """A number within bounds; its lowest step stands for "left empty" where that is possible."""

    def __init__(self, row: Row, notch: float) -> None:
        super().__init__()
        low, high = bounds(row.schema, notch)
        self.optional = row.empty is not None
        box = self.widget
        box.setKeyboardTracking(False)
        box.setMinimumWidth(84)
        box.setSuffix(f" {row.unit}" if row.unit else "")
        if row.empty is not None:
            low -= notch
            box.setSpecialValueText(row.empty)
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

    def __init__(self, row: Row) -> None:
        self._step = int(row.schema.get("multipleOf", 1))
        self.widget = QSpinBox()
        self.widget.setSingleStep(self._step)
        super().__init__(row, self._step)

    def _take(self, value: object) -> None:
        # Typed by hand, it may be none of the multiples.
        nearest = round(self.widget.value() / self._step) * self._step
        if nearest != value and self.value is not None:
            self.set(max(self.widget.minimum(), nearest))
        super()._take(value)


class Number(Numeric):
    """Any number; the arrows change it by about a tenth."""

    def __init__(self, row: Row) -> None:
        self.widget = _Decimal()
        super().__init__(row, 10.0**-DECIMALS)


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
