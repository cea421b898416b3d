"""Linking of label series over time, and the corrections of their links."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from napari.components import ViewerModel
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.core.units import METRES, finest_length
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.plugin.layers.tracks.series import label_array, size_of
from napari_spatial_embeddings.plugin.layers.tracks.tracked import (
    remove_tracks,
    show_cells,
    show_paths,
)
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.linked_series import LinkedSeries
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.state.undo_history import UndoHistory
from napari_spatial_embeddings.plugin.tasks.link_actions import LinkChange
from napari_spatial_embeddings.plugin.tasks.link_series import (
    LinkReport,
    LinkRequest,
    LinkResult,
    counts,
    link_series,
)

from .link_storage import LinkStorage
from .series_choice import SeriesChoice

if TYPE_CHECKING:
    from napari_spatial_embeddings.tracking.tracks import Tracks


@dataclass(frozen=True, slots=True)
class _Step:
    """Work for a series that waits for its turn.

    Parameters
    ----------
    series : LinkedSeries
    kind : str
        "link"; "change", which can be undone; "move", an undo or redo.
    change : callable, optional
    """

    series: LinkedSeries
    kind: str = "link"
    change: LinkChange | None = None


@dataclass(frozen=True, slots=True)
class _Running:
    """A step in the worker, and which revision of the labels it works on."""

    step: _Step
    worker: Worker
    revision: int


class LinkingController(QObject):
    """Owns the tracks of the label series, and the corrections of their links.

    Steps run one by one in a worker: each correction starts from the tracks that the one before has
    left, however fast the clicks come.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    choice : SeriesChoice
    storage : LinkStorage
    """

    changed = Signal()
    """Another series is chosen, or it has other tracks or corrections."""
    progressed = Signal(int, int, str)

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        choice: SeriesChoice,
        storage: LinkStorage,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._choice, self._storage, self._project = choice, storage, session.project
        self._steps: deque[_Step] = deque()
        self._running: _Running | None = None
        self._connections = Connections()
        self._connections.add(choice.changed, self.changed.emit)
        self._connections.add(choice.leaving, self._leave)
        self._connections.add(session.project_changed, self._follow_project)
        self._connections.add(session.result_changed, self._follow_result)
        self._connections.add(session.tracking_changed, self.changed.emit)

    def close(self) -> None:
        """Stop what runs in the background, but for corrections to be saved, and disconnect."""
        self._connections.close()
        self._keep_corrections()
        self._drop()

    def _follow_result(self, key: str) -> None:
        """Note that a frame of a series has other objects, which its layer shows."""
        image = self._session.images.get(key)
        if image is not None and image.series is not None:
            layer = find_layer(self._viewer, "instances", image.layers_key)
            if layer is not None:
                self._choice.spoil(layer)

    # ------------------------------------------------------------------- linking

    @property
    def series(self) -> LinkedSeries | None:
        """The series that is chosen."""
        return self._choice.series

    @property
    def settings(self) -> TrackingSettings:
        """Settings of the next linking."""
        return self._session.tracking

    @settings.setter
    def settings(self, settings: TrackingSettings) -> None:
        self._session.set_tracking(settings)

    def tracks_of(self, layer: object) -> Tracks | None:
        """Return the tracks of a layer's labels; None if they are not linked as they are now."""
        known = (x for x in self._choice.records if x.layer is layer and not x.stale)
        return next((x.tracks for x in known), None)

    @property
    def busy(self) -> bool:
        """Whether a linking or a correction runs or waits."""
        return self._running is not None or bool(self._steps)

    @staticmethod
    def automatic_step(series: LinkedSeries) -> float | None:
        """Return the largest step if none is given, in the unit of the series or in pixels."""
        if series.tracks is None:
            return None
        from napari_spatial_embeddings.tracking.linking import largest_step

        step = largest_step(series.tracks.detections, TrackingSettings())
        size, unit = series.measured or (None, None)
        return step * (finest_length(size) or 1.0) if unit in METRES else step

    def link(self) -> None:
        """Link the series that is chosen."""
        if self.series is not None:
            self._queue(_Step(self.series))

    def cancel(self) -> None:
        """Stop; what was there before stays."""
        if self.busy:
            self._drop()
            before = self.series is not None and self.series.tracks is not None
            what = "the tracks are those from before" if before else "nothing is linked"
            self._session.say(f"Stopped: {what}.")
            self.changed.emit()

    def _drop(self) -> None:
        """Cancel what runs, and forget what waits."""
        self._steps.clear()
        if self._running is not None:
            self._running.worker.cancel()
            self._running = None

    # --------------------------------------------------------------- corrections

    def correct(self, change: LinkChange) -> None:
        """Correct links of the chosen series, and link what is around them again."""
        if self.series is not None and self.series.tracks is not None:
            self._queue(_Step(self.series, "change", change))

    def forget(self) -> None:
        """Discard all corrections of the chosen series; this can be undone."""
        from napari_spatial_embeddings.tracking.corrections import NONE

        self.correct(lambda *_: (NONE, "The corrections are discarded"))

    @property
    def can_undo(self) -> bool:
        """Whether a correction can be undone."""
        return self.series is not None and self.series.undo.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether an undone correction can be done again."""
        return self.series is not None and self.series.undo.can_redo

    def undo(self) -> None:
        """Undo the last correction."""
        self._move("undo", "Undone")

    def redo(self) -> None:
        """Do again what was undone."""
        self._move("redo", "Done again")

    def _move(self, way: str, sentence: str) -> None:
        series = self.series
        if series is None or series.corrections is None or self.busy:
            return  # or the history is about to change
        try:
            state = getattr(series.undo, way)(series.corrections)
        except IndexError:
            return
        self._queue(_Step(series, "move", lambda *_: (state, sentence)))

    # ---------------------------------------------------------------- one by one

    def _queue(self, step: _Step) -> None:
        self._steps.append(step)
        self._next()
        self.changed.emit()

    def _next(self) -> None:
        while self._running is None and self._steps:
            step = self._steps.popleft()
            if step.series not in self._choice.records:
                continue
            with self._session.errors_as_messages():
                worker = Worker(partial(link_series, self._request(step)), self)
                worker.reported.connect(self._report)
                worker.failed.connect(self._fail)
                self._running = _Running(step, worker, step.series.revision)
                worker.start()

    def _request(self, step: _Step) -> LinkRequest:
        series = step.series
        size = size_of(series.layer, series.axes)
        if series.measured != size:
            series.detections = None
        series.measured = size
        return LinkRequest(
            label_array(series.layer),
            *size,
            self.settings,
            series.corrections,
            self._storage.file(series),
            series.detections,
            series.tracks,
            step.change,
            series.solved,
        )

    def _report(self, report: LinkReport) -> None:
        if self._running is None or self.sender() is not self._running.worker:
            return
        if report.result is None:
            self.progressed.emit(report.done, report.total, report.message)
            return
        with self._session.errors_as_messages():
            self._publish(self._running, report.result)
        # The window gets its turn before the next layer.
        QTimer.singleShot(0, self, partial(self._finish, self._running))

    def _finish(self, running: _Running) -> None:
        if running is not self._running:
            return
        self._running = None
        with self._session.errors_as_messages():
            show_paths(self._viewer, running.step.series)
        self._next()
        self.changed.emit()

    def _publish(self, running: _Running, result: LinkResult) -> None:
        step, series = running.step, running.step.series
        if step.kind == "change" and series.corrections is not None:
            series.undo.push(series.corrections)
        series.tracks = result.tracks
        if series.revision == running.revision:  # nothing was painted meanwhile
            series.detections = result.tracks.detections
        series.corrections, series.solved = result.corrections, result.solved
        if result.stored is not None:
            series.saved = result.stored
        elif series.saved is None and not result.corrections:
            series.saved = result.corrections  # there is nothing to be saved
        show_cells(self._viewer, series)
        self._session.say(_sentence(result))
        if series.corrections is not series.saved:
            self._storage.schedule()

    def _fail(self, sentence: str) -> None:
        if self._running is None or self.sender() is not self._running.worker:
            return
        step, self._running = self._running.step, None
        if step.kind == "move":  # the history has moved, the corrections have not
            step.series.undo = UndoHistory()
        self._session.say(sentence, "warning" if step.kind == "change" else "error")
        self._next()
        self.changed.emit()

    # ------------------------------------------------- what is left, and is kept

    def _keep_corrections(self) -> None:
        """Have corrections saved that were to be linked first."""
        running = [] if self._running is None else [self._running.step]
        for step in (*running, *self._steps):
            series = step.series
            if step.change is None or series.corrections is None or series.tracks is None:
                continue
            with self._session.errors_as_messages():
                series.corrections, _ = step.change(series.corrections, series.tracks)
                self._storage.schedule()

    def _leave(self) -> None:
        """Save what was corrected in layers that are gone."""
        self._keep_corrections()
        self._storage.save()
        running = self._running
        if running is not None and running.step.series.layer not in self._viewer.layers:
            self._drop()

    def _follow_project(self) -> None:
        """Work on with what is there, if a folder was made for it; else drop what was linked."""
        before, self._project = self._project, self._session.project
        if before is None:
            for series in self._choice.records:
                if not series.corrected:  # the project may have some
                    series.corrections = series.saved = None
        elif before is not self._project:
            self._drop()
            for series in self._choice.records:
                remove_tracks(self._viewer, series)
            self._choice.reset()


def _sentence(result: LinkResult) -> str:
    """Return what was done: short, as a long message would cover the line of the tool."""
    known = len(result.corrections)
    stored = f" with {plural(known, 'correction')} from the project" if result.stored else ""
    text = result.sentence or f"Linked{stored}: {counts(result.tracks)}"
    if unknown := result.corrections.unknown(result.tracks.detections):
        text += f"; {unknown} of {plural(known, 'correction')} name objects that are gone"
    return text
