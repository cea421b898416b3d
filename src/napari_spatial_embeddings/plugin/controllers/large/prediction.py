"""Predictions of whole images that are too large for memory, block by block, in a worker."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.components import ViewerModel
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.core.text import listed, sentence
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.open_images.sources import opened_image
from napari_spatial_embeddings.plugin.controllers.prediction import PredictionController
from napari_spatial_embeddings.plugin.controllers.project import ProjectController
from napari_spatial_embeddings.plugin.controllers.project_images import ProjectImages
from napari_spatial_embeddings.plugin.layers.opened.file_axes import source_path
from napari_spatial_embeddings.plugin.layers.tags import image_key
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Kind, Session

from .found import FoundLabels

if TYPE_CHECKING:
    from napari_spatial_embeddings.large.state import LargeState
    from napari_spatial_embeddings.plugin.tasks.large.prediction import LargeProgress
    from napari_spatial_embeddings.project import Project

KEPT = "what is done is kept, and Whole image goes on from there"

REMOVED = f"the image was removed while it was predicted: {KEPT}"
LEFT = f"the project was left while a whole image was predicted: {KEPT}"
REPLACED = "the image has other pixels than when its prediction started: predict it again"


@dataclass(slots=True)
class _Run:
    """A prediction under way."""

    image: OpenImage
    path: Path
    worker: Worker
    stop: threading.Event
    project: Project | None
    blocks: tuple[int, int] = (0, 0)


class LargePrediction(QObject):
    """Predicts whole images block by block, and shows what there is of their labels.

    Labels are in a store: of a project's image, in its folder of results; of another one, where the
    user chooses. What a run has done stays beside it if the run ends early, and is found again.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    project : ProjectController
    project_images : ProjectImages
    prediction : PredictionController
        Whose model and blocks are shared.

    Attributes
    ----------
    always : bool
        Whether images that are not large are predicted block by block as well.
    workers : str
        Number of processes, or address of a Dask scheduler; empty for this process.
    takes : str
        What the run under way takes, once that is known.
    found : FoundLabels
    """

    progressed = Signal(int, int, str)
    """Done, total and a message; a total of 0 where it is not known."""
    ended = Signal(bool)
    """Whether it was completed."""
    changed = Signal()
    """What is known of the labels of images may have changed."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        project: ProjectController,
        project_images: ProjectImages,
        prediction: PredictionController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._images = viewer, session, images
        self._project, self._project_images = project, project_images
        self._prediction = prediction
        self.found = FoundLabels(viewer, session, self)
        self.found.changed.connect(self.changed)
        self.always, self.workers, self.takes = False, "", ""
        self._run: _Run | None = None
        self._connections = Connections()
        self._connections.add(images.changed, self._follow_images)
        self._connections.add(images.replaced, self._follow_pixels)
        self._connections.add(session.project_changed, self._follow_project)
        self._connections.add(session.image_changed, self.found.look)
        self._connections.add(session.clustering_changed, self.changed.emit)
        self._connections.add(prediction.ended, self.found.look_at_large)

    def close(self) -> None:
        """End the run; what is done is kept."""
        self._connections.close()
        self.found.close()
        self._leave()

    # ------------------------------------------------------------------ queries

    @property
    def running(self) -> bool:
        """Whether a whole image is being predicted."""
        return self._run is not None

    @property
    def busy(self) -> bool:
        """Whether something runs."""
        return self.running or self.found.busy

    @property
    def applies(self) -> bool:
        """Whether the current image is predicted block by block."""
        image = self._target()
        if image is None or image.image is None:
            return False
        return self.always or image.image.large or self.unfinished is not None

    @property
    def unfinished(self) -> tuple[int, int] | None:
        """Blocks that are done, and all, of a run for the current image that ended early."""
        state = self._state()
        if state is None or state.unfinished is None or self.running:
            return None
        done, total = state.unfinished.done, state.unfinished.total
        return (done, total) if done else None

    @property
    def other_settings(self) -> bool:
        """Whether that run had other thresholds than those that are set now."""
        state = self._state()
        if state is None or state.unfinished is None:
            return False
        facts = state.unfinished.facts.get("the clustering settings")
        return bool(facts != self._session.clustering.model_dump(mode="json"))

    def _target(self) -> OpenImage | None:
        """Return the image to be predicted, of a view the large one; None for a time series."""
        image, layer = self._session.current, self._images.large
        if layer is not None:
            image = self._session.images.get(image_key(layer) or "")
        return None if image is None or image.series is not None else image

    def _state(self) -> LargeState | None:
        return self.found.state(self._target())

    def set_how(self, *, always: bool, workers: str) -> None:
        """Change whether images are predicted block by block that are not large, and by whom."""
        self.always, self.workers = always, workers.strip()
        self.changed.emit()

    # ------------------------------------------------------------------ running

    def start(self) -> None:
        """Predict the whole image, or go on where a run for it ended early."""
        if self._run is None and (image := self._target()) is not None:
            self._start(image)

    def _start(self, image: OpenImage, *, discard: bool = False) -> None:
        """Start a run; it ends with a question if it has to ``discard`` what it must not."""
        from napari_spatial_embeddings.large.workers import Workers
        from napari_spatial_embeddings.plugin.tasks.large.prediction import (
            LargeProgress,
            LargeRequest,
            predict_large,
        )
        from napari_spatial_embeddings.plugin.tasks.predict import COMPILING, compiling_reported

        session = self._session
        with session.errors_as_messages():
            if session.model is None:
                raise InputError("there is no model yet: choose one, or train one")
            Workers.parse(self.workers)
            opened = opened_image(self._images, session.project, image.key)
            path = self._path(image)
            if path is None or not self._confirmed(image, path):
                return
            self._images.show_current()
            self._add_to_project(image)
            request = LargeRequest(
                opened,
                path,
                session.model,
                session.clustering,
                session.prediction.updated(device=session.device),
                self.workers,
                self._prediction.blocks,
                discard,
            )
            stop = threading.Event()
            work = partial(predict_large, self._prediction.models, request, stop.is_set)
            around = partial(compiling_reported, LargeProgress(0, 0, COMPILING))
            worker = Worker(work, self, around)
            self._run, self.takes = _Run(image, path, worker, stop, session.project), ""
            worker.reported.connect(self._report)
            worker.ended.connect(self._end)
            worker.failed.connect(self._fail)
            self.progressed.emit(0, 0, "Starting")
            worker.start()
            self.changed.emit()

    def cancel(self) -> None:
        """End the run; what is done is kept."""
        if self.running:
            self._abandon("Stopped; what is done is kept.")

    def _leave(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.stop.set()
            run.worker.cancel()

    def _abandon(self, text: str, kind: Kind = "info") -> None:
        self._leave()
        self._session.say(text, kind)
        self.ended.emit(False)
        self.found.look(again=True)

    def _path(self, image: OpenImage) -> Path | None:
        """Return where the labels of an image are written; None if the user chooses no place."""
        if (path := self.found.path(image)) is None:
            path, ask = self.found.places(image)[0], self._project.dialogs.save_labels
            path = ask(path) if self._session.project is None else path
        if path is not None:
            if path.suffix.lower() != ".zarr":
                path = path.with_name(f"{path.name}.zarr")
            self.found.choose(image, path)
        return path

    def _confirmed(self, image: OpenImage, path: Path) -> bool:
        """Return whether complete labels may be replaced."""
        state = self.found.state(image)
        if state is None or not state.complete or (state.unfinished and state.unfinished.done):
            return True
        text = f"The whole image was segmented already, into {path.name}."
        return self._project.dialogs.confirm(text, "Segment again", "Cancel")

    def _ask(self, image: OpenImage, report: LargeProgress) -> None:
        """Ask whether what is done may be deleted, as it does not fit what is chosen now."""
        self._leave()
        self.ended.emit(False)
        done, total = report.blocks
        text = (
            f"{listed(report.changed)} changed since {done} of {total} blocks were done: they are"
            " of no use now. To go on with them, first choose again what it was"
        )
        if self._project.dialogs.confirm(sentence(text), "Start again", "Keep them"):
            self._start(image, discard=True)
        else:
            self.found.look(again=True)

    def _add_to_project(self, image: OpenImage) -> None:
        """Have an image that is a file in the project, so that its labels come back with it."""
        layers, _ = self._images.channel_layers(image.key)
        if self._session.project is not None and len(layers) == 1 and source_path(layers[0]):
            self._project_images.add(image.key)

    # ------------------------------------------------------------------ reports

    def _report(self, report: LargeProgress) -> None:
        run = self._run
        if run is None or self.sender() is not run.worker:
            return
        if report.changed:
            self._ask(run.image, report)
            return
        if report.blocks[1]:
            run.blocks = report.blocks
        if report.levels is not None:
            self.found.layers.show(run.image.key, report.levels)
        elif report.more:
            self.found.layers.grow(run.image.key)
        if report.note:
            self._session.say(report.note)
        if report.takes:
            self.takes = report.takes
            self.changed.emit()
        self.progressed.emit(report.done, report.total, report.message)

    def _end(self, report: LargeProgress | None) -> None:
        if self._run is None or self.sender() is not self._run.worker:
            return
        self._run = None
        finished = report is not None and report.finished
        if report is not None and finished:
            text = ". ".join((*report.warnings, report.message))
            self._session.say(text, "warning" if report.warnings else "info")
        self.ended.emit(finished)
        self.found.look(again=True)

    def _fail(self, problem: str) -> None:
        run = self._run
        if run is not None and self.sender() is run.worker:
            kept = f"; {KEPT}" if run.blocks[0] else ""
            self._abandon(f"{problem}{kept}", "error")

    # ---------------------------------------------------------------- following

    def _follow_images(self) -> None:
        run = self._run
        if run is not None and not self._session.is_open(run.image):
            self._lose(run)
        self.found.look()

    def _follow_pixels(self, key: str) -> None:
        if self._run is not None and self._run.image.key == key:
            self._abandon(REPLACED, "warning")

    def _follow_project(self) -> None:
        """End the run when another project is opened; there is no current image then."""
        if self._session.image is None:
            self.found.forget_places()
            if self._run is not None:
                self._lose(self._run)
        self.found.look()

    def _lose(self, run: _Run) -> None:
        """End the run of an image that is gone, and give the reason once all is done that follows.

        Where another project is opened, the images of the one before go first.
        """
        self._leave()
        self.ended.emit(False)

        def say() -> None:
            same = self._session.project is run.project
            self._session.say(REMOVED if same else LEFT, "warning")

        QTimer.singleShot(0, self, say)
