"""Maps that the chosen model makes of what is annotated, before anything is predicted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.inference.registry import find_folder
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.prediction import PredictionController
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.maps import EmbeddingMaps
    from napari_spatial_embeddings.inference.segmentation import Segmentation
    from napari_spatial_embeddings.plugin.tasks.predict import PredictionReport

MAX_BYTES = 2**29
"""Bytes of maps that are kept, besides those of the image that was predicted last."""


class StartMaps(QObject):
    """Predicts the maps of the current image in a worker, and shows no more than its progress.

    Those of the image's result are used where there are any. One prediction runs at a time; what
    waits for its maps is dropped with it.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    prediction : PredictionController
    """

    progressed = Signal(int, int, str)
    """Done, total and a message; a total of 0 where it is not known."""
    ended = Signal(bool)
    """Whether it was completed."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        prediction: PredictionController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._images, self._prediction = images, prediction
        self._kept: OrderedDict[str, tuple[OpenImage, Segmentation]] = OrderedDict()
        self._worker: Worker | None = None
        self._image: OpenImage | None = None
        self._waiting: list[tuple[OpenImage, Callable[[EmbeddingMaps], None]]] = []
        self._connections = Connections()
        self._connections.add(session.model_changed, self._forget)
        self._connections.add(session.prediction_changed, self._forget)
        self._connections.add(session.project_changed, self._follow_images)
        self._connections.add(images.changed, self._follow_images)
        self._connections.add(images.replaced, self._follow_pixels)

    def close(self) -> None:
        """Predict no more."""
        self._connections.close()
        self._stop()
        self._kept.clear()

    @property
    def busy(self) -> bool:
        """Whether maps are being predicted; only then something may wait for them."""
        return self._worker is not None

    @property
    def problem(self) -> str:
        """Why the current image's maps cannot be predicted; empty if they can."""
        model = self._session.model
        try:
            card = None if model is None else ModelCard.read(find_folder(model))
        except InputError as error:
            return str(error)
        return self._prediction.obstacle(card)

    def maps(self) -> EmbeddingMaps | None:
        """Return the maps of the current image, as far as they are known; None if nothing is.

        Where the network was not run, offsets and seed are 0.
        """
        image = self._session.current
        result = None if image is None else self._known(image)
        return None if result is None else result.maps

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of the current image's maps; none if nothing is known."""
        image = self._session.current
        result = None if image is None else self._known(image)
        return () if result is None else result.classes

    def _known(self, image: OpenImage) -> Segmentation | None:
        own, result, chosen = self._kept.get(image.key), image.result, self._session.model
        kept = own[1] if own is not None and own[0] is image else None
        suits = result is not None and chosen in (None, result.model)
        return result if suits and (image.complete or kept is None) else kept

    def when_known(
        self,
        pixels: Sequence[tuple[int, ...]],
        then: Callable[[EmbeddingMaps], None],
        *,
        in_view: bool = True,
    ) -> None:
        """Call a function with the current image's maps: at once if they are known at some pixels.

        Else it is called once what is in view, or all of the image, was predicted, if the image is
        still the current one.

        Raises
        ------
        InputError
            If that cannot be predicted.
        """
        from napari_spatial_embeddings.editing.picking import known_at

        maps, image = self.maps(), self._session.current
        if maps is not None and all(known_at(maps, pixel) for pixel in pixels):
            then(maps)
        elif image is not None:
            if image is not self._image or not in_view:
                self.request(in_view=in_view)
            self._waiting.append((image, then))

    def request(self, *, in_view: bool = True) -> None:
        """Predict what is in view of the current image, or all of it.

        Raises
        ------
        InputError
            If it cannot be predicted.
        """
        from napari_spatial_embeddings.plugin.tasks.predict import (
            COMPILING,
            PredictionReport,
            compiling_reported,
        )

        if self.problem:
            raise InputError(self.problem)
        image = self._session.current
        assert image is not None
        known = self._known(image)
        work = self._prediction.work(
            in_view=in_view, known={} if known is None else {image.key: known}
        )
        waiting = self._waiting
        self._stop()
        self._waiting = waiting
        around = partial(compiling_reported, PredictionReport(0, 0, COMPILING))
        self._image = image
        self._worker = worker = Worker(work, self, around)
        worker.reported.connect(self._report)
        worker.ended.connect(self._end)
        worker.failed.connect(self._fail)
        self._show(0, 0, "Loading the model")
        worker.start()

    def _show(self, done: int, total: int, message: str) -> None:
        """Show how far the prediction is."""
        text = f"The model looks at the image: {message} …"
        self._session.say(text, holds=lambda: self.busy)
        self.progressed.emit(done, total, message)

    def _stop(self) -> None:
        self._waiting = []
        if self._worker is not None:
            self._worker.cancel()
            self._worker = self._image = None
            self.ended.emit(False)

    # ---------------------------------------------------------------- following

    def _report(self, report: PredictionReport) -> None:
        if self.sender() is not self._worker:
            return
        self._show(report.done, report.total, report.message)
        image = self._image
        if report.result is not None and image is not None:
            report.result.clustering.release()  # the maps are all that is needed
            self._kept[image.key] = image, report.result
            self._kept.move_to_end(image.key)
            while len(self._kept) > 1 and self._bytes() > MAX_BYTES:
                self._kept.popitem(last=False)

    def _bytes(self) -> int:
        every = [result.maps for _, result in self._kept.values()]
        return sum(m.offsets.nbytes + m.sigma.nbytes + m.seed.nbytes for m in every)

    def _end(self, _last: object) -> None:
        if self.sender() is self._worker:
            self._worker = self._image = None
            self.ended.emit(True)
            self._go_on()

    def _fail(self, problem: str) -> None:
        if self.sender() is self._worker:
            self._worker = self._image = None
            self._session.say(problem, "error")
            self._waiting = []
            self.ended.emit(False)

    def _go_on(self) -> None:
        """Do what waited."""
        waiting, self._waiting = self._waiting, []
        for image, then in waiting:
            maps = self.maps() if image is self._session.current else None
            if maps is not None:
                with self._session.errors_as_messages():
                    then(maps)

    def _forget(self) -> None:
        """Drop all maps: another model, or another object size, would make others."""
        self._stop()
        self._kept.clear()

    def _follow_images(self) -> None:
        """Drop the maps of images that are closed."""
        for key, (image, _) in list(self._kept.items()):
            if not self._session.is_open(image):
                del self._kept[key]
        if self._image is not None and not self._session.is_open(self._image):
            self._stop()

    def _follow_pixels(self, key: str) -> None:
        """Drop the maps of an image that has other pixels now."""
        self._kept.pop(key, None)
        if self._image is not None and self._image.key == key:
            self._stop()
