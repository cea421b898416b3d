"""Widget that files and folders can be dropped on, from the system's file manager."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QMimeData, Signal
from qtpy.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from qtpy.QtWidgets import QFrame, QWidget

from .looks import dress


class FileDrop(QFrame):
    """Takes files and folders that are dropped on it, or on what lies in it.

    While they are over it, its property ``drop`` is true, for its looks.
    """

    dropped = Signal(list)
    """Paths."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        dress(self, "drop")
        self._mark(on=False)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Accept files of this machine."""
        if paths_of(event.mimeData()):
            event.acceptProposedAction()
            self._mark(on=True)

    def dragLeaveEvent(self, _event: QDragLeaveEvent) -> None:  # noqa: N802 - Qt's name
        """Be as before."""
        self._mark(on=False)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Take the files; what is done with them must not keep the file manager waiting."""
        self._mark(on=False)
        if paths := paths_of(event.mimeData()):
            event.acceptProposedAction()
            self.dropped.emit(paths)

    def _mark(self, *, on: bool) -> None:
        self.setProperty("drop", on)
        self.style().unpolish(self)
        self.style().polish(self)


def paths_of(data: QMimeData | None) -> list[Path]:
    """Return the paths of the files that are dragged; none if something else is."""
    urls = data.urls() if data is not None and data.hasUrls() else []
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
