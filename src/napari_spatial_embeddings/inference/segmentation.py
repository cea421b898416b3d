"""Segmentation of many images by one model, as a generator of reports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.clustering import Clustering, cluster
from napari_spatial_embeddings.core.label_memory import LabelMemory, recalled
from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.core.quality.calibration import consistency_for
from napari_spatial_embeddings.errors import Failure, InputError, OutOfMemory, to_message

from .halved_tiles import predict_halving_tiles
from .image_check import check_image
from .normalisation import normalisation_of

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.core.instances import Corrections, Instances

    from .model import SpatialEmbeddings
    from .normalisation import Scale


SKIPPED = (InputError, Failure, MemoryError, OSError)
"""Errors that make an image be skipped."""


@dataclass(frozen=True, slots=True)
class Segmentation:
    """The instances of one image, and how they were made.

    Parameters
    ----------
    maps : EmbeddingMaps
    clustering : Clustering
        That of the maps, with what it keeps between two settings.
    instances : Instances
    settings : ClusteringSettings
        Under which ``instances`` were found.
    corrections : Corrections, optional
        Those that ``clustering`` respects.
    classes : tuple of str
        Names of the seed maps' classes.
    model : str
        The model that predicted the maps: a folder, or the name of a shipped one.
    card : dict
        That model's card.
    milliseconds : float
        Duration of the last clustering.
    memory : LabelMemory, optional
        Labels of objects that were found earlier and are not among the instances.
    prediction : PredictionSettings, optional
        Under which the maps were predicted; None if they are not known.
    consistency : float32 (N,), optional
        Of the maps about each object; None if the model is not calibrated by it.
    """

    maps: EmbeddingMaps
    clustering: Clustering
    instances: Instances
    settings: ClusteringSettings
    corrections: Corrections | None
    classes: tuple[str, ...]
    model: str
    card: dict[str, Any]
    milliseconds: float = 0.0
    memory: LabelMemory | None = None
    prediction: PredictionSettings | None = None
    consistency: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class SegmentationJob:
    """One image to be segmented.

    Parameters
    ----------
    key, name : str
        Any id of the caller, and a name for messages.
    read : callable
        Returns the image; called when its turn comes.
    window : tuple of D slices, optional
        The part to predict; all of it if not given. It is grown by the diameter of an object, so
        that objects at its edge are seen whole.
    before : Segmentation, optional
        What is known of this image: its labels are kept stable and its corrections kept. Outside
        the window its maps stay, if the same model predicted them.
    corrections : callable, optional
        Reads the corrections where ``before`` has none.
    reuse : bool
        Predict nothing where ``before`` is known: its maps are taken, whatever model made them, and
        are clustered again only if other settings are wanted.
    advice : str
        What to do about an image that the model does not take, for the message.
    labels : callable, optional
        Reads labels (*S) that objects proposed in there are to have, if there is no ``before``.
    scale : float64 (2, C), optional
        From `normalisation.normalisation`, of the time series that the image is a frame of; from
        `normalisation.normalisation_of` if not given.
    """

    key: str
    name: str
    read: Callable[[], ImageData]
    window: tuple[slice, ...] | None = None
    before: Segmentation | None = None
    corrections: Callable[[], Corrections | None] | None = None
    reuse: bool = False
    advice: str = ""
    scale: Scale | None = None
    labels: Callable[[], NDArray[np.int32]] | None = None


@dataclass(frozen=True, slots=True)
class SegmentationReport:
    """Progress of `segment_images`.

    Parameters
    ----------
    index, count : int
        Which image of how many, from 0.
    done, total : int
        Tiles of this image; a total of 0 where their number is not known yet.
    message : str
        One sentence.
    job : SegmentationJob
    image : ImageData, optional
        None until it was read.
    result : Segmentation, optional
        Finished with this report, the last one of its image.
    error : InputError or Failure, optional
        Why the image was skipped; the last report of its image as well.
    """

    index: int
    count: int
    done: int
    total: int
    message: str
    job: SegmentationJob
    image: ImageData | None = None
    result: Segmentation | None = None
    error: InputError | Failure | None = None

    @property
    def finished(self) -> bool:
        """Whether this is the last report of its image."""
        return self.result is not None or self.error is not None


def segment_images(
    model: SpatialEmbeddings | None,
    name: str,
    jobs: Iterable[SegmentationJob],
    clustering: ClusteringSettings,
    prediction: PredictionSettings,
) -> Iterator[SegmentationReport]:
    """Segment images one after another; an image that cannot be segmented does not stop the rest.

    Where memory is short, an image goes on with smaller tiles.

    Parameters
    ----------
    model : SpatialEmbeddings, optional
        May be left out where every job reuses maps.
    name : str
        Folder of the model, or name of a shipped one.
    jobs : iterable of SegmentationJob
    clustering : ClusteringSettings
    prediction : PredictionSettings

    Yields
    ------
    SegmentationReport
        Before an image is read, after that, after every tile, before the clustering, and one with
        the result or the error.
    """
    jobs = list(jobs)
    for index, job in enumerate(jobs):
        report = first = _step(SegmentationReport(index, len(jobs), 0, 0, "", job), "reading")
        yield first
        try:
            for report in _segment(model, name, first, clustering, prediction):
                yield report
        except SKIPPED as error:
            yield _skipped(report, as_reason(error))


def as_reason(error: InputError | Failure | MemoryError | OSError) -> InputError | Failure:
    """Return why an image is skipped: one of `SKIPPED` as a sentence for users."""
    if isinstance(error, InputError | Failure):
        return error
    kind = OutOfMemory if isinstance(error, MemoryError) else InputError
    reason = kind(to_message(error))
    reason.__cause__ = error
    return reason


def _step(report: SegmentationReport, text: str, **changes: Any) -> SegmentationReport:
    place = f" (image {report.index + 1} of {report.count})" if report.count > 1 else ""
    return replace(report, message=f"{report.job.name}: {text}{place}", **changes)


def _skipped(report: SegmentationReport, error: InputError | Failure) -> SegmentationReport:
    return replace(report, message=f"{report.job.name}: {error}", error=error)


def _segment(
    model: SpatialEmbeddings | None,
    name: str,
    report: SegmentationReport,
    clustering: ClusteringSettings,
    prediction: PredictionSettings,
) -> Iterator[SegmentationReport]:
    job = report.job
    image, before = job.read(), job.before
    report = replace(report, image=image)
    if before is not None and before.maps.shape != image.shape:
        before = None  # of an image that was there before
    if job.reuse and before is not None:
        yield _step(report, "finding objects")
        yield _step(report, "done", result=reclustered(before, clustering, before.corrections))
        return
    if model is None:
        raise InputError("there is no model to segment it with; choose or train one")
    check_image(model.settings, image.data.shape, image.data.dtype, advice=job.advice)
    yield _step(report, "predicting")
    window, out = None, None
    card = model.card()
    if job.window is not None:
        window = _grown(job.window, model, image, prediction)
        out = before.maps.copied() if before is not None and before.card == card else None
    scale = job.scale
    if scale is None and image.whole is not None:
        scale = normalisation_of(image, model.settings)
    for progress, note in predict_halving_tiles(model, image, prediction, window, out, scale):
        report = replace(report, done=progress.done, total=progress.total)
        yield _step(report, f"tile {progress.done} of {progress.total}{note}")
    yield _step(report, "finding objects")
    corrections = None if before is None else before.corrections
    if corrections is None and job.corrections is not None:
        corrections = job.corrections()
    found = Clustering(progress.maps, corrections=corrections)
    like: Instances | NDArray[np.int32] | None = None if before is None else before.instances
    if like is None and job.labels is not None:
        like = job.labels()
    instances, spent = timed(found, clustering, like)
    memory = None
    if before is not None:
        instances, memory = recalled(instances, before.instances, before.memory)
    result = Segmentation(
        progress.maps,
        found,
        instances,
        clustering,
        corrections,
        model.settings.classes,
        name,
        card,
        spent,
        memory,
        prediction,
        consistency_for(card, progress.maps, instances),
    )
    yield _step(report, "done", result=result)


def reclustered(
    result: Segmentation,
    settings: ClusteringSettings,
    corrections: Corrections | None,
    like: Instances | None = None,
) -> Segmentation:
    """Return the segmentation under these settings and corrections; the same object if it is.

    Objects that stay keep their labels, and those that come back have the ones that they had.

    Parameters
    ----------
    like : Instances, optional
        Labels that are newer than those of the result; nothing but its labels and ids is read.

    Raises
    ------
    InputError
        If the corrections are those of an image of another shape.
    """
    clustering = result.clustering
    if corrections is not result.corrections:
        clustering = clustering.corrected(corrections)
    elif settings == result.settings and like is None:
        return result
    instances, spent = timed(clustering, settings, like or result.instances)
    instances, memory = recalled(instances, result.instances, result.memory)
    return replace(
        result,
        clustering=clustering,
        instances=instances,
        settings=settings,
        corrections=corrections,
        milliseconds=spent,
        memory=memory,
        consistency=consistency_for(result.card, result.maps, instances),
    )


def timed(
    clustering: Clustering,
    settings: ClusteringSettings,
    like: Instances | NDArray[np.int32] | None,
) -> tuple[Instances, float]:
    """Return the instances, and the milliseconds that finding them took.

    The time to compile the loops, which the first clustering of a process pays, is left out.
    """
    _compile()
    start = time.perf_counter()
    instances = clustering(settings, like=like)
    return instances, 1e3 * (time.perf_counter() - start)


@cache
def _compile() -> None:
    cluster(ideal_maps(np.ones((2, 2), np.int32)))


def _grown(
    window: tuple[slice, ...],
    model: SpatialEmbeddings,
    image: ImageData,
    prediction: PredictionSettings,
) -> tuple[slice, ...]:
    """Return the window with the reach of an object to each side, inside the image."""
    how, _ = model.suited(prediction, image.pixel_size, image.unit)
    reach = how.object_diameter or model.image_diameter or model.settings.working_diameter
    rim = np.ceil(reach / np.array(image.spacing)).astype(int).tolist()
    return tuple(
        slice(max(0, part.start - r), min(n, part.stop + r))
        for part, r, n in zip(window, rim, image.shape, strict=True)
    )
