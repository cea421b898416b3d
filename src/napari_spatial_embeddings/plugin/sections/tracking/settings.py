"""Settings of the linking, in the layer's own unit."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QWidget

from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.core.units import METRES, symbol
from napari_spatial_embeddings.plugin.qt.form import rows
from napari_spatial_embeddings.plugin.qt.form_fields import Editor
from napari_spatial_embeddings.plugin.qt.narrow_form import NarrowForm

FIELDS = {
    "max_step": (
        "Largest step",
        "How far a cell may move from frame to frame. Automatic: two thirds of its diameter.",
    ),
    "max_gap": (
        "Longest gap",
        "Frames in a row in which a cell may be missing and still be the same one afterwards.",
    ),
    "divisions": (
        "Divisions",
        "Let a cell end in two daughters that take its place: together about as large as it was.",
    ),
}
"""Names on the screen of the settings that are shown, and what they mean."""

AUTOMATIC = "automatic"
FRAME, FRAMES = " frame", " frames"


class LinkSettings(QWidget):
    """Fields of the settings that matter most; the others keep their defaults."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._unit: str | None = None
        self._shown = TrackingSettings()
        self.editors: dict[str, Editor] = {}
        layout = NarrowForm(spacing=3)
        skip = [name for name in TrackingSettings.model_fields if name not in FIELDS]
        for row in rows(TrackingSettings, skip, {"max_step": AUTOMATIC}):
            (name,) = row.path
            title, about = FIELDS[name]
            editor = self.editors[name] = row.editor()
            editor.changed.connect(self.changed)
            editor.widget.setToolTip(about)
            editor.set(getattr(TrackingSettings(), name))
            label = QLabel(title)
            label.setToolTip(about)
            label.setBuddy(editor.widget)
            layout.addRow(label, editor.widget)
        self.setLayout(layout)
        self.editors["max_gap"].widget.valueChanged.connect(self._show_frames)
        self._show_frames()
        self.set_unit(None)

    def _show_frames(self, *_: object) -> None:
        box = self.editors["max_gap"].widget
        box.setSuffix(FRAME if box.value() == 1 else FRAMES)

    def set_unit(self, unit: str | None) -> None:
        """Give steps in a unit of length, or in pixels."""
        self._unit = unit
        self.editors["max_step"].widget.setSuffix(f" {symbol(unit) if unit else 'px'}")

    def show_step(self, step: float | None) -> None:
        """Show what the automatic step is, in pixels of the finest axis or in the unit."""
        unit = symbol(self._unit) if self._unit else "px"
        text = AUTOMATIC if step is None else f"auto: {step:.3g} {unit}"
        self.editors["max_step"].widget.setSpecialValueText(text)

    def show_settings(self, settings: TrackingSettings) -> None:
        """Show settings; a step that is given in a unit that the labels do not have is not."""
        self._shown = settings
        own = settings.step_unit == ("um" if self._unit else "px")
        for name, editor in self.editors.items():
            value = getattr(settings, name)
            if name == "max_step" and value is not None:
                factor = METRES["um"] / METRES[self._unit] if self._unit else 1.0
                value = value * factor if own else None
            editor.set(value)
        self._show_frames()

    @property
    def settings(self) -> TrackingSettings:
        """The settings that are shown."""
        values = {name: editor.value for name, editor in self.editors.items()}
        if self._unit and values["max_step"] is not None:
            values["max_step"] *= METRES[self._unit] / METRES["um"]
        unit = "um" if self._unit else "px"
        return self._shown.updated(**values, step_unit=unit)
