"""What a prediction does, in a thread: frozen orders in, reports out. No Qt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import Failure, InputError, OutOfMemory
from napari_spatial_embeddings.inference.model_card import WEIGHTS, check_folder
from napari_spatial_embeddings.inference.registry import find_folder
from napari_spatial_embeddings.plugin.controllers.reclustering import timed
from napari_spatial_embeddings.plugin.layers.viewport import Box, grown
from napari_spatial_embeddings.plugin.session import Result
from napari_spatial_embeddings.text import plural

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.maps import EmbeddingMaps
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings
    from napari_spatial_embeddings.inference.tiling import Progress
    from napari_spatial_embeddings.project import Project

SMALLEST_TILE = 64
"""Tiles are not halved below this edge, in pixels, when memory is short."""


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
        from napari_spatial_embeddings.inference.model import SpatialEmbeddings

        folder = find_folder(name)
        check_folder(folder)
        weights = folder / WEIGHTS
        known = weights, weights.stat().st_mtime_ns
        if self._model is None or known != self._known:
            self._known, self._model = known, SpatialEmbeddings.load(folder)
        return self._model


def predict_one(
    models: Models, order: Order, key: str, picture: ImageData, window: Box | None
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
        reach = how.object_diameter or model.image_diameter or model.settings.working_diameter
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
    entries, names, problems = project.card.images, project.card.result_names, []
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
            path = folder / f"{names[entry.key]}.tif"
            write_labels(path, result.instances.labels, picture.pixel_size, picture.unit, about)
            yield Told(done + 1, len(entries), f"{entry.name}: done", entry.key, result)
        except (InputError, Failure) as error:
            problems.append(str(error))
    written = len(entries) - len(problems)
    if not written:
        raise Failure(f"no image could be predicted: {problems[0]}")
    sentence = f"wrote the labels of {plural(written, 'image')} to {folder}"
    if problems:
        sentence += f"; {len(problems)} could not be predicted: {problems[0]}"
    yield Told(len(entries), len(entries), sentence)


def check(model: SpatialEmbeddings, picture: ImageData) -> None:
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
    if picture.channels != channels:
        takes = f"{channels} channel{'s' * (channels > 1)}"
        raise InputError(
            f"the model takes {takes}, and {picture.name} has {picture.channels}: choose another"
            " model, or other channels under Data"
        )
    model.check(picture.data)


def predicting(
    model: SpatialEmbeddings,
    picture: ImageData,
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
    from napari_spatial_embeddings.core.clustering import Clustering

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


def _usable(before: Result | None, model: SpatialEmbeddings, picture: ImageData) -> Result | None:
    """Return what is known already, if the same model said it of an image of this shape."""
    if before is None or before.maps.shape != picture.data.shape[1:]:
        return None
    return before if before.card == model.card() else None


def copied(maps: EmbeddingMaps) -> EmbeddingMaps:
    """Return maps that may be changed: those in a result are shared."""
    return replace(
        maps, offsets=maps.offsets.copy(), sigma=maps.sigma.copy(), seed=maps.seed.copy()
    )
