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
from napari_spatial_embeddings.plugin.controllers.large.prediction import LargePrediction
from napari_spatial_embeddings.plugin.controllers.large.scores import WholeScores
from napari_spatial_embeddings.plugin.controllers.open_images.watcher import PLACE
from napari_spatial_embeddings.plugin.layers.overlays.errors import ErrorsLayer
from napari_spatial_embeddings.plugin.layers.tags import family_of, role_of
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.checks.expected import expected_share
from napari_spatial_embeddings.plugin.tasks.checks.scores import (
    Scorer,
    ScoreReport,
    ScoreRequest,
    Truth,
)

from .ground_truth import truth_on

if TYPE_CHECKING:
    from napari.utils.events import Event

    from napari_spatial_embeddings.core.image_data import PixelArray
    from napari_spatial_embeddings.core.metrics import Scores
    from napari_spatial_embeddings.plugin.state.open_image import OpenImage

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
    large : LargePrediction, optional
        Which knows the labels of whole images.

    Attributes
    ----------
    report : ScoreReport
        The newest scores of the current image, or why there are none.
    threshold : float
        IoU from which an object is right.
    whole : WholeScores
        Those of images that were predicted block by block.
    """

    changed = Signal()
    """There are other scores, or other layers to choose from; or errors are shown, or not."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        large: LargePrediction | None = None,
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
        self.whole = WholeScores(session, images, large, self)
        self.whole.changed.connect(self._follow)
        self.whole.failed.connect(self._fail)
        self._of_layer, self._connections = Connections(), Connections()
        self._connections.add(session.image_changed, self._follow_image)
        self._connections.add(session.result_changed, self._follow_result)
        self._connections.add(images.moved, self._follow_place)
        self._connections.add(images.changed, self._follow_layers)
        self._connections.add(viewer.layers.events.removed, self._removed, position="last")
        if large is not None:
            self._connections.add(large.changed, self._follow_layers)
        self._follow_image()

    def close(self) -> None:
        """Drop what is under way, and remove the layer of errors."""
        self._connections.close()
        self._of_layer.close()
        self._pause.cancel()
        self._waiting = False
        self._worker.close()
        self.whole.drop()
        self._errors.clear()

    @property
    def busy(self) -> bool:
        """Whether objects are being scored, or will be."""
        return self._waiting or self._worker.busy or self.whole.busy

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

    def set_whole(self, wanted: bool) -> None:
        """Score whole images where they were predicted block by block, or the view alone."""
        if wanted != self.whole.wanted:
            self.whole.wanted = wanted
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
        """Share of the objects that are right as their scores promise; None if they do not.

        Of a whole image it is not known.
        """
        return None if self.whole.applies else expected_share(self._session.result)

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
        if self.layer is None or self.whole.wanted:
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
        self.whole.drop()
        self._read_again()

    def _read_again(self) -> None:
        self._truth = None
        self._follow()

    def _redrawn(self, event: Event) -> None:
        """Follow what napari undid; it is compared, as layers are redrawn for other reasons too.

        All of a whole image is not compared: its scores stay.
        """
        if isinstance(event.source.data, np.ndarray):
            self._read_again()

    def _removed(self, event: Event) -> None:
        """Forget ground truth, or an image; errors whose layer the user removed stay away."""
        layer = event.value
        for family, chosen in list(self._choices.items()):
            if layer is chosen or family == str(layer.unique_id):
                del self._choices[family]
                self.whole.drop()
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
        elif self._whole_is_known():
            self._pause.cancel()
            self._waiting = False
            self._errors.clear()
            self.report = self.whole.report
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
        if image.result is not None or self.whole.applies:
            return ""
        more = ", or choose Of the whole image" if self.whole.found is not None else ""
        return f"Predict this image first{more}."

    def _whole_is_known(self) -> bool:
        """Whether what is to be scored is a whole image that is, or is being scored."""
        found, layer = self.whole.found if self.whole.wanted else None, self.layer
        return found is not None and layer is not None and self.whole.of(found[1], layer)

    # ----------------------------------------------------------------- requests

    def _request(self) -> None:
        self._waiting = False
        image, layer = self._session.current, self.layer
        if layer is not None and self.whole.wanted and self.whole.found is not None:
            self._request_whole(*self.whole.found, layer)
            return
        if image is None or image.result is None or layer is None:
            return
        found = image.result.instances.labels
        try:
            if self._truth is None:
                self._truth = truth_on(self._images, image, layer, found.shape)
        except InputError as error:
            self._take_problem(str(error))
            return
        threshold = self.threshold if self._shown else None
        self._worker.request(ScoreRequest(image.key, found, self._truth, threshold))

    def _request_whole(self, image: OpenImage, found: PixelArray, layer: Labels) -> None:
        if self.whole.of(found, layer):
            return
        try:
            self.whole.start(found, layer, truth_on(self._images, image, layer, found.shape))
        except InputError as error:
            self._take_problem(str(error))

    def _take(self, request: ScoreRequest, report: ScoreReport) -> None:
        image, truth = self._session.current, self._truth
        if image is None or image.key != request.key or truth is None:
            return
        if image.result is None or truth.name != request.truth.name or self.whole.applies:
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
