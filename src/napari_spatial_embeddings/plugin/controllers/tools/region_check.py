"""Comparison of the regions with what the model finds in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from superqt.utils import QSignalDebouncer

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.layers.annotation import regions_of
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.checks.region_check import RegionRequest, count_missing

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Instances

DELAY_MS = 300
"""Milliseconds without a change after which regions are checked: strokes and sliders come fast."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What a check depends on."""

    key: str
    revision: int
    instances: Instances

    def same(self, other: _Seen) -> bool:
        known = self.key == other.key and self.revision == other.revision
        return known and self.instances is other.instances


class RegionCheck(QObject):
    """Counts predicted objects in the current image's regions that are not annotated.

    They would be learned as background.

    Parameters
    ----------
    session : Session
    annotation : AnnotationController

    Attributes
    ----------
    missing : int
        How many there are.
    """

    changed = Signal()

    def __init__(
        self, session: Session, annotation: AnnotationController, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self.missing = session, 0
        self._seen: _Seen | None = None
        self._waiting = False
        self._pause = QSignalDebouncer(parent=self)
        self._pause.setTimeout(DELAY_MS)
        self._pause.triggered.connect(self._check)
        self._worker = LatestWorker(count_missing, self)
        self._worker.done.connect(self._counted)
        self._worker.failed.connect(lambda problem: session.say(problem, "error"))
        self._connections = Connections()
        self._connections.add(annotation.changed, self._follow)
        self._connections.add(session.result_changed, self._follow)
        self._connections.add(session.image_changed, self._follow)

    def close(self) -> None:
        """Check no more."""
        self._connections.close()
        self._pause.cancel()
        self._worker.close()

    @property
    def busy(self) -> bool:
        """Whether regions are being checked, or will be."""
        return self._waiting or self._worker.busy

    @property
    def warning(self) -> str:
        """What is missing in the regions, as a sentence; empty if nothing is."""
        if not self.missing:
            return ""
        which = f"{plural(self.missing, 'object')} found in the regions"
        if self.missing == 1:
            return f"{which} is not annotated: it counts as background."
        return f"{which} are not annotated: they count as background."

    def _follow(self, *_: object) -> None:
        image = self._session.current
        regions = None if image is None else image.regions
        if image is None or image.result is None or regions is None or not len(regions.data):
            self._seen = None
            self._pause.cancel()
            self._waiting = False
            self._set(0)
            return
        seen = _Seen(image.key, image.revision, image.result.instances)
        if self._seen is None or not seen.same(self._seen):
            self._seen, self._waiting = seen, True
            self._pause.throttle()

    def _check(self) -> None:
        self._waiting = False
        image = self._session.current
        if image is None or image.result is None or image.strokes is None:
            return
        annotation, instances = image.strokes.labels, image.result.instances
        if annotation.shape == instances.labels.shape:
            request = RegionRequest(image.key, annotation, regions_of(image.regions), instances)
            self._worker.request(request)

    def _counted(self, request: RegionRequest, missing: int) -> None:
        if request.key == self._session.image and self._seen is not None:
            self._set(missing)

    def _set(self, missing: int) -> None:
        if missing != self.missing:
            self.missing = missing
            self.changed.emit()
