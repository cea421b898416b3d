"""Counts of annotated objects: of open images as they change, and of a project's other images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker, Worker
from napari_spatial_embeddings.plugin.state.annotation_count import AnnotationCount, count
from napari_spatial_embeddings.plugin.state.session import Session

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import Project


class OpenCounts(QObject):
    """Counts what is annotated on several images, one after the other, in a thread.

    Parameters
    ----------
    snapshot : callable
        Returns the annotation's revision and the arguments of `count`, for the key of an image;
        None if there is nothing to count.
    """

    counted = Signal(str, int, object)
    """Key of the image, the annotation's revision, and its count."""
    failed = Signal(str)

    def __init__(
        self,
        snapshot: Callable[[str], tuple[int, tuple[Any, ...]] | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._snapshot = snapshot
        self._queue: list[str] = []
        self._running: str | None = None
        self._worker = LatestWorker(lambda request: count(*request[2]), self)
        self._worker.done.connect(self._done)
        self._worker.failed.connect(self._failed)
        # Not at once: napari emits its event of a polygon, or a filled area, before it paints that.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._next)

    def close(self) -> None:
        """Count no more."""
        self._soon.stop()
        self._queue.clear()
        self._worker.close()

    @property
    def busy(self) -> bool:
        """Whether an image is being counted, or waits for it."""
        return self._running is not None or bool(self._queue)

    def pending(self, key: str) -> bool:
        """Return whether a newer count of an image is on its way."""
        return key == self._running or key in self._queue

    def request(self, key: str) -> None:
        """Count what is annotated on an image, as soon as there is time for it."""
        if key not in self._queue:
            self._queue.append(key)
        if self._running is None and not self._soon.isActive():
            self._soon.start(0)

    def _next(self) -> None:
        self._running = None
        while self._queue:
            key = self._queue.pop(0)
            snapshot = self._snapshot(key)
            if snapshot is not None:
                self._running = key
                self._worker.request((key, *snapshot))
                return

    def _done(self, request: tuple[str, int, Any], found: AnnotationCount) -> None:
        self._next()
        self.counted.emit(request[0], request[1], found)

    def _failed(self, problem: str) -> None:
        self._next()
        self.failed.emit(problem)


class ProjectCounts(QObject):
    """Counts what is annotated on all images of the project, when that is opened.

    Parameters
    ----------
    session : Session

    Attributes
    ----------
    counts : dict
        Count of each image of the project, by key, as of when it was open last.
    scribbled : dict
        Whether the labels of each of them cover only part of their objects.
    """

    changed = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.counts: dict[str, AnnotationCount] = {}
        self.scribbled: dict[str, bool] = {}
        self._project: Project | None = None
        self._worker: Worker | None = None
        self._connections = Connections()
        self._connections.add(session.project_changed, self._project_changed)
        self._project_changed()

    def close(self) -> None:
        """Count no more."""
        self._connections.close()
        self._cancel()

    @property
    def busy(self) -> bool:
        """Whether images are being counted."""
        return self._worker is not None

    def set_count(self, key: str, found: AnnotationCount, scribbled: bool) -> None:
        """Take over the count of an image that is closed."""
        self.counts[key], self.scribbled[key] = found, scribbled

    def rename_class(self, old: str, new: str) -> None:
        """Count the objects of a class under its new name."""
        for key, found in self.counts.items():
            objects = {new if name == old else name: n for name, n in found.objects.items()}
            self.counts[key] = replace(found, objects=objects)

    def _project_changed(self) -> None:
        self._cancel()
        self.counts.clear()
        self.scribbled.clear()
        project = self._session.project
        if project is not None and project.card.images:
            self._worker = Worker(lambda: _project_counts(project), self)
            self._worker.reported.connect(self._counted)
            self._worker.failed.connect(self._failed)
            self._worker.ended.connect(self._ended)
            self._worker.start()
        self.changed.emit()

    def _cancel(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None

    def _counted(self, report: tuple[str, AnnotationCount, bool]) -> None:
        # A count of an image that was closed meanwhile is newer than this.
        if self.sender() is self._worker and report[0] not in self.counts:
            self.set_count(*report)
            self.changed.emit()

    def _ended(self, _last: object) -> None:
        if self.sender() is self._worker:  # not one that was cancelled
            self._worker = None

    def _failed(self, problem: str) -> None:
        if self.sender() is self._worker:
            self._worker = None
            self._session.say(problem, "error")


def _project_counts(project: Project) -> Iterator[tuple[str, AnnotationCount, bool]]:
    """Yield key, count and whether it is scribbled, of each annotated image."""
    default = project.card.classes[0]
    for entry in project.card.images:
        annotation = project.annotation(entry.key)
        if annotation is not None:
            classes, regions = dict(annotation.classes), len(annotation.regions)
            found = count(annotation.labels, classes, default, regions, annotation.proposed)
            yield entry.key, found, annotation.scribbled
