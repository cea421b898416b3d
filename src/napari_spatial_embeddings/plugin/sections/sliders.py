"""Sliders for the fields of the clustering's settings.

There is one for each field of `config.ClusteringSettings`, which describes it: *Seed threshold* and
*Foreground threshold* choose pixels, *Margin factor* widens or narrows the learned margin of every
object, *Minimum size* and *Free fraction* drop objects. A slider changes
`Session.clustering`; `ReclusteringController` follows, and `core.proposals` applies the margin.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.form import title_of
from napari_spatial_embeddings.plugin.qt.number_slider import NumberSlider
from napari_spatial_embeddings.plugin.qt.text_block import TextBlock
from napari_spatial_embeddings.plugin.state.session import Session

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation

RANGES: dict[str, tuple[float, float]] = {"margin_factor": (0.3, 3.0), "min_size": (1, 10_000)}
"""Ranges of sliders, where they are less than what is allowed."""

TITLES = {
    "min_size": "Minimum size",
    "min_free_fraction": "Free fraction",
}

NOTHING_TO_MOVE = "There are no objects yet: predict first, then the sliders move them."

UNLIMITED = 1e9
"""Highest value of a field without a maximum."""


class Sliders(QWidget):
    """Edits the session's clustering settings.

    Parameters
    ----------
    session : Session
    """

    held = Signal(bool)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._sliders: dict[str, NumberSlider] = {}
        schemas = ClusteringSettings.model_json_schema()["properties"]
        self._fields = QWidget()
        rows = QVBoxLayout(self._fields)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        for name, field in ClusteringSettings.model_fields.items():
            slider = self._sliders[name] = _slider(name, schemas[name])
            slider.setToolTip(field.description or "")
            slider.changed.connect(lambda value, name=name: self._change(name, value))
            slider.held.connect(self.held)
            rows.addWidget(slider)
        self._note = TextBlock(2, "note")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._fields)
        column.addWidget(self._note)
        self._connections = Connections()
        self._connections.add(session.clustering_changed, self.refresh)
        self.refresh()

    def close_down(self) -> None:
        """Disconnect from the session."""
        self._connections.close()

    def slider(self, name: str) -> NumberSlider:
        """Return a field's slider."""
        return self._sliders[name]

    @property
    def note(self) -> str:
        """Advice about the settings."""
        return self._note.text()

    def refresh(self) -> None:
        """Show the session's settings."""
        for name, slider in self._sliders.items():
            slider.set_value(getattr(self._session.clustering, name))
        self.explain(self._session.result)

    def explain(self, result: Segmentation | None) -> None:
        """Show what is surprising about the settings, or about their result.

        Without a result the sliders are grey: there is nothing that they could move.
        """
        self._fields.setEnabled(result is not None)
        self._fields.setToolTip("" if result is not None else NOTHING_TO_MOVE)
        note = advice(self._session.clustering, result)
        self._note.setText(note)

    def _change(self, name: str, value: float) -> None:
        whole = isinstance(getattr(self._session.clustering, name), int)
        with self._session.errors_as_messages():
            self._session.tune(**{name: round(value) if whole else value})


def advice(settings: ClusteringSettings, result: Segmentation | None) -> str:
    """Return a sentence about settings that do not do what they seem to; empty if they do."""
    seed, foreground = settings.seed_threshold, settings.foreground_threshold
    if settings.min_free_fraction == 1:
        return "No object can have more than all of its pixels: lower the free fraction."
    if result is not None and not len(result.instances):
        highest = float(result.maps.seed.max(initial=0))
        if highest == 0:
            return "Nothing was predicted here yet."
        if highest < max(seed, foreground):
            return (
                f"No object: the highest seed value is {highest:.2f}; lower the"
                f" {'seed' if highest < seed else 'foreground'} threshold below it."
            )
        return "No object is as large as the minimum size, with enough free pixels."
    if seed < foreground:
        return (
            f"Below the foreground threshold, {foreground:.2f}, the seed threshold changes nothing."
        )
    return ""


def _slider(name: str, schema: dict[str, float | str]) -> NumberSlider:
    whole = schema["type"] == "integer"
    low = float(schema.get("minimum", 0.01))
    high = float(schema.get("maximum", UNLIMITED))
    usual = RANGES.get(name, (low, high))
    # Twice as wide or large is as far as half as wide: equal steps are factors.
    logarithmic = not math.isclose(low, 0)
    title = TITLES.get(name, title_of(name))
    return NumberSlider(title, usual, (low, high), 0 if whole else 2, logarithmic)
