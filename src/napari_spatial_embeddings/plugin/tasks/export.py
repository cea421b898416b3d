"""Export of images' results one after another, in a worker thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.config import ClusteringSettings, ExportSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import Failure, InputError, to_message
from napari_spatial_embeddings.export import CocoSet, Segmented, export_steps
from napari_spatial_embeddings.export.formats import PICTURE_FORMATS
from napari_spatial_embeddings.export.pictures.plane import slice_note, with_slice
from napari_spatial_embeddings.plugin.state.session import Kind
from napari_spatial_embeddings.prediction.segmented import segmented

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_spatial_embeddings.inference.registry import ModelCache
    from napari_spatial_embeddings.inference.segmentation import Segmentation
    from napari_spatial_embeddings.project import Project


@dataclass(frozen=True, slots=True)
class ExportTask:
    """One image to be exported, as it is when the export is requested.

    Parameters
    ----------
    key : str
    file : str
        Name of its files, without an ending.
    name : str
        Of the image, for messages.
    image : ImageData, optional
        That of an image that is open; the others are read from the project.
    result : Segmentation, optional
        What is written; the image is predicted first if there is none.
    slice : int, optional
        The slice of a volume that a picture shows.
    contrast : tuple of floats
        Contrast limits of the image's channels, one pair after another; empty for percentiles.
    source : path, optional
        The file of the image.
    """

    key: str
    file: str
    name: str
    image: ImageData | None = None
    result: Segmentation | None = None
    slice: int | None = None
    contrast: tuple[float, ...] = ()
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """An export of one image or of several.

    Parameters
    ----------
    folder : path
    formats : tuple of keys of `export.FORMATS`
    tasks : tuple of ExportTask
    protected : tuple of paths
        Files that are never replaced: the images themselves.
    project : Project, optional
        Where images that are not open are read, and corrections of those without a result.
    model : str, optional
        Predicts the images that have no result.
    clustering, prediction : settings
        Of these predictions.
    settings : ExportSettings
    """

    folder: Path
    formats: tuple[str, ...]
    tasks: tuple[ExportTask, ...]
    protected: tuple[Path, ...] = ()
    project: Project | None = None
    model: str | None = None
    clustering: ClusteringSettings = ClusteringSettings()
    prediction: PredictionSettings = PredictionSettings()
    settings: ExportSettings = ExportSettings()


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Progress of an export, as a sentence; the last one lists what was written."""

    message: str
    kind: Kind = "info"


def export_images(request: ExportRequest, models: ModelCache) -> Iterator[ExportReport]:
    """Export images one after another; what cannot be exported does not stop the others.

    Neither an image, nor a format of one. Results are written as they are: nothing is clustered
    again.

    Raises
    ------
    Failure
        If the system refuses to write, such as on a full disk; the message gives how much was
        written before.
    InputError, OSError
        If nothing of the only image can be exported.
    """
    with CocoSet(request.folder, request.settings) as several:
        yield from _export(request, models, several if len(request.tasks) > 1 else None)


def _export(
    request: ExportRequest, models: ModelCache, several: CocoSet | None
) -> Iterator[ExportReport]:
    """Export images; those of COCO into one file if there are ``several``."""
    tasks, problems, files, images, shared = request.tasks, list[str](), 0, 0, 0
    shown = ""
    for k, task in enumerate(tasks, 1):
        place = f" ({k} of {len(tasks)})" if len(tasks) > 1 else ""
        yield ExportReport(f"Writing {task.name}{place} …")
        before = files
        try:
            image, result = None, task.result
            if result is None:
                for report in _predict(request, task, models):
                    if report.error is not None:
                        raise InputError(report.message) from report.error
                    yield ExportReport(f"{report.message}{place}")
                    image, result = report.image, report.result
            else:
                image = _read(request, task)
            assert image is not None
            assert result is not None
            found = _segmented(request, task, image, result)
            settings = _settings(request, task, found)
            for key in request.formats:
                try:
                    yield from _write(request, found, key, settings, several)
                    files += 1
                    shared += several is not None and key == "coco"
                    if key in PICTURE_FORMATS:
                        shown = slice_note(settings.slice, found.instances.labels)
                except (InputError, OSError) as error:
                    problems.append(to_message(error))
        except (InputError, OSError) as error:
            if len(tasks) == 1:
                raise
            problems.append(to_message(error))
        except Failure as error:
            raise Failure(
                f"{error}; {plural(files, 'file')} of {plural(k, 'image')} written"
            ) from error
        images += files > before
    problems = [*dict.fromkeys(problems)]
    files -= max(0, shared - 1)  # of several images there is one
    if len(tasks) == 1 and problems and not files:
        raise InputError("; ".join(problems))
    done = f"Wrote {plural(files, 'file')} of {plural(images, 'image')}"
    if shown and len(tasks) == 1:
        done = f"{done}, pictures of {shown},"
    message = "; ".join([f"{done} to {request.folder}", *problems])
    yield ExportReport(message, "warning" if problems else "info")


def _write(
    request: ExportRequest,
    found: Segmented,
    key: str,
    settings: ExportSettings,
    several: CocoSet | None,
) -> Iterator[ExportReport]:
    """Write an image in one format."""
    spare = request.protected
    for step in export_steps(
        request.folder, found, [key], spare=spare, settings=settings, several=several
    ):
        if 0 < step.done < step.total:
            share = f"{step.done:,} of {step.total:,} objects"
            yield ExportReport(f"Writing {step.path.name}: {share} …")


def _predict(request: ExportRequest, task: ExportTask, models: ModelCache) -> Iterator[Any]:
    """Segment an image that has no result, with the corrections that are saved."""
    # Its compiled loops take their time to load.
    from napari_spatial_embeddings.inference.segmentation import SegmentationJob, segment_images

    project = request.project
    if project is None or request.model is None:
        raise InputError(f"there is nothing to export of {task.name}; predict it first")
    model = models.load(request.model)
    job = SegmentationJob(
        task.key,
        task.name,
        partial(_read, request, task),
        corrections=partial(project.corrections, task.key),
    )
    return segment_images(model, request.model, [job], request.clustering, request.prediction)


def _read(request: ExportRequest, task: ExportTask) -> ImageData:
    if task.image is not None:
        return task.image
    assert request.project is not None
    return request.project.image(task.key)


def annotation_of(project: Project | None, key: str) -> NDArray[np.int32] | None:
    """Return what is annotated of an image, as the project holds it; None if nothing is."""
    if project is None or project.card.find(key) is None:
        return None
    given = project.annotation(key)
    return given.resolved(project.card.unlabelled) if given else None


def _segmented(
    request: ExportRequest, task: ExportTask, image: ImageData, result: Segmentation
) -> Segmented:
    """Return the result as the formats take it, with the settings that it was made under."""
    if image.data.shape[1:] != result.maps.shape:  # the layer has another array by now
        raise InputError(
            f"{task.name} has the shape {image.data.shape[1:]}, its objects {result.maps.shape}:"
            " predict it again"
        )
    found = segmented(task.file, result, image, task.source)
    if "panels" not in request.formats:
        return found
    return replace(found, annotation=annotation_of(request.project, task.key))


def _settings(request: ExportRequest, task: ExportTask, found: Segmented) -> ExportSettings:
    """Return the settings of an image: pictures show the slice that was in view."""
    settings = request.settings
    if set(PICTURE_FORMATS).isdisjoint(request.formats):
        return settings
    fits = found.image is not None and len(task.contrast) == 2 * found.image.shape[0]
    contrast = task.contrast if fits else ()
    return with_slice(settings.updated(slice=task.slice, contrast=contrast), found)
