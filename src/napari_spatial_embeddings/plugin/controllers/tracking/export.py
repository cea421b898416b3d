"""Export of the tracks of the chosen series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.export.places import results_beside
from napari_spatial_embeddings.files.names import file_name
from napari_spatial_embeddings.plugin.layers.opened.file_axes import source_path
from napari_spatial_embeddings.plugin.layers.tracks.series import label_array
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.session import Session

from .linking import LinkingController

if TYPE_CHECKING:
    from napari_spatial_embeddings.plugin.tasks.export_tracks import TrackExportReport


class TrackExport(QObject):
    """Writes the tracks of the chosen series, and the corrections of its links, in a worker.

    Parameters
    ----------
    session : Session
    linking : LinkingController
    """

    changed = Signal()
    """What can be exported may have changed."""

    def __init__(
        self, session: Session, linking: LinkingController, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._linking = session, linking
        self._worker: Worker | None = None
        self._connections = Connections()
        self._connections.add(linking.changed, self.changed.emit)
        self._connections.add(session.project_changed, self.changed.emit)

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

    def obstacle(self, formats: Sequence[str]) -> str:
        """Return why nothing can be exported; empty if it can."""
        series = self._linking.series
        if self.busy:
            return "The files are being written."
        if series is None or series.tracks is None:
            return "Link the labels first."
        if self._linking.busy:
            return "Wait until the links are corrected."
        if series.stale:
            return "The labels have changed since: press Link again first."
        return "" if formats else "Tick what to write."

    def default_folder(self) -> Path:
        """Return where files are written if the user chooses no other folder."""
        series, project = self._linking.series, self._session.project
        if project is not None:
            return project.results_folder
        path = None if series is None else source_path(series.layer)
        if path is not None:
            return results_beside(path)
        return Path.home() / "spatial-embeddings" / "results"

    def export(self, folder: Path, formats: Sequence[str]) -> None:
        """Write the tracks, or show why that is not possible."""
        series = self._linking.series
        if obstacle := self.obstacle(formats):
            self._session.say(obstacle)
            return
        assert series is not None
        assert series.tracks is not None
        from napari_spatial_embeddings.plugin.tasks.export_tracks import (
            TrackExportRequest,
            export_tracks,
        )

        size, unit = series.measured or (None, None)
        request = TrackExportRequest(
            folder.expanduser(),
            file_name(series.layer.name),
            tuple(formats),
            label_array(series.layer),
            series.tracks,
            size,
            unit,
            series.corrections,
        )

        def work() -> Iterator[TrackExportReport]:
            return export_tracks(request)

        self._worker = worker = Worker(work, self)
        worker.reported.connect(self._report)
        worker.ended.connect(self._end)
        worker.failed.connect(self._fail)
        worker.start()
        self.changed.emit()

    def cancel(self) -> None:
        """Stop after the file that is being written."""
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
            self._session.say("Stopped; files that were written already are kept.")
            self.changed.emit()

    def _report(self, report: TrackExportReport) -> None:
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
