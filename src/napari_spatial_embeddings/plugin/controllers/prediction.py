"""Predictions of what is in view, of an image, or of all images; they run in a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.config import BlockSettings
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.names import frame_key, frame_number, series_key
from napari_spatial_embeddings.inference.registry import ModelCache
from napari_spatial_embeddings.plugin.layers.viewport import visible_box
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Kind, Session, always

from .image_list import ListedImages
from .images import ImageController
from .reclustering import newest_corrections
from .suitability import misfit, sentence

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.model_card import ModelCard
    from napari_spatial_embeddings.inference.segmentation import Segmentation
    from napari_spatial_embeddings.plugin.tasks.predict import PredictionReport, PredictionRequest

REMOVED = "the image was removed while it was predicted"
REPLACED = "the image has other pixels than when its prediction started: predict it again"


class PredictionController(QObject):
    """Predicts with the session's model, and publishes the results in the session.

    One prediction runs at a time: a new one takes the place of the one before.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    listed : ListedImages
        What "all images" are.

    Attributes
    ----------
    models : ModelCache
        The model that was loaded last; exports share it.
    blocks : BlockSettings
        Of large images.
    skipped : dict
        Why images were skipped when all were predicted last, by key.
    """

    progressed = Signal(int, int, str)
    """Done, total and a message; a total of 0 where it is not known."""
    ended = Signal(bool)
    """Whether it was completed."""
    found = Signal(str)
    """An image that is not open was predicted, as one of all."""
    superseded = Signal(str, object)
    """An image's result, whose corrections changed meanwhile: it is to be clustered again."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        listed: ListedImages,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._images = viewer, session, images
        self.listed = listed
        self.skipped: dict[str, str] = {}
        self.models, self.blocks = ModelCache(), BlockSettings()
        self._worker: Worker | None = None
        self._image: OpenImage | None = None
        self._frames: dict[str, int] = {}
        self._in_view = False
        self._problem_shown = False
        self._connections = Connections()
        self._connections.add(images.changed, self._follow_images)
        self._connections.add(images.replaced, self._follow_pixels)
        self._connections.add(session.project_changed, self._follow_project)

    @property
    def running(self) -> bool:
        """Whether a prediction is under way."""
        return self._worker is not None

    def covers(self, key: str | None) -> bool:
        """Return whether an image's result is about to be replaced."""
        if not self.running:
            return False
        return self._image is None or key in (self._frames or (self._image.key,))

    def obstacle(self, card: ModelCard | None) -> str:
        """Return why the current image cannot be predicted; empty if it can.

        Parameters
        ----------
        card : ModelCard, optional
            Of the model, if there is one.
        """
        session = self._session
        if session.image is None:
            return "There is no image: choose one under Data."
        if self._images.problem:
            return sentence(self._images.problem)
        if session.model is None or card is None:
            return "There is no model: choose one, or train one above."
        return misfit(card, self._images)

    def view(self, *, asked: bool = True) -> None:
        """Predict what is in view of the current image; the rest of its maps stays as it is.

        Parameters
        ----------
        asked : bool
            Whether the user asked for it, and is to see the image.
        """
        self._predict_current(in_view=True, asked=asked)

    def image(self, *, asked: bool = True) -> None:
        """Predict the current image. Parameters as in `view`."""
        self._predict_current(in_view=False, asked=asked)

    def all_frames(self) -> None:
        """Predict the frames of the current image's series: that in view, then outwards from it.

        Those that the model predicted already are left out, unless all are such.
        """
        from napari_spatial_embeddings.plugin.tasks.predict_frames import predict_frames

        with self._session.errors_as_messages():
            self._images.image_data()  # or a sentence why it cannot be used
            record = self._session.current
            series = None if record is None else record.series
            if record is None or series is None or series.image is None:
                raise InputError("the image is no time series: see Axes, under Data")
            request, models = self._request(), self.models
            image, scales, at = series.image, series.scales, series.frame
            order = sorted(range(series.frames), key=lambda t: (abs(t - at), t))
            frames = {frame_key(series.key, t): t for t in order}
            complete = [one.key for one in series.records.values() if one.complete]
            self._start(
                lambda: predict_frames(models, request, image, scales, frames, complete),
                record,
                frames=frames,
            )

    def all_images(self) -> None:
        """Predict all images of the list, and write their labels into the project's folder.

        Those that are open and not in the project are added to it.
        """
        from napari_spatial_embeddings.plugin.tasks.predict_images import predict_images

        with self._session.errors_as_messages():
            self._request()  # or a sentence, before anything is added
            project, images, added = self.listed.to_predict()
            request, models = self._request(), self.models
            self.skipped = {}
            self._start(lambda: predict_images(models, request, project, images, added), None)

    def cancel(self) -> None:
        """End the prediction; a tile that is being computed is dropped when it is done."""
        if self._worker is not None:
            self._worker.cancel()
            self._forget()
            self.ended.emit(False)

    def _forget(self) -> None:
        self._worker = self._image = None
        self._frames = {}

    def close(self) -> None:
        """End the prediction; a tile that is being computed is dropped when it is done."""
        self._connections.close()
        if self._worker is not None:
            self._worker.cancel()
            self._forget()

    def _request(self) -> PredictionRequest:
        from napari_spatial_embeddings.plugin.tasks.predict import PredictionRequest

        session = self._session
        if session.model is None:
            raise InputError("there is no model yet: choose one, or train one")
        return PredictionRequest(
            session.model,
            session.clustering,
            session.prediction.updated(device=session.device),
            session.project,
            session.results,
            {k: i.corrections for k, i in session.images.items() if i.corrections is not None},
            self.blocks,
        )

    def work(
        self, *, in_view: bool, known: Mapping[str, Segmentation] | None = None
    ) -> Callable[[], Iterator[PredictionReport]]:
        """Return what predicts the current image as it is now, in any thread.

        Parameters
        ----------
        in_view : bool
            Predict what is in view alone; the rest of the maps that are known stays as it is.
        known : mapping, optional
            Results that are known, by key, in place of the session's.

        Raises
        ------
        InputError
            If there is no image or no model, or the image cannot be predicted at once.
        """
        from napari_spatial_embeddings.plugin.tasks.predict import predict_image

        image, layer, record = self._images.image_data(), self._images.layer, self._session.current
        assert record is not None
        assert layer is not None
        if image.large and self._images.large is layer:
            raise InputError(
                f"{image.name} is too large to be predicted at once: go to where the objects"
                " are, and press This view"
            )
        window = visible_box(self._viewer, layer, self._images.axes) if in_view else None
        request, models = self._request(), self.models
        if known is not None:
            request = replace(request, results=dict(known), corrections={}, project=None)
        key, scale = record.key, self._images.scale(image)
        return lambda: predict_image(models, request, key, image, window, scale)

    def _predict_current(self, *, in_view: bool, asked: bool) -> None:
        with self._session.errors_as_messages():
            if in_view and asked:
                self._images.enter_view(all_seen=True)
            work, record = self.work(in_view=in_view), self._session.current
            if asked:
                self._images.show_current()
            self._start(work, record, in_view=in_view)

    def _start(
        self,
        work: Callable[[], Iterator[PredictionReport]],
        image: OpenImage | None,
        *,
        in_view: bool = False,
        frames: dict[str, int] | None = None,
    ) -> None:
        """Start a prediction of an image or frames of its series; of several if none is given."""
        from napari_spatial_embeddings.plugin.tasks.predict import (
            COMPILING,
            PredictionReport,
            compiling_reported,
        )

        if self._worker is not None:
            self._worker.cancel()
        self._image, self._in_view, self._frames = image, in_view, frames or {}
        if self._problem_shown:
            self._session.say("")
            self._problem_shown = False
        around = partial(compiling_reported, PredictionReport(0, 0, COMPILING))
        self._worker = worker = Worker(work, self, around)
        worker.reported.connect(self._report)
        worker.ended.connect(self._end)
        worker.failed.connect(self._fail)
        self.progressed.emit(0, 0, "Loading the model")
        worker.start()

    def _report(self, report: PredictionReport) -> None:
        if self.sender() is not self._worker:
            return
        if report.problem:
            self.skipped[series_key(report.key)] = report.problem
        self.progressed.emit(report.done, report.total, report.message)
        if report.result is not None:
            self._publish(report.key, report.result)

    def _publish(self, key: str, result: Segmentation) -> None:
        t, shown = frame_number(key), self._images.record_of_series(key)
        if t is not None and shown is not None and shown.series is not None:
            self._images.frame(shown.series, t)  # which may not have been looked at yet
        image = self._session.images.get(key)
        if image is not None:
            image.complete = not self._in_view
        if image is None:
            self.found.emit(key)
        elif self._images.shape(key) != result.maps.shape:
            pass  # it has other axes now
        elif newest_corrections(image, result) is result.corrections:
            self._session.set_result(key, result)
        else:
            self.superseded.emit(key, result)

    def _follow_images(self) -> None:
        """End the prediction of an image that is removed: another one may have its key soon."""
        if self.running and self._image is not None and not self._session.is_open(self._image):
            self.cancel()
            self._show_problem(REMOVED, "warning")

    def _follow_pixels(self, key: str) -> None:
        """End the prediction of an image whose pixels are replaced."""
        image = self._image
        if self.running and image is not None and series_key(image.key) == series_key(key):
            self.cancel()
            self._show_problem(REPLACED, "warning")

    def _follow_project(self) -> None:
        """End the prediction when another project is opened; there is no current image then."""
        if self.running and self._session.image is None:
            self.cancel()

    def _show_problem(self, problem: str, kind: Kind, holds: Callable[[], bool] = always) -> None:
        self._session.say(problem, kind, holds)
        self._problem_shown = True

    def _end(self, report: PredictionReport | None) -> None:
        if self.sender() is self._worker:
            self._forget()
            if report is not None and report.result is None:
                self._session.say(report.message, "warning" if self.skipped else "info")
            self.ended.emit(True)

    def _fail(self, problem: str) -> None:
        if self.sender() is self._worker:
            image = self._image
            self._forget()
            self._show_problem(
                problem, "error", lambda: image is None or self._session.is_open(image)
            )
            self.ended.emit(False)
