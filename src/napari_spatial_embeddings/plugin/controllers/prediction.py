"""Running a model over what is in view, an image, or all images; the work is done in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.layers.viewport import visible
from napari_spatial_embeddings.plugin.qt.workers import Job
from napari_spatial_embeddings.plugin.session import Kind, Result
from napari_spatial_embeddings.plugin.tasks.predict import (
    Models,
    Order,
    Told,
    predict_all,
    predict_one,
)

if TYPE_CHECKING:
    from .workspace import Workspace

ENDING = 10.0
"""Seconds to wait for a tile under way when the dock is closed."""


class Predictor(QObject):
    """Predicts with the session's model, and puts what comes of it into the session.

    One prediction runs at a time: a new one takes the place of the one before.
    """

    progressed = Signal(int, int, str)
    ended = Signal(bool)

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self._workspace, self._session = workspace, workspace.session
        self._job: Job | None = None
        self._key: str | None = None
        self._complained = False
        self._models = Models()

    @property
    def running(self) -> bool:
        """Whether a prediction is under way."""
        return self._job is not None

    def covers(self, key: str | None) -> bool:
        """Tell whether what an image's result says is about to be replaced."""
        return self.running and self._key in (None, key)

    def view(self) -> None:
        """Predict what is in view of the current image; the rest of its maps stays as it is."""
        self._one(in_view=True)

    def image(self) -> None:
        """Predict the current image."""
        self._one(in_view=False)

    def all_images(self) -> None:
        """Predict all images of the project, and write their labels into its folder."""
        with self._session.speaking():
            project = self._session.project
            if project is None or not project.card.images:
                raise InputError("there is no project yet: add images under Data")
            order, models = self._order(), self._models
            self._start(lambda: predict_all(models, order, project), None)

    def stop(self) -> None:
        """End the prediction; a tile that is being computed is dropped when it is done."""
        if self._job is not None:
            self._job.stop()
            self._job = None
            self.ended.emit(False)

    def close_down(self) -> None:
        """End the prediction, and wait for its thread."""
        if self._job is not None:
            self._job.stop(ENDING)
            self._job = None

    def _order(self) -> Order:
        session = self._session
        if session.model is None:
            raise InputError("there is no model yet: choose one, or train one")
        return Order(session.model, session.clustering, session.prediction, dict(session.results))

    def _one(self, *, in_view: bool) -> None:
        with self._session.speaking():
            key, picture = self._session.image, self._workspace.picture()
            layer = self._workspace.layer
            assert key is not None
            assert layer is not None
            axes = layer.metadata[_layers.KEY]["axes"]
            window = visible(self._workspace.viewer, layer, axes) if in_view else None
            order, models = self._order(), self._models
            self._start(lambda: predict_one(models, order, key, picture, window), key)

    def _start(self, work: Callable[[], Iterator[Told]], key: str | None) -> None:
        if self._job is not None:
            self._job.stop()
        self._key = key
        if self._complained:
            self._session.say("")
            self._complained = False
        self._job = job = Job(work, self)
        job.reported.connect(self._report)
        job.ended.connect(self._end)
        job.failed.connect(self._fail)
        self.progressed.emit(0, 0, "Loading the model")
        job.start()

    def _report(self, told: Told) -> None:
        if self.sender() is not self._job:
            return
        self.progressed.emit(told.done, told.total, told.sentence)
        if told.result is not None:
            self._take(told.key, told.result)

    def _take(self, key: str, result: Result) -> None:
        now = self._session.results.get(key)
        newer = None if now is None or now.maps.shape != result.maps.shape else now.corrections
        if newer is not None and newer is not result.corrections:
            # Corrected meanwhile: what a person did counts, and the objects are found again.
            clustering = result.clustering.corrected(newer)
            result = replace(result, clustering=clustering, corrections=newer, instances=None)
        if _layers.find(self._workspace.viewer, "image", key) is not None:
            self._session.set_result(key, result)
        elif key == self._key:
            self._complain("the image was removed while it was predicted", "warning")

    def _complain(self, sentence: str, kind: Kind) -> None:
        self._session.say(sentence, kind)
        self._complained = True

    def _end(self, told: Told | None) -> None:
        if self.sender() is self._job:
            self._job = None
            if told is not None and told.sentence and told.result is None:
                self._session.say(told.sentence)
            self.ended.emit(True)

    def _fail(self, problem: str) -> None:
        if self.sender() is self._job:
            self._job = None
            self._complain(problem, "error")
            self.ended.emit(False)
