"""Forms made from settings: one widget for each field, limited to its valid values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QWidget

from napari_spatial_embeddings.config import Settings, Unit

from .form_fields import Editor, FlagEditor, FloatEditor, IntegerEditor, OptionEditor
from .looks import dress
from .narrow_form import NarrowForm

LABEL_WIDTH = 108
"""Least width of the labels, in pixels."""

FieldPath = tuple[str, ...]
"""Names of a field and of the settings around it, from outside in."""


class Form(QWidget):
    """Edits settings.

    Parameters
    ----------
    settings : Settings
        What is shown first. Fields that are settings themselves add their own rows.
    skip : field names, optional
        Fields without a widget; their values stay.
    empty : mapping, optional
        Texts that are shown for fields without a value, by name. Also a field that must have a
        value may be left empty: `settings` then has its default.
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
        self._editors: dict[FieldPath, Editor] = {}
        self._layout = NarrowForm(spacing=3)
        self.setLayout(self._layout)
        for row in rows(self._kind, skip, empty or {}):
            self._add(row)
        self._fill(settings)

    def _add(self, row: Row) -> None:
        if len(row.path) > 1 and not any(path[:-1] == row.path[:-1] for path in self._editors):
            title = QLabel(title_of(row.path[-2]))
            dress(title, "group")
            self._layout.addRow(title)
        editor = row.editor()
        editor.changed.connect(self.changed)
        editor.widget.setToolTip(row.description)
        label = QLabel(title_of(row.path[-1]))
        label.setToolTip(row.description)
        label.setMinimumWidth(LABEL_WIDTH)  # so that forms below each other line up
        label.setBuddy(editor.widget)
        self._layout.addRow(label, editor.widget)
        self._editors[row.path] = editor

    @property
    def settings(self) -> Any:
        """The settings that are shown; an empty field has its default."""
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
        """The fields that are neither empty nor at their defaults, by name."""
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

    def _default(self, path: FieldPath) -> Any:
        return _at(self._kind(), path)

    def _fill(self, settings: Settings) -> None:
        for path, editor in self._editors.items():
            value = _at(settings, path)
            empty = editor.optional and value == self._default(path)
            editor.set(None if empty else value)


@dataclass(frozen=True, slots=True)
class Row:
    """A field and its JSON schema."""

    path: FieldPath
    schema: dict[str, Any]
    description: str
    unit: str
    empty: str | None

    def editor(self) -> Editor:
        """Return the widget that suits the field's type."""
        if "enum" in self.schema:
            return OptionEditor(self.schema["enum"])
        if self.schema["type"] == "boolean":
            return FlagEditor()
        number = IntegerEditor if self.schema["type"] == "integer" else FloatEditor
        return number(self.schema, self.unit, self.empty)


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


def title_of(name: str) -> str:
    """Return a field's name as a label of the form."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _at(settings: Settings, path: FieldPath) -> Any:
    value: Any = settings
    for name in path:
        value = getattr(value, name)
    return value
