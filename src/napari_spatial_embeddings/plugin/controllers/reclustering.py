"""Clustering that follows the session's settings, such as those of a slider that moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from napari.components import ViewerModel
from qtpy.QtCore import QObject
from superqt.utils import QSignalDebouncer

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.viewport import visible_box
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker, Worker
from napari_spatial_embeddings.plugin.state.open_image import Box, OpenImage, PartialResult
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.recluster import (
    ClusteringRequest,
    Reclusterer,
    recluster,
)

from .images import ImageController

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Corrections
    from napari_spatial_embeddings.inference.segmentation import Segmentation

MAX_WHOLE_IMAGE_PIXELS = 2**22
"""Pixels of an image above which what is in view comes first."""

WHOLE_IMAGE_DELAY_MS = 250
"""Milliseconds without a change after which the whole image follows what is in view."""


class ReclusteringController(QObject):
    """Keeps the instances of the current image up to date with the session's settings.

    Other images follow when they are chosen. Of large images and of volumes, what is in view comes
    first, as a partial result.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    """

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._images = viewer, session, images
        self._reclusterer = Reclusterer()
        self._clustered: OpenImage | None = None
        self._latest = LatestWorker(lambda request: self._reclusterer(request), self)
        self._latest.done.connect(self._publish)
        self._latest.failed.connect(self._fail)
        self._superseded: dict[str, Worker] = {}
        self._pause = QSignalDebouncer(parent=self)
        self._pause.setTimeout(WHOLE_IMAGE_DELAY_MS)
        self._pause.triggered.connect(self._paused)
        self._held = self._whole_due = False
        self._connections = Connections()
        self._connections.add(session.clustering_changed, self._follow_settings)
        self._connections.add(session.image_changed, self._follow_image)
        self._connections.add(session.result_changed, self._follow_result)
        self._connections.add(images.changed, self._forget_closed)

    @property
    def busy(self) -> bool:
        """Whether something is still to be clustered."""
        return self._latest.busy or self._whole_due or bool(self._superseded)

    def close(self) -> None:
        """Drop what is under way."""
        self._connections.close()
        self._pause.cancel()
        self._latest.close()
        for worker in self._superseded.values():
            worker.cancel()
        self._superseded.clear()

    def hold(self, held: bool) -> None:
        """Hold back the whole of a volume while a slider is held; it follows when let go."""
        self._held = held
        if self._whole_due and not held:
            self._request_whole()

    def recluster(self, key: str, segmentation: Segmentation) -> None:
        """Publish a segmentation of an image with the settings and corrections of today."""
        image, settings = self._session.images.get(key), self._session.clustering
        if image is None:
            return
        corrections = newest_corrections(image, segmentation)

        def work() -> Iterator[tuple[OpenImage, Segmentation, Segmentation]]:
            yield image, segmentation, recluster(segmentation, settings, corrections)

        if key in self._superseded:
            self._superseded[key].cancel()
        self._superseded[key] = worker = Worker(work, self)
        worker.ended.connect(self._publish_superseded)
        worker.failed.connect(self._fail_superseded)
        worker.start()

    # ---------------------------------------------------------------- following

    def _follow_settings(self) -> None:
        """Cluster with other settings; at once only what is in view, if there is much."""
        result = self._session.result
        if result is None or not (self._outdated or self._latest.busy):
            return
        if result.maps.ndim == 2 and result.maps.seed[0].size <= MAX_WHOLE_IMAGE_PIXELS:
            self._request_whole()
            return
        self._whole_due = True
        self._pause.throttle()
        layer = self._images.layer
        assert layer is not None
        with suppress(InputError):  # nothing is in view: there is no hurry
            self._request(result, visible_box(self._viewer, layer, self._images.axes))

    def _follow_image(self) -> None:
        self._whole_due = False
        self._pause.cancel()
        if self._outdated:
            self._request_whole()

    def _follow_result(self, key: str) -> None:
        """Follow a slider that moved while an image was predicted or corrected."""
        if key == self._session.image:
            self._catch_up()

    def _catch_up(self) -> None:
        if self._outdated and not self.busy:
            self._request_whole()

    def _forget_closed(self) -> None:
        """Let go of an image that is closed: what is kept of it for the next step of a slider."""
        if self._clustered is not None and not self._session.is_open(self._clustered):
            self._reclusterer, self._clustered = Reclusterer(), None
        for key in [k for k in self._superseded if k not in self._session.images]:
            self._superseded.pop(key).cancel()

    @property
    def _outdated(self) -> bool:
        """Whether what is shown of the current image was made with other settings."""
        image = self._session.current
        if image is None or image.result is None:
            return False
        return image.partial is not None or image.result.settings != self._session.clustering

    def _paused(self) -> None:
        result = self._session.result
        if result is None or result.maps.ndim == 2 or not self._held:
            self._request_whole()

    # -------------------------------------------------------------- requests

    def _request_whole(self) -> None:
        self._whole_due = False
        self._pause.cancel()
        if (result := self._session.result) is not None:
            self._request(result, None)

    def _request(self, result: Segmentation, box: Box | None) -> None:
        self._clustered = image = self._session.current
        assert image is not None
        self._latest.request(ClusteringRequest(image.key, result, self._session.clustering, box))

    def _publish(self, request: ClusteringRequest, found: Segmentation | PartialResult) -> None:
        now = self._session.results.get(request.key)
        if now is not None and now.clustering is request.result.clustering:
            if isinstance(found, PartialResult):
                self._session.set_partial(request.key, found)
            else:
                self._session.set_result(request.key, found)
        else:  # predicted or corrected meanwhile
            self._catch_up()

    def _fail(self, problem: str) -> None:
        self._session.say(problem, "error")

    # ------------------------------------------------------------- superseded

    def _publish_superseded(self, done: tuple[OpenImage, Segmentation, Segmentation]) -> None:
        image, segmentation, found = done
        key = image.key
        if self._superseded.get(key) is not self.sender():
            return
        del self._superseded[key]
        if not self._session.is_open(image):
            return
        if newest_corrections(image, segmentation) is found.corrections:
            self._session.set_result(key, found)
            self._catch_up()
        else:
            self.recluster(key, segmentation)  # corrected once more

    def _fail_superseded(self, problem: str) -> None:
        for key, worker in list(self._superseded.items()):
            if worker is self.sender():
                del self._superseded[key]
                self._fail(problem)


def newest_corrections(image: OpenImage, segmentation: Segmentation) -> Corrections | None:
    """Return the corrections of an open image, which may be newer than a segmentation's."""
    known = image.corrections
    if known is None or known.labels.shape != segmentation.maps.shape:
        return segmentation.corrections
    return known
