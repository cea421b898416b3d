"""The Data step and its choices, as a user sees them."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox

from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.sections.data import DataStep


def step_of(dock: SpatialEmbeddingsWidget) -> DataStep:
    return next(step for step in dock.steps if isinstance(step, DataStep))


def combos(dock: SpatialEmbeddingsWidget) -> list[QComboBox]:
    """Return the choices that are shown: of the image first, then of its axes."""
    step = step_of(dock)
    return [box for box in step.findChildren(QComboBox) if box.isVisibleTo(step)]


def choose(box: QComboBox, text: str) -> None:
    """Choose an item as a user does."""
    at = box.findText(text)
    assert at >= 0, [box.itemText(i) for i in range(box.count())]
    box.setCurrentIndex(at)
    box.activated.emit(at)


def entries(box: QComboBox) -> list[str]:
    return [box.itemText(i) for i in range(box.count())]
