"""Predictions of all images of a project, whose labels are written into its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import Failure, InputError, to_message
from napari_spatial_embeddings.files import distinct

from .predict import ImageToPredict, PredictionReport, PredictionRequest, listed, segmented
from .predict_frames import predict_series

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.registry import ModelCache
    from napari_spatial_embeddings.inference.segmentation import SegmentationReport
    from napari_spatial_embeddings.project import Project


def predict_images(
    models: ModelCache,
    request: PredictionRequest,
    project: Project,
    images: Sequence[ImageToPredict],
    added: Callable[[], object] = lambda: None,
) -> Iterator[PredictionReport]:
    """Segment several images, and write their labels into the folder of their project.

    An image that cannot be segmented does not stop the others; the last report names it. Of one
    that is removed from the project meanwhile nothing is written. Time series come last, and the
    labels of all frames are one file.

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
        if not problem and not one.frames and one.key not in names:
            problem = "it could not be added to the project"
        if problem:
            skipped.append(_sentence(one.name, problem))
            yield PredictionReport(len(skipped), len(images), "", one.key, problem=skipped[-1])
        else:
            wanted.append(one)
    before, removed = len(skipped), 0
    jobs = [(one.key, one.name, _reader(project, one)) for one in wanted if not one.frames]
    for report in segmented(models, request, jobs) if jobs else ():
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
    series = [one for one in wanted if one.frames]
    own = distinct((one.name for one in series), names.values())
    for n, (one, name) in enumerate(zip(series, own, strict=True), len(images) - len(series)):
        path = project.results_folder / f"{name}.tif"
        try:
            for key, message, result in predict_series(
                models, request, one, _reader(project, one), path
            ):
                yield PredictionReport(n, len(images), message, key, result)
        except (InputError, Failure, OSError, MemoryError) as error:
            skipped.append(_sentence(one.name, to_message(error)))
            yield PredictionReport(n, len(images), "", one.key, problem=skipped[-1])
    written = len(images) - len(skipped) - removed
    if not written and skipped:
        raise Failure(f"no image could be predicted: {listed(skipped)}")
    message = f"Wrote the labels of {plural(written, 'image')} to {project.results_folder}"
    if skipped:  # first: a folder's path is long
        message = f"Skipped {plural(len(skipped), 'image')}: {listed(skipped)}. {message}"
    yield PredictionReport(len(images), len(images), message)


def _reader(project: Project, one: ImageToPredict) -> Callable[[], ImageData]:
    from napari_spatial_embeddings.project.frames import read_whole

    image = one.image
    if image is not None:
        return lambda: image
    return partial(read_whole if one.frames else type(project).image, project, one.key)


def _sentence(name: str, problem: str) -> str:
    """Return a problem with the name of its image, unless that is in it."""
    return problem if problem.startswith(name) else f"{name}: {problem}"


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
