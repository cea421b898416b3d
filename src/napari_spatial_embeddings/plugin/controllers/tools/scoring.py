"""Scores of the current image's objects against ground truth that the user chose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal
from superqt.utils import QSignalDebouncer

from napari_spatial_embeddings.core.text import sentence
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.open_images.watcher import PLACE
from napari_spatial_embeddings.plugin.layers.axes import order_labels
from napari_spatial_embeddings.plugin.layers.frames import frame_layer
from napari_spatial_embeddings.plugin.layers.overlays.errors import ErrorsLayer
from napari_spatial_embeddings.plugin.layers.placement import labels_on, layer_shape
from napari_spatial_embeddings.plugin.layers.tags import family_of, role_of
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.checks.expected import expected_share
from napari_spatial_embeddings.plugin.tasks.checks.scores import (
    Scorer,
    ScoreReport,
    ScoreRequest,
    Truth,
)

if TYPE_CHECKING:
    from napari.utils.events import Event

    from napari_spatial_embeddings.core.metrics import Scores

DELAY_MS = 300
"""Milliseconds without a change after which objects are scored: sliders and strokes come fast."""


class ScoringController(QObject):
    """Scores the objects of the current image, and shows where they are wrong.

    Ground truth is chosen once for an image, all frames of a time series, or all views of a large
    image. Nothing is computed while neither the scores nor the errors are seen.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController

    Attributes
    ----------
    report : ScoreReport
        The newest scores of the current image, or why there are none.
    threshold : float
        IoU from which an object is right.
    """

    changed = Signal()
    """There are other scores, or other layers to choose from; or errors are shown, or not."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._images = viewer, session, images
        self.report, self.threshold = ScoreReport(), 0.5
        self._choices: dict[str, Labels] = {}
        self._truth: Truth | None = None
        self._seen = self._shown = self._waiting = False
        self._errors = ErrorsLayer(viewer, session)
        self._pause = QSignalDebouncer(parent=self)
        self._pause.setTimeout(DELAY_MS)
        self._pause.triggered.connect(self._request)
        self._worker = LatestWorker(Scorer(), self)
        self._worker.done.connect(self._take)
        self._worker.failed.connect(self._fail)
        self._of_layer, self._connections = Connections(), Connections()
        self._connections.add(session.image_changed, self._follow_image)
        self._connections.add(session.result_changed, self._follow_result)
        self._connections.add(images.moved, self._follow_place)
        self._connections.add(images.changed, self._follow_layers)
        self._connections.add(viewer.layers.events.removed, self._removed, position="last")
        self._follow_image()

    def close(self) -> None:
        """Drop what is under way, and remove the layer of errors."""
        self._connections.close()
        self._of_layer.close()
        self._pause.cancel()
        self._waiting = False
        self._worker.close()
        self._errors.clear()

    @property
    def busy(self) -> bool:
        """Whether objects are being scored, or will be."""
        return self._waiting or self._worker.busy

    # ------------------------------------------------------------------- choice

    def layers(self) -> list[Labels]:
        """Return the layers that can be ground truth: the user's own."""
        return [x for x in self._viewer.layers if isinstance(x, Labels) and role_of(x) is None]

    @property
    def layer(self) -> Labels | None:
        """Ground truth of the current image; None if none is chosen."""
        image = self._images.layer
        return None if image is None else self._choices.get(family_of(image))

    def choose(self, layer: Labels | None) -> None:
        """Score the current image against another layer; against none, score it no more."""
        image = self._images.layer
        if image is None or layer is self.layer:
            return
        if layer is None:
            del self._choices[family_of(image)]
        else:
            self._choices[family_of(image)] = layer
        self._follow_image()

    def set_threshold(self, threshold: float) -> None:
        """Change the IoU from which an object is right."""
        if threshold != self.threshold:
            self.threshold = threshold
            self._follow()

    # ------------------------------------------------------------------ showing

    def set_seen(self, seen: bool) -> None:
        """Note whether the scores are seen."""
        self._seen = seen
        self._follow()

    @property
    def shown(self) -> bool:
        """Whether errors are shown in a layer, or will be once there are scores."""
        return self._shown

    def show_errors(self, shown: bool) -> None:
        """Show the errors of the current image in a layer, or remove that."""
        if shown == self._shown:
            return
        self._shown = shown
        if not shown:
            self._errors.clear()
        self._follow()

    @property
    def scores(self) -> Scores | None:
        """The newest scores of the current image."""
        return self.report.scores

    @property
    def expected(self) -> float | None:
        """Share of the objects that are right as their scores promise; None if they do not."""
        return expected_share(self._session.result)

    # ---------------------------------------------------------------- following

    def _follow_image(self) -> None:
        """Go over to another image or frame, or to other ground truth."""
        self._of_layer.close()
        self.report, self._truth = ScoreReport(), None
        if (image := self._session.current) is not None:
            self._errors.empty(image.layers_key)
        layer = self.layer
        if layer is not None:
            for name in ("data", "paint", *PLACE):
                self._of_layer.add(layer.events[name], self._edited)
            self._of_layer.add(layer.events.set_data, self._redrawn)
        self._follow()

    def _follow_layers(self) -> None:
        """Offer the layers that there are now."""
        if self.layer is None:
            self._follow()
        else:
            self.changed.emit()

    def _follow_result(self, key: str) -> None:
        if key == self._session.image:
            self._follow()

    def _follow_place(self, key: str) -> None:
        image = self._session.current
        if image is not None and key == image.layers_key:
            self._edited()

    def _edited(self, *_: object) -> None:
        self._truth = None
        self._follow()

    def _redrawn(self, event: Event) -> None:
        """Follow what napari undid; it is compared, as layers are redrawn for other reasons too."""
        if isinstance(event.source.data, np.ndarray):
            self._edited()

    def _removed(self, event: Event) -> None:
        """Forget ground truth, or an image; errors whose layer the user removed stay away."""
        layer = event.value
        for family, chosen in list(self._choices.items()):
            if layer is chosen or family == str(layer.unique_id):
                del self._choices[family]
                self._follow_image()
        if self._shown and role_of(layer) == "errors" and not self._errors.removing:
            self._shown = False
            self._errors.clear()
            self.changed.emit()

    def _follow(self) -> None:
        """Score again, soon; where that is not possible, report why at once."""
        if problem := self._problem():
            self._pause.cancel()
            self._waiting = False
            self._errors.clear()
            self.report = ScoreReport(problem=problem)
        elif self._seen or self._shown:
            self._waiting = True
            self._pause.throttle()
        self.changed.emit()

    def _problem(self) -> str:
        """Return why nothing can be scored; empty if it can."""
        image = self._session.current
        if image is None:
            return "Choose an image under Data first."
        if self.layer is None:
            if not self.layers():
                return "Open ground truth as a layer of labels: it is scored where it lies."
            return "Choose the layer that holds the right objects of this image."
        return "" if image.result is not None else "Predict this image first."

    # ----------------------------------------------------------------- requests

    def _request(self) -> None:
        self._waiting = False
        image, layer = self._session.current, self.layer
        if image is None or image.result is None or layer is None:
            return
        found = image.result.instances.labels
        try:
            if self._truth is None:
                self._truth = self._truth_on(image, layer, found.shape)
        except InputError as error:
            self._take_problem(str(error))
            return
        threshold = self.threshold if self._shown else None
        self._worker.request(ScoreRequest(image.key, found, self._truth, threshold))

    def _truth_on(self, image: OpenImage, layer: Labels, shape: tuple[int, ...]) -> Truth:
        """Return ground truth on the pixels of an image, or of a frame; none is read."""
        order_labels(layer)
        where = self._images.transform(image.layers_key)
        # napari reads what a visible layer shows.
        target = Labels(np.broadcast_to(np.int32(0), shape), visible=False, **where)
        source = layer
        if image.series is not None and layer.ndim == target.ndim + 1:
            if layer_shape(layer)[0] != image.series.frames:
                raise InputError(
                    f"{layer.name} has {layer_shape(layer)[0]} frames, and the image"
                    f" {image.series.frames}: choose labels of the same frames, or of this frame"
                    " alone"
                )
            source = frame_layer(layer, image.frame)
        box, read = labels_on(target, source)
        return Truth(layer.name, shape, box, read)

    def _take(self, request: ScoreRequest, report: ScoreReport) -> None:
        image, truth = self._session.current, self._truth
        if image is None or image.key != request.key or truth is None:
            return
        if image.result is None or truth.name != request.truth.name:
            return
        self.report = replace(report, picture=None)
        if self._shown and report.picture is not None and image.result is not None:
            self._errors.show(image.layers_key, image.layer.name, report.picture)
        elif report.problem:
            self._errors.clear()
        self.changed.emit()

    def _take_problem(self, problem: str) -> None:
        self._errors.clear()
        self.report = ScoreReport(problem=sentence(problem))
        self.changed.emit()

    def _fail(self, problem: str) -> None:
        self._take_problem(problem)
        self._session.say(problem, "error")
