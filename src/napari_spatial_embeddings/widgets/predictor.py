"""Running a model over what is in view, an image, or all images; the work is done in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.errors import Failure, InputError, OutOfMemory
from napari_spatial_embeddings.files import Image as Picture
from napari_spatial_embeddings.model_card import WEIGHTS, check_folder
from napari_spatial_embeddings.registry import find_folder
from napari_spatial_embeddings.session import Kind, Result

from . import _layers
from ._jobs import Job
from ._reclustering import timed
from ._view import Box, grown, visible

if TYPE_CHECKING:
    from napari_spatial_embeddings.maps import EmbeddingMaps
    from napari_spatial_embeddings.model import SpatialEmbeddings
    from napari_spatial_embeddings.project import Project
    from napari_spatial_embeddings.tiling import Progress

    from .workspace import Workspace

SMALLEST_TILE = 64
"""Tiles are not halved below this edge, in pixels, when memory is short."""

ENDING = 10.0
"""Seconds to wait for a tile under way when the dock is closed."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to predict, and with what; frozen when the work begins.

    Parameters
    ----------
    model : str
        Folder, or name of a shipped one.
    clustering, prediction : settings
    before : dict of Result
        What is known already, by image.
    """

    model: str
    clustering: ClusteringSettings
    prediction: PredictionSettings
    before: dict[str, Result]


@dataclass(frozen=True, slots=True)
class Told:
    """What the work reports.

    Parameters
    ----------
    done, total : int
        Tiles; or images, if there are several. A total of 0: nobody knows yet.
    sentence : str
    key : str
        The image that ``result`` belongs to.
    result : Result, optional
        What is finished with this report.
    """

    done: int
    total: int
    sentence: str
    key: str = ""
    result: Result | None = None


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


class Models:
    """Loads models, and keeps the last one while its files stay as they are."""

    def __init__(self) -> None:
        self._known: tuple[Path, int] | None = None
        self._model: SpatialEmbeddings | None = None

    def load(self, name: str) -> SpatialEmbeddings:
        """Return a model by its folder or name; slow the first time.

        Raises
        ------
        InputError
            If there is no such model, or it cannot be loaded.
        """
        from napari_spatial_embeddings.model import SpatialEmbeddings

        folder = find_folder(name)
        check_folder(folder)
        weights = folder / WEIGHTS
        known = weights, weights.stat().st_mtime_ns
        if self._model is None or known != self._known:
            self._known, self._model = known, SpatialEmbeddings.load(folder)
        return self._model


def predict_one(
    models: Models, order: Order, key: str, picture: Picture, window: Box | None
) -> Iterator[Told]:
    """Predict one image, or the part in a window, and recover its instances."""
    model = models.load(order.model)
    check(model, picture)
    before = _usable(order.before.get(key), model, picture)
    out = None
    if window is not None:
        shape = picture.data.shape[1:]
        # Objects at the edge of the view are seen whole.
        how, _ = model.suited(order.prediction, picture.pixel_size, picture.unit)
        reach = how.object_diameter or model.image_diameter or model.settings.object_diameter
        rim = np.ceil(reach / np.array(picture.spacing))
        window = grown(window, rim, shape)
        out = None if before is None else copied(before.maps)
    for progress, note in predicting(model, picture, order.prediction, window, out):
        sentence = f"{picture.name}: part {progress.done} of {progress.total}{note}"
        yield Told(progress.done, progress.total, sentence)
    yield Told(progress.done, progress.total, f"{picture.name}: finding objects")
    kept = order.before.get(key)
    result = recovered(model, order, progress.maps, kept)
    yield Told(1, 1, f"{picture.name}: done", key, result)


def predict_all(models: Models, order: Order, project: Project) -> Iterator[Told]:
    """Predict all images of a project, and write the labels into its folder."""
    from napari_spatial_embeddings.export.labels import write_labels

    model = models.load(order.model)
    folder = project.folder / "results"
    about = {"model": order.model, "clustering": order.clustering.model_dump()}
    entries, problems = project.card.images, []
    for done, entry in enumerate(entries):
        yield Told(done, len(entries), f"{entry.name}: image {done + 1} of {len(entries)}")
        try:
            picture = project.image(entry.key)
            check(model, picture)
            for progress, note in predicting(model, picture, order.prediction, None, None):
                part = f"part {progress.done} of {progress.total}{note}"
                yield Told(done, len(entries), f"{entry.name}: {part}")
            kept = order.before.get(entry.key)
            result = recovered(model, order, progress.maps, kept, project, entry.key)
            assert result.instances is not None
            path = folder / f"{entry.key}.tif"
            write_labels(path, result.instances.labels, picture.pixel_size, picture.unit, about)
            yield Told(done + 1, len(entries), f"{entry.name}: done", entry.key, result)
        except (InputError, Failure) as error:
            problems.append(str(error))
    written = len(entries) - len(problems)
    if not written:
        raise Failure(f"no image could be predicted: {problems[0]}")
    sentence = f"wrote the labels of {written} image{'s' * (written > 1)} to {folder}"
    if problems:
        sentence += f"; {len(problems)} could not be predicted: {problems[0]}"
    yield Told(len(entries), len(entries), sentence)


def check(model: SpatialEmbeddings, picture: Picture) -> None:
    """Say why a model cannot take an image, and what to do about it.

    Raises
    ------
    InputError
    """
    ndim, channels = model.settings.ndim, model.settings.in_channels
    if picture.data.ndim != ndim + 1:
        takes, this = ("2D images", "a volume") if ndim == 2 else ("volumes", "a 2D image")
        raise InputError(
            f"the model takes {takes}, and {picture.name} is {this}: choose another model, or"
            " say under Data what the axes mean"
        )
    if len(picture.data) != channels:
        takes = f"{channels} channel{'s' * (channels > 1)}"
        raise InputError(
            f"the model takes {takes}, and {picture.name} has {len(picture.data)}: choose another"
            " model, or other channels under Data"
        )
    model.check(picture.data)


def predicting(
    model: SpatialEmbeddings,
    picture: Picture,
    settings: PredictionSettings,
    window: Box | None,
    out: EmbeddingMaps | None,
) -> Iterator[tuple[Progress, str]]:
    """Yield progress and a note; where memory is short, go on with smaller tiles.

    Raises
    ------
    OutOfMemory
        If not even the smallest tile fits.
    """
    note = ""
    settings, spacing = model.suited(settings, picture.pixel_size, picture.unit)
    while True:
        try:
            for progress in model.predicting(picture.data, settings, window, out, spacing):
                yield progress, note
        except OutOfMemory:
            if settings.tile // 2 < SMALLEST_TILE:
                raise
            settings = settings.updated(tile=settings.tile // 2)
        else:
            return
        # What did not fit is let go of here, after the error that held it.
        note = f" (memory is short: tiles of {settings.tile} pixels)"
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def recovered(
    model: SpatialEmbeddings,
    order: Order,
    maps: EmbeddingMaps,
    before: Result | None,
    project: Project | None = None,
    key: str = "",
) -> Result:
    """Return the result of new maps: corrections stay, and so do the labels of old objects."""
    from napari_spatial_embeddings.clustering import Clustering

    if before is not None and before.maps.shape != maps.shape:
        before = None
    corrections = None if before is None else before.corrections
    if before is None and project is not None:
        corrections = project.corrections(key)
    clustering = Clustering(maps, corrections=corrections)
    like = None if before is None else before.instances
    instances, spent = timed(clustering, order.clustering, like)
    classes = model.settings.classes
    return Result(
        maps, clustering, classes, instances, corrections, spent, order.model, model.card()
    )


def _usable(before: Result | None, model: SpatialEmbeddings, picture: Picture) -> Result | None:
    """Return what is known already, if the same model said it of an image of this shape."""
    if before is None or before.maps.shape != picture.data.shape[1:]:
        return None
    return before if before.card == model.card() else None


def copied(maps: EmbeddingMaps) -> EmbeddingMaps:
    """Return maps that may be changed: those in a result are shared."""
    return replace(
        maps, offsets=maps.offsets.copy(), sigma=maps.sigma.copy(), seed=maps.seed.copy()
    )
