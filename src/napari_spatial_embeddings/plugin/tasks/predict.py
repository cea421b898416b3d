"""Predictions of the view, of one image, or of all images of a project, in a worker thread.

The previews of a training are predictions of the view as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.config import BlockSettings, ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import Failure, InputError
from napari_spatial_embeddings.plugin.state.open_image import Box

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import ModelSettings
    from napari_spatial_embeddings.core.instances import Corrections
    from napari_spatial_embeddings.inference.normalisation import Scale
    from napari_spatial_embeddings.inference.registry import ModelCache
    from napari_spatial_embeddings.inference.segmentation import Segmentation, SegmentationReport
    from napari_spatial_embeddings.project import Project


COMPILING = "Compiling, once per installation"
"""Report while loops are compiled at the first prediction: there is no other one meanwhile."""

MAX_SKIPPED_SHOWN = 3
"""Images that a message names which could not be predicted."""


@dataclass(frozen=True, slots=True)
class PredictionRequest:
    """The state of the session when a prediction starts.

    Parameters
    ----------
    model : str
        Folder, or name of a shipped one.
    clustering, prediction : settings
    project : Project, optional
        Where corrections were saved.
    results : dict of Segmentation
        What is known of the open images, by key: labels of old objects stay.
    corrections : dict of Corrections
        Those that the user made and the results do not hold, by key.
    blocks : BlockSettings
        Of large images.
    """

    model: str
    clustering: ClusteringSettings
    prediction: PredictionSettings
    project: Project | None = None
    results: dict[str, Segmentation] = field(default_factory=dict)
    corrections: dict[str, Corrections] = field(default_factory=dict)
    blocks: BlockSettings = field(default_factory=BlockSettings)


@dataclass(frozen=True, slots=True)
class ImageToPredict:
    """One of several images that are predicted.

    Parameters
    ----------
    key : str
        Of its entry in the project; where there is a problem, any id of the caller.
    name : str
    image : ImageData, optional
        That of an image that is open; the others are read from the project.
    problem : str
        Why it cannot be predicted; empty if it is tried.
    frames : bool
        Whether it is a time series, whose key is that of a frame of it, or its own.
    source : path, optional
        The file of a series that is open, if it is known.
    """

    key: str
    name: str
    image: ImageData | None = None
    problem: str = ""
    frames: bool = False
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class PredictionReport:
    """Progress of a prediction.

    Parameters
    ----------
    done, total : int
        Tiles; or images, if there are several. A total of 0 where it is not known yet.
    message : str
    key : str
        Of the image that ``result`` or ``problem`` belongs to.
    result : Segmentation, optional
        Finished with this report. The last report of several images has none, but a message for
        the user.
    problem : str
        Why the image was skipped.
    """

    done: int
    total: int
    message: str
    key: str = ""
    result: Segmentation | None = None
    problem: str = ""


@contextmanager
def compiling_reported(notice: object, report: Callable[[object], object]) -> Iterator[None]:
    """Have a notice be reported, from any thread, whenever a loop is about to be compiled."""
    from napari_spatial_embeddings.core.compiled import noticed

    with noticed(lambda: report(notice)):
        yield


def predict_image(
    models: ModelCache,
    request: PredictionRequest,
    key: str,
    image: ImageData,
    window: Box | None = None,
    scale: Callable[[ModelSettings], Scale] | None = None,
) -> Iterator[PredictionReport]:
    """Segment one image, or the part of it in a window.

    Parameters
    ----------
    models, request, key, image, window
    scale : callable, optional
        Returns the normalisation of the time series that the image is a frame of.

    Raises
    ------
    InputError, Failure
        If the model or the image cannot be used, or memory is short.
    """
    for report in segmented(models, request, [(key, image.name, lambda: image)], window, scale):
        if report.error is not None:
            kind = InputError if isinstance(report.error, InputError) else Failure
            raise kind(report.message) from report.error
        yield PredictionReport(report.done, report.total, report.message, key, report.result)


def listed(problems: Sequence[str]) -> str:
    """Return the first of some problems, and how many more there are."""
    more = len(problems) - MAX_SKIPPED_SHOWN
    rest = f"; and {more} more, which the list under Data marks" if more > 0 else ""
    return "; ".join(problems[:MAX_SKIPPED_SHOWN]) + rest


def segmented(
    models: ModelCache,
    request: PredictionRequest,
    images: Sequence[tuple[str, str, Callable[[], ImageData]]],
    window: Box | None = None,
    scale: Callable[[ModelSettings], Scale] | None = None,
) -> Iterator[SegmentationReport]:
    """Segment images, each given by its key, its name and a function that reads it."""
    # Its compiled loops take their time to load.
    from napari_spatial_embeddings.inference.segmentation import SegmentationJob, segment_images

    model = models.load(request.model)
    known = None if scale is None else scale(model.settings)
    jobs = [
        SegmentationJob(
            key,
            name,
            read,
            window,
            request.results.get(key),
            partial(corrections_of, request, key),
            scale=known,
        )
        for key, name, read in images
    ]
    return segment_images(model, request.model, jobs, request.clustering, request.prediction)


def corrections_of(request: PredictionRequest, key: str) -> Corrections | None:
    """Return the corrections of an image without a result."""
    project = request.project
    if key in request.corrections or project is None or project.card.find(key) is None:
        return request.corrections.get(key)
    return project.corrections(key)
