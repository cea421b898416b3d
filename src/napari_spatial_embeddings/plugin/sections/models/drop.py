"""Drops of models on widgets that take no other files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QWidget

from napari_spatial_embeddings.plugin.qt.file_drop import paths_of
from napari_spatial_embeddings.plugin.tasks.sharing.models import is_model


class ModelDrop(QObject):
    """Takes the models that are dropped on a widget; what else is dropped goes to what is below.

    Parameters
    ----------
    widget : QWidget
    taken : callable
        Gets the paths.
    """

    def __init__(self, widget: QWidget, taken: Callable[[list[Path]], object]) -> None:
        super().__init__(widget)
        self._taken = taken
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Take drags and drops of models."""
        if isinstance(event, QDropEvent) and event.type() in (
            QEvent.Type.DragEnter,
            QEvent.Type.DragMove,
            QEvent.Type.Drop,
        ):
            models = [path for path in paths_of(event.mimeData()) if is_model(path)]
            if not models:
                event.ignore()
                return True
            event.acceptProposedAction()
            if event.type() == QEvent.Type.Drop:
                self._taken(models)
            return True
        return bool(super().eventFilter(watched, event))
