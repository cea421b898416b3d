"""Predictions of the view, of one image, or of all images of a project, in a worker thread.

The previews of a training are predictions of the view as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import Failure, InputError
from napari_spatial_embeddings.plugin.state.open_image import Box

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Corrections
    from napari_spatial_embeddings.inference.registry import ModelCache
    from napari_spatial_embeddings.inference.segmentation import Segmentation, SegmentationReport
    from napari_spatial_embeddings.project import Project


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
    """

    model: str
    clustering: ClusteringSettings
    prediction: PredictionSettings
    project: Project | None = None
    results: dict[str, Segmentation] = field(default_factory=dict)
    corrections: dict[str, Corrections] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PredictionReport:
    """Progress of a prediction.

    Parameters
    ----------
    done, total : int
        Tiles; or images, if there are several. A total of 0 where it is not known yet.
    message : str
    key : str
        Of the image that ``result`` belongs to.
    result : Segmentation, optional
        Finished with this report. The last report of several images has none, but a message for
        the user.
    """

    done: int
    total: int
    message: str
    key: str = ""
    result: Segmentation | None = None


def predict_image(
    models: ModelCache,
    request: PredictionRequest,
    key: str,
    image: ImageData,
    window: Box | None = None,
) -> Iterator[PredictionReport]:
    """Segment one image, or the part of it in a window.

    Raises
    ------
    InputError, Failure
        If the model or the image cannot be used, or memory is short.
    """
    for report in _segment(models, request, [(key, image.name, lambda: image)], window):
        if report.error is not None:
            kind = InputError if isinstance(report.error, InputError) else Failure
            raise kind(report.message) from report.error
        yield PredictionReport(report.done, report.total, report.message, key, report.result)


def predict_project(
    models: ModelCache, request: PredictionRequest, project: Project
) -> Iterator[PredictionReport]:
    """Segment all images of a project, and write their labels into its folder.

    An image that cannot be segmented does not stop the others. Of one that is removed from the
    project meanwhile nothing is written.

    Raises
    ------
    InputError, Failure
        If the model cannot be used, or none of the images could be segmented.
    """
    card, problems, removed = project.card, list[str](), 0
    images = [(e.key, e.name, partial(project.image, e.key)) for e in card.images]
    for report in _segment(models, request, images):
        key, result = report.job.key, report.result
        if report.finished and project.card.find(key) is None:
            removed, result = removed + 1, None
        elif report.error is not None:
            problems.append(report.message)
        elif result is not None and (problem := _write(project, card.result_names[key], report)):
            problems.append(problem)
            result = None
        done = report.index + report.finished
        yield PredictionReport(done, report.count, report.message, key, result)
    written = len(images) - len(problems) - removed
    if not written and problems:
        raise Failure(f"no image could be predicted: {problems[0]}")
    message = f"wrote the labels of {plural(written, 'image')} to {project.results_folder}"
    if problems:
        message += f"; {len(problems)} could not be predicted: {problems[0]}"
    yield PredictionReport(len(images), len(images), message)


def _segment(
    models: ModelCache,
    request: PredictionRequest,
    images: Sequence[tuple[str, str, Callable[[], ImageData]]],
    window: Box | None = None,
) -> Iterator[SegmentationReport]:
    """Segment images, each given by its key, its name and a function that reads it."""
    # Its compiled loops take their time to load.
    from napari_spatial_embeddings.inference.segmentation import SegmentationJob, segment_images

    model = models.load(request.model)
    jobs = [
        SegmentationJob(
            key, name, read, window, request.results.get(key), partial(_corrections, request, key)
        )
        for key, name, read in images
    ]
    return segment_images(model, request.model, jobs, request.clustering, request.prediction)


def _corrections(request: PredictionRequest, key: str) -> Corrections | None:
    """Return the corrections of an image without a result."""
    project = request.project
    if key in request.corrections or project is None or project.card.find(key) is None:
        return request.corrections.get(key)
    return project.corrections(key)


def _write(project: Project, name: str, report: SegmentationReport) -> str:
    """Write the labels of an image; return why they could not be written."""
    from napari_spatial_embeddings.export.labels import write_labels

    result, image = report.result, report.image
    assert result is not None
    assert image is not None
    path = project.results_folder / f"{name}.tif"
    settings = {"model": result.model, "clustering": result.settings.model_dump()}
    try:
        write_labels(path, result.instances.labels, image.pixel_size, image.unit, settings)
    except (InputError, Failure) as error:
        return str(error)
    return ""
