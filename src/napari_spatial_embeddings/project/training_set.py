"""The training set of a project: its annotated images, read and resolved."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.units import Lengths, spacing_of
from napari_spatial_embeddings.files.regions import covered
from napari_spatial_embeddings.training.annotation import TrainingImage
from napari_spatial_embeddings.training.dataset import TrainingSet
from napari_spatial_embeddings.training.parts import annotated_parts

from .errors import ProjectError
from .frames import read_whole

if TYPE_CHECKING:
    from .annotation import Annotation
    from .card import ImageEntry
    from .folder import Project


def load_training_set(project: Project) -> TrainingSet:
    """Read and resolve all images that are annotated; of large ones, what lies around annotations.

    Raises
    ------
    ProjectError
        If there is none.
    MissingImage
        If the file of one of them is gone.
    """
    images = project.card.images
    annotated = [(image, found) for image in images if (found := project.annotation(image.key))]
    if not annotated:
        raise ProjectError(f"{project.folder}: nothing is annotated yet; annotate some objects")
    first = next((entry for entry, _ in annotated if entry.pixel_size), annotated[0][0])
    opened: dict[tuple[object, ...], ImageData] = {}  # the series, each for all of its frames
    parts = []
    for entry, found in annotated:
        series, file = None, (entry.path, entry.scene, entry.axes, entry.channels)
        if entry.frame is not None:
            if file not in opened:
                opened[file] = read_whole(project, entry.key)
            series = opened[file]
        parts += _resolved(project, entry, found, first.pixel_size, series)
    digest = sum(
        zlib.crc32(np.ascontiguousarray(one.labels, np.int32).data) + len(one.regions)
        for _, one in annotated
    )
    return TrainingSet(parts, [], project.card.classes, first.pixel_size, first.unit, digest)


def _resolved(
    project: Project,
    entry: ImageEntry,
    annotation: Annotation,
    pixel_size: Lengths | None,
    series: ImageData | None,
) -> list[TrainingImage]:
    spacing = spacing_of(entry.pixel_size or pixel_size)
    region: NDArray[np.bool_] | None = None
    if annotation.regions:
        region = covered(annotation.regions, entry.spatial)
    if series is not None and entry.frame is not None:
        image = series.frame(entry.frame)
    else:
        image = project.image(entry.key)
    return annotated_parts(
        image.data,
        annotation.labels,
        name=entry.name,
        unlabelled=project.card.unlabelled,
        region=region,
        classes=annotation.classes,
        class_names=project.card.classes,
        scribbled=annotation.scribbled,
        proposed=annotation.proposed,
        spacing=spacing if spacing and len(spacing) == len(entry.spatial) else None,
        series=image.whole if series is None else series.data,
    )
