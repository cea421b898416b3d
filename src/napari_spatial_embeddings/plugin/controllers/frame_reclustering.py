"""Clustering of the frames that are not in view, with the settings that the one in view has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from superqt.utils import QSignalDebouncer

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.recluster import recluster
from napari_spatial_embeddings.plugin.tasks.stored_frames import without_cache

from .reclustering import ReclusteringController, newest_corrections

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation

DELAY_MS = 500
"""Milliseconds without a change of the settings after which the other frames follow."""


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """A frame to be clustered with other settings."""

    image: OpenImage
    result: Segmentation
    settings: ClusteringSettings

    def run(self) -> Segmentation:
        corrections = newest_corrections(self.image, self.result)
        return without_cache(recluster(self.result, self.settings, corrections))


class FrameReclustering(QObject):
    """Has the predicted frames of the current image's series follow the settings, one by one.

    The nearest to the frame in view come first, and none before that is done itself. Only the
    newest settings count.

    Parameters
    ----------
    session : Session
    reclustering : ReclusteringController
        That of the frame in view.
    """

    changed = Signal()
    """Another number of frames is done."""

    def __init__(
        self,
        session: Session,
        reclustering: ReclusteringController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._reclustering = session, reclustering
        self._pause = QSignalDebouncer(parent=self)
        self._pause.setTimeout(DELAY_MS)
        self._pause.triggered.connect(self._next)
        self._waiting = False
        self._worker = LatestWorker(_Request.run, self)
        self._worker.done.connect(self._publish)
        self._worker.failed.connect(self._fail)
        self._connections = Connections()
        self._connections.add(session.clustering_changed, self._schedule)
        self._connections.add(session.image_changed, self._schedule)
        self._connections.add(session.result_changed, self._schedule)

    def close(self) -> None:
        """Drop what is under way."""
        self._connections.close()
        self._pause.cancel()
        self._worker.close()

    @property
    def busy(self) -> bool:
        """Whether frames are still to be clustered."""
        return self._waiting or self._worker.busy

    @property
    def progress(self) -> tuple[int, int]:
        """Number of predicted frames that have the newest settings, and of all predicted ones."""
        predicted, outdated = self._predicted(), self._outdated()
        return len(predicted) - len(outdated), len(predicted)

    def _predicted(self) -> list[OpenImage]:
        image = self._session.current
        series = None if image is None else image.series
        if series is None:
            return []
        return [series.records[t] for t in series.predicted]

    def _outdated(self) -> list[OpenImage]:
        new = self._session.clustering
        return [x for x in self._predicted() if x.result is not None and x.result.settings != new]

    def _schedule(self, *_: object) -> None:
        if self._outdated():
            self._waiting = True
            self._pause.throttle()
        self.changed.emit()

    def _next(self) -> None:
        """Ask for the nearest frame that is left."""
        self._waiting = False
        current = self._session.current
        if current is None or self._worker.busy:
            return
        left = [one for one in self._outdated() if one is not current]
        if not left:
            return
        if self._reclustering.busy:
            self._schedule()
            return
        image = min(left, key=lambda one: abs(one.frame - current.frame))
        assert image.result is not None
        self._worker.request(_Request(image, image.result, self._session.clustering))

    def _publish(self, request: _Request, found: Segmentation) -> None:
        image = request.image
        if self._session.is_open(image) and image.result is request.result:
            self._session.set_result(image.key, found)
        self._next()
        self.changed.emit()

    def _fail(self, problem: str) -> None:
        self._session.say(problem, "error")
