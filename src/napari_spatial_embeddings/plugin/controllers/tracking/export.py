"""Export of the tracks of the chosen series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_spatial_embeddings.files.names import file_name
from napari_spatial_embeddings.plugin.controllers.tools.file_writing import FileWriting
from napari_spatial_embeddings.plugin.layers.opened.file_axes import source_path
from napari_spatial_embeddings.plugin.layers.tags import tag_of
from napari_spatial_embeddings.plugin.layers.tracks.series import label_array
from napari_spatial_embeddings.plugin.state.session import Session

from .linking import LinkingController

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_spatial_embeddings.inference.segmentation import Segmentation
    from napari_spatial_embeddings.plugin.tasks.export_tracks import TrackExportReport


class TrackExport(FileWriting):
    """Writes the tracks of the chosen series, and the corrections of its links, in a worker.

    Parameters
    ----------
    session : Session
    linking : LinkingController
    """

    def __init__(
        self, session: Session, linking: LinkingController, parent: QObject | None = None
    ) -> None:
        super().__init__(session, parent)
        self._linking = linking
        self._connections.add(linking.changed, self.changed.emit)
        self._connections.add(session.project_changed, self.changed.emit)

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
        series = self._linking.series
        return self._folder_beside(None if series is None else series.layer)

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
            self._linking.settings,
            *self._origin(series.layer),
        )

        def work() -> Iterator[TrackExportReport]:
            return export_tracks(request)

        self._run(work)

    def _origin(self, layer: Labels) -> tuple[tuple[Segmentation, ...], Path | None, Path | None]:
        """Return the results that a layer shows, its own file, and that of its images."""
        tag = tag_of(layer)
        image = None if tag is None else self._session.images.get(tag.image)
        if image is None or image.series is None:
            return (), source_path(layer), None
        frames = image.series.records.items()
        results = tuple(one.result for _, one in sorted(frames) if one.result is not None)
        return results, None, source_path(image.series.layer)
