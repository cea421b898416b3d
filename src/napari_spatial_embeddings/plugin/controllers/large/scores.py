"""Scores of whole images whose labels are in stores, found in a worker."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.layers.tags import image_key
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.checks.scores import ScoreReport, Truth
from napari_spatial_embeddings.plugin.tasks.checks.whole_scores import WholeRequest, score_whole

from .prediction import LargePrediction

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import PixelArray


class WholeScores(QObject):
    """Scores of one whole image, kept until its labels or its ground truth are others.

    They are at all thresholds, and take a while: no view that is gone to makes them again.

    Parameters
    ----------
    session : Session
    images : ImageController
    large : LargePrediction, optional
        Which knows the labels of whole images; without it there are none.

    Attributes
    ----------
    wanted : bool
        Whether whole images are scored, where they were predicted block by block.
    report : ScoreReport
        The newest scores, how far they are, or why there are none.
    """

    changed = Signal()
    """There is another report."""
    failed = Signal(str)

    def __init__(
        self,
        session: Session,
        images: ImageController,
        large: LargePrediction | None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._images, self._large = session, images, large
        self.wanted, self.report = False, ScoreReport()
        self._of: tuple[PixelArray, Labels] | None = None
        self._worker: Worker | None = None
        self._stop = threading.Event()

    @property
    def busy(self) -> bool:
        """Whether an image is being scored."""
        return self._worker is not None

    @property
    def found(self) -> tuple[OpenImage, PixelArray] | None:
        """The current image, of a view the large one, and all its labels; None if it has none."""
        if self._large is None or self._large.running:
            return None
        image, layer = self._session.current, self._images.large
        if layer is not None:
            image = self._session.images.get(image_key(layer) or "")
        labels = self._large.found.complete(image)
        return None if image is None or labels is None else (image, labels)

    @property
    def applies(self) -> bool:
        """Whether a whole image is what is to be scored."""
        return self.wanted and self.found is not None

    def of(self, found: PixelArray, layer: Labels) -> bool:
        """Return whether the scores are, or will be, those of some labels and ground truth."""
        return self._of is not None and self._of[0] is found and self._of[1] is layer

    def start(self, found: PixelArray, layer: Labels, truth: Truth) -> None:
        """Score labels, an array of which what is sliced is read, against a layer."""
        self.drop()
        self._of, stop = (found, layer), self._stop
        work = partial(score_whole, WholeRequest(found, truth), stop.is_set)
        self._worker = worker = Worker(work, self)
        worker.reported.connect(self._take)
        worker.ended.connect(self._end)
        worker.failed.connect(self._fail)
        worker.start()

    def drop(self) -> None:
        """Forget the scores, and those under way."""
        self._stop.set()
        self._stop = threading.Event()
        if self._worker is not None:
            self._worker.cancel()
        self._worker, self._of, self.report = None, None, ScoreReport()

    def _take(self, report: ScoreReport) -> None:
        if self.sender() is self._worker:
            self.report = report
            self.changed.emit()

    def _end(self, _report: ScoreReport) -> None:
        if self.sender() is self._worker:
            self._worker = None
            self.changed.emit()

    def _fail(self, problem: str) -> None:
        if self.sender() is self._worker:
            self._worker, self.report = None, ScoreReport(problem=problem)
            self.changed.emit()
            self.failed.emit(problem)
