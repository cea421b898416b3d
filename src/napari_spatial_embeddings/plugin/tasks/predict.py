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
    """

    model: str
    clustering: ClusteringSettings
    prediction: PredictionSettings
    project: Project | None = None
    results: dict[str, Segmentation] = field(default_factory=dict)
    corrections: dict[str, Corrections] = field(default_factory=dict)


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
    """

    key: str
    name: str
    image: ImageData | None = None
    problem: str = ""


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


def predict_images(
    models: ModelCache,
    request: PredictionRequest,
    project: Project,
    images: Sequence[ImageToPredict],
    added: Callable[[], object] = lambda: None,
) -> Iterator[PredictionReport]:
    """Segment several images, and write their labels into the folder of their project.

    An image that cannot be segmented does not stop the others; the last report names it. Of one
    that is removed from the project meanwhile nothing is written.

    Parameters
    ----------
    models, request
    project : Project
    images : sequence of ImageToPredict
    added : callable
        Waits until all of them are in the project.

    Raises
    ------
    InputError, Failure
        If the model cannot be used, or none of the images could be segmented.
    """
    added()
    names, skipped = project.card.result_names, list[str]()
    wanted = []
    for one in images:
        problem = one.problem
        if not problem and one.key not in names:
            problem = "it could not be added to the project"
        if problem:
            skipped.append(_sentence(one.name, problem))
            yield PredictionReport(len(skipped), len(images), "", one.key, problem=skipped[-1])
        else:
            wanted.append(one)
    before, removed = len(skipped), 0
    jobs = [(one.key, one.name, _reader(project, one)) for one in wanted]
    for report in _segment(models, request, jobs) if jobs else ():
        key, result, problem = report.job.key, report.result, ""
        if report.finished and project.card.find(key) is None:
            removed, result = removed + 1, None
        elif report.error is not None:
            problem = report.message
        elif result is not None and (problem := _write(project, names[key], report)):
            result = None
        if problem:
            skipped.append(problem)
        done = before + report.index + report.finished
        yield PredictionReport(done, len(images), report.message, key, result, problem)
    written = len(images) - len(skipped) - removed
    if not written and skipped:
        raise Failure(f"no image could be predicted: {_listed(skipped)}")
    message = f"Wrote the labels of {plural(written, 'image')} to {project.results_folder}"
    if skipped:  # first: a folder's path is long
        message = f"Skipped {plural(len(skipped), 'image')}: {_listed(skipped)}. {message}"
    yield PredictionReport(len(images), len(images), message)


def _reader(project: Project, one: ImageToPredict) -> Callable[[], ImageData]:
    image = one.image
    return partial(project.image, one.key) if image is None else lambda: image


def _sentence(name: str, problem: str) -> str:
    """Return a problem with the name of its image, unless that is in it."""
    return problem if problem.startswith(name) else f"{name}: {problem}"


def _listed(problems: Sequence[str]) -> str:
    more = len(problems) - MAX_SKIPPED_SHOWN
    rest = f"; and {more} more, which the list under Data marks" if more > 0 else ""
    return "; ".join(problems[:MAX_SKIPPED_SHOWN]) + rest


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
