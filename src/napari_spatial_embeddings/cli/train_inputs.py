"""Training data in folders of images, labels and regions, with a table of classes."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.core.units import Lengths, spacing_of
from napari_spatial_embeddings.files import (
    find_regions,
    pair,
    read_classes,
    read_image,
    read_labels,
    read_regions,
)
from napari_spatial_embeddings.training.annotation import BACKGROUND, TrainingImage, annotate
from napari_spatial_embeddings.training.dataset import TrainingSet

from .flags import CallError
from .train_request import AnnotatedFolders


def read_annotated(folders: AnnotatedFolders, classes: tuple[str, ...] | None) -> TrainingSet:
    """Read images, labels, regions and classes.

    Parameters
    ----------
    folders : AnnotatedFolders
    classes : tuple of str, optional
        Those of the start model; the table's if not given.

    Raises
    ------
    InputError
        If a file cannot be used, or the files do not fit together.
    """
    reader = _Reader(folders, classes)
    images = reader.folder(folders.images, folders.labels)
    aside = reader.folder(folders.val_images, folders.val_labels) if folders.val_images else []
    data = TrainingSet(images, aside, reader.names, reader.pixel_size, reader.unit)
    reader.check_use()
    return data


class _Reader:
    """Reads folders, and knows which regions and classes have not found their image yet."""

    def __init__(self, folders: AnnotatedFolders, names: tuple[str, ...] | None) -> None:
        self.folders = folders
        self.pixel_size = _checked_size(folders.pixel_size)
        self.unit: str | None = None
        self.regions = find_regions(folders.regions) if folders.regions else {}
        self.classes = read_classes(folders.classes) if folders.classes else {}
        found = {name for rows in self.classes.values() for name in rows.values()} - {BACKGROUND}
        self.names = names or tuple(sorted(found)) or ("object",)
        self.rows = {(image, label) for image, rows in self.classes.items() for label in rows}
        self.given = len(self.regions), len(self.rows)

    def folder(self, images: str, labels: str) -> list[TrainingImage]:
        """Read and resolve images and label images of the same names."""
        return [self._read(image, label) for image, label in pair(images, labels)]

    def _read(self, image_path: Path, labels_path: Path) -> TrainingImage:
        given = self.folders
        image = read_image(image_path, given.axes)
        # Axes that were given hold for the labels too, which have no channels.
        axes = given.axes.upper().replace("C", "") if given.axes else None
        labels = read_labels(labels_path, axes)
        shape = image.shape
        if given.pixel_size and len(given.pixel_size) != len(shape):
            raise CallError(
                f"--pixel-size: {len(given.pixel_size)} values for the {len(shape)} axes of"
                f" {image_path}; give one for each, z or y first"
            )
        if self.pixel_size is None:
            self.pixel_size, self.unit = image.pixel_size, image.unit
        region = self.regions.pop(image.name, None)
        here = set(np.unique(labels).tolist())
        self.rows -= {(name, label) for name in ("", image.name) for label in here}
        spacing = spacing_of(self.pixel_size)
        return annotate(
            np.asarray(image.data),
            labels,
            name=image_path.name,
            unlabelled=given.unlabelled or "background",
            region=None if region is None else read_regions(region, shape),
            classes={**self.classes.get("", {}), **self.classes.get(image.name, {})},
            class_names=self.names,
            scribbled=given.scribbles,
            spacing=spacing if spacing and len(spacing) == len(shape) else None,
        )

    def check_use(self) -> None:
        """Refuse regions and classes that fit no image at all; name those left over."""
        labels = [f"label {k}" + (f" of '{name}'" if name else "") for name, k in sorted(self.rows)]
        _report_unused(self.folders.regions, sorted(self.regions), self.given[0])
        _report_unused(self.folders.classes, labels, self.given[1])


def _report_unused(source: str, spare: list[str], given: int) -> None:
    if not spare:
        return
    more = f" and {len(spare) - 1} more" if len(spare) > 1 else ""
    text = f"{source}: {spare[0]}{more} not found among the images and labels"
    if len(spare) == given:
        raise CallError(f"{text}; correct the names, or leave it out")
    sys.stderr.write(f"{text}; not used\n")


def _checked_size(given: Sequence[float] | None) -> Lengths | None:
    for size in given or ():
        if not (size > 0 and math.isfinite(size)):
            raise CallError(f"--pixel-size: should be greater than 0, not {size:g}")
    return tuple(given) if given else None
