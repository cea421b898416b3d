"""Writing of files in a worker, and the folder that they are written into by default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings import export
from napari_spatial_embeddings.plugin.layers.opened.file_axes import source_path
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.session import Session

if TYPE_CHECKING:
    from napari.layers import Layer


class FileWriting(QObject):
    """Base of the controllers that write files: one export at a time, in a worker.

    What it reports, values with a `message` and its `kind`, is shown in the dock.

    Parameters
    ----------
    session : Session
    """

    changed = Signal()
    """What can be exported may have changed."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._worker: Worker | None = None
        self._connections = Connections()

    def close(self) -> None:
        """Stop after the file that is being written, and disconnect."""
        self._connections.close()
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None

    @property
    def busy(self) -> bool:
        """Whether files are being written."""
        return self._worker is not None

    def cancel(self) -> None:
        """Stop after the file that is being written."""
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
            self._session.say("Stopped; files that were written already are kept.")
            self.changed.emit()

    def _folder_beside(self, layer: Layer | None) -> Path:
        """Return the project's folder for results, or one beside the file of a layer."""
        project = self._session.project
        if project is not None:
            return project.results_folder
        path = None if layer is None else source_path(layer)
        if path is not None:
            return export.results_beside(path)
        return Path.home() / "spatial-embeddings" / "results"

    def _run(self, work: Callable[[], Iterator[Any]]) -> None:
        self._worker = worker = Worker(work, self)
        worker.reported.connect(self._report)
        worker.ended.connect(self._end)
        worker.failed.connect(self._fail)
        worker.start()
        self.changed.emit()

    def _report(self, report: Any) -> None:
        if self.sender() is self._worker:
            self._session.say(report.message, report.kind)

    def _end(self, _report: object) -> None:
        if self.sender() is self._worker:
            self._worker = None
            self.changed.emit()

    def _fail(self, problem: str) -> None:
        if self.sender() is self._worker:
            self._worker = None
            self._session.say(problem, "error")
            self.changed.emit()
