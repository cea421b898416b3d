"""Storage of the corrections of links, in the project."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.plugin.controllers.autosave import Autosave
from napari_spatial_embeddings.plugin.controllers.project import ProjectController
from napari_spatial_embeddings.plugin.state.linked_series import LinkedSeries
from napari_spatial_embeddings.plugin.state.session import Session

from .series_choice import SeriesChoice

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import Project
    from napari_spatial_embeddings.tracking.corrections import LinkCorrections


class LinkStorage(QObject):
    """Saves the corrections of links in the project, which is created for them if there is none.

    Parameters
    ----------
    session : Session
    autosave : Autosave
    projects : ProjectController
    choice : SeriesChoice
        Whose records are saved.
    """

    _written = Signal(object, object)

    def __init__(
        self,
        session: Session,
        autosave: Autosave,
        projects: ProjectController,
        choice: SeriesChoice,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._autosave = session, autosave
        self._projects, self._choice = projects, choice
        self._written.connect(self._mark_saved)
        autosave.add_source(self._save)

    def file(self, series: LinkedSeries) -> Path | None:
        """Return where the corrections of a series are saved; None without a project."""
        project = self._session.project
        return None if project is None else project.links_file(series.key)

    def schedule(self) -> None:
        """Save after a pause, or when the dock is closed."""
        self._autosave.schedule()

    def save(self) -> None:
        """Save what waits for it."""
        self._autosave.save_pending()

    def _save(self) -> None:
        for series in self._choice.records:
            corrections = series.corrections
            if corrections is not None and corrections is not series.saved:
                project = self._projects.ensure()
                self._autosave.write(partial(self._write, project, series, corrections))

    def _write(self, project: Project, series: LinkedSeries, corrections: LinkCorrections) -> None:
        """Write corrections; runs in the thread that writes."""
        from napari_spatial_embeddings.export.links import write_links

        write_links(project.links_file(series.key), corrections)
        self._written.emit(series, corrections)

    def _mark_saved(self, series: LinkedSeries, corrections: LinkCorrections) -> None:
        series.saved = corrections
