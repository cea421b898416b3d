"""Segmentation of one image as it was done before, with its corrections, labels and annotation."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.errors import InputError

from .inputs import Input

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.export.segmented import Segmented
    from napari_spatial_embeddings.inference.segmentation import SegmentationJob
    from napari_spatial_embeddings.project.image_source import ImageSource


def segment_image(
    source: ImageSource,
    model: str | Path,
    clustering: ClusteringSettings | None = None,
    prediction: PredictionSettings | None = None,
    *,
    frame: int | None = None,
    corrections: Path | None = None,
    annotation: Path | None = None,
) -> Segmented:
    """Segment the image of a file as ``predict`` does, for `export.export`.

    Parameters
    ----------
    source : ImageSource
        The file, and how it is read.
    model : path or str
        The model's folder, or its name.
    clustering : ClusteringSettings, optional
        The model's own if not given.
    prediction : PredictionSettings, optional
    frame : int, optional
        Which one of a time series, counted from 0.
    corrections : path, optional
        Of a file of corrections, as the window writes beside what it copies.
    annotation : path, optional
        Labels that panels show, negative where nothing is known.

    Raises
    ------
    InputError, Failure
        If the image, the model, the corrections or the annotation cannot be used.
    """
    from napari_spatial_embeddings.files import positions
    from napari_spatial_embeddings.inference.registry import find_model
    from napari_spatial_embeddings.inference.segmentation import SegmentationJob, segment_images

    from .segmented import segmented

    image, name = source.image(), positions(source.path)[0].name
    if frame is not None:
        image, name = frame_of(image, frame), f"{name}, frame {frame}"
    check_single(image)
    given = None if annotation is None else read_annotated(annotation, image.shape)
    job = SegmentationJob(name, name, lambda: image)
    if corrections is not None:
        job = corrected(corrections, image.shape, job)
    network, how = find_model(model), prediction or PredictionSettings()
    settings = clustering or network.clustering
    *_, last = segment_images(network, str(model), [job], settings, how)
    if last.error is not None:
        raise last.error
    assert last.result is not None
    return replace(segmented(name, last.result, image, source.path), annotation=given)


def frame_of(image: ImageData, t: int) -> ImageData:
    """Return a frame of a time series, normalised as all of it is.

    Raises
    ------
    InputError
        If it is no time series, or has no such frame.
    """
    if image.frames is None:
        raise InputError(
            f"{image.name} is no time series; leave the frame out, or let the axes name frames,"
            " such as TYX"
        )
    if not 0 <= t < image.frames:
        raise InputError(f"{image.name} has the frames 0 to {image.frames - 1}, and no {t}")
    return replace(image.frame(t), name=f"{image.name}, frame {t}", whole=image.data)


def check_single(image: ImageData) -> ImageData:
    """Return an image that is segmented at once, and refuse others.

    Raises
    ------
    InputError
    """
    if image.frames is not None:
        raise InputError(f"{image.name} is a time series: choose one of its frames")
    if image.large:
        raise InputError(f"{image.name} is too large to be segmented at once: predict it by blocks")
    return image


def with_corrections(one: Input, path: Path) -> Input:
    """Return an input that is segmented with the corrections of a file.

    Reading it raises `InputError` if it is a time series, or too large.
    """

    def read() -> ImageData:
        return check_single(one.read())

    def state() -> str:
        from napari_spatial_embeddings.files import state_of

        known = one.state()
        return known and f"{known}, corrected by {state_of(path)}"

    def complete(job: SegmentationJob) -> SegmentationJob:
        return corrected(path, job.read().shape, one.complete(job))

    return replace(one, read=read, state=state, complete=complete)


def with_annotation(one: Input, path: Path) -> Input:
    """Return an input whose panels show the annotation of a file.

    Reading it raises `InputError` if it is a time series, or too large, or the file does not fit.
    """

    def read() -> ImageData:
        image = check_single(one.read())
        read_annotated(path, image.shape)
        return image

    def state() -> str:
        from napari_spatial_embeddings.files import state_of

        known = one.state()
        return known and f"{known}, annotated by {state_of(path)}"

    return replace(one, read=read, state=state, annotation=path)


def annotated(one: Input, found: Segmented) -> Segmented:
    """Return what was found with the annotation of the input, if it has one."""
    if one.annotation is None:
        return found
    return replace(found, annotation=read_annotated(one.annotation, found.instances.labels.shape))


def read_annotated(path: Path, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Read what is annotated of an image (*shape): objects positive, negative where unknown.

    Raises
    ------
    FileError
        If the file is damaged, or of another shape.
    """
    from napari_spatial_embeddings.project.annotation import read_stored

    return read_stored(path, shape)


def corrected(path: Path, shape: tuple[int, ...], job: SegmentationJob) -> SegmentationJob:
    """Return a job with the corrections of a file, and the labels that it keeps."""
    from napari_spatial_embeddings.project.corrections import read_corrections, read_kept_labels

    corrections = partial(read_corrections, path, shape)
    return replace(job, corrections=corrections, labels=partial(read_kept_labels, path, shape))
