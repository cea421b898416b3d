"""From the folders that ``train`` is given to what can be trained on."""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.annotations import BACKGROUND, TrainingImage, annotate
from napari_spatial_embeddings.files import (
    find_regions,
    pair,
    read_classes,
    read_image,
    read_labels,
    read_regions,
)

from .flags import CallError


@dataclass(frozen=True, slots=True)
class Annotated:
    """What the folders hold.

    Parameters
    ----------
    images, aside : lists of TrainingImage
        To train on, and to choose the best model by; ``aside`` may be empty.
    classes : tuple of str
        Of the objects.
    pixel_size : tuple of D floats, optional
        Along each axis, in ``unit``; that of the first image that tells it.
    unit : str, optional
    """

    images: list[TrainingImage]
    aside: list[TrainingImage]
    classes: tuple[str, ...]
    pixel_size: tuple[float, ...] | None
    unit: str | None

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Size of a pixel along each axis in pixels of the finest, where it is known."""
        return _spacing(self.pixel_size)


def read_annotated(options: argparse.Namespace, classes: tuple[str, ...] | None) -> Annotated:
    """Read images, labels, regions and classes.

    Parameters
    ----------
    options : Namespace
    classes : tuple of str, optional
        Those of the model to start from; the table's if not given.

    Raises
    ------
    InputError
        If a file cannot be used, or the files do not fit together.
    """
    reader = _Reader(options, classes)
    images = reader.folder(options.images, options.labels)
    aside = reader.folder(options.val_images, options.val_labels) if options.val_images else []
    _same_kind(images + aside)
    reader.check_use()
    return Annotated(images, aside, reader.names, reader.pixel_size, reader.unit)


class _Reader:
    """Reads folders, and knows which regions and classes have not found their image yet."""

    def __init__(self, options: argparse.Namespace, names: tuple[str, ...] | None) -> None:
        self.options = options
        self.pixel_size = _checked_size(options.pixel_size)
        self.unit: str | None = None
        self.regions = find_regions(options.regions) if options.regions else {}
        self.classes = read_classes(options.classes) if options.classes else {}
        found = {name for rows in self.classes.values() for name in rows.values()} - {BACKGROUND}
        self.names = names or tuple(sorted(found)) or ("object",)
        self.rows = {(image, label) for image, rows in self.classes.items() for label in rows}
        self.given = len(self.regions), len(self.rows)

    def folder(self, images: str, labels: str) -> list[TrainingImage]:
        """Read and resolve images and label images of the same names."""
        return [self._read(image, label) for image, label in pair(images, labels)]

    def _read(self, image_path: Path, labels_path: Path) -> TrainingImage:
        options = self.options
        image = read_image(image_path, options.axes)
        # Told axes hold for the labels too, which have no channels.
        axes = options.axes.upper().replace("C", "") if options.axes else None
        labels = read_labels(labels_path, axes)
        shape = image.data.shape[1:]
        if options.pixel_size and len(options.pixel_size) != len(shape):
            raise CallError(
                f"--pixel-size: {len(options.pixel_size)} values for the {len(shape)} axes of"
                f" {image_path}; give one for each, z or y first"
            )
        if self.pixel_size is None:
            self.pixel_size, self.unit = image.pixel_size, image.unit
        region = self.regions.pop(image.name, None)
        here = set(np.unique(labels).tolist())
        self.rows -= {(name, label) for name in ("", image.name) for label in here}
        spacing = _spacing(self.pixel_size)
        return annotate(
            image.data,
            labels,
            name=image_path.name,
            unlabelled=options.unlabelled,
            region=None if region is None else read_regions(region, shape),
            classes={**self.classes.get("", {}), **self.classes.get(image.name, {})},
            class_names=self.names,
            scribbled=options.scribbles,
            spacing=spacing if spacing and len(spacing) == len(shape) else None,
        )

    def check_use(self) -> None:
        """Refuse regions and classes that fit no image at all; mention those left over."""
        labels = [f"label {k}" + (f" of '{name}'" if name else "") for name, k in sorted(self.rows)]
        _mention(self.options.regions, sorted(self.regions), self.given[0])
        _mention(self.options.classes, labels, self.given[1])


def _mention(source: str, spare: list[str], given: int) -> None:
    if not spare:
        return
    more = f" and {len(spare) - 1} more" if len(spare) > 1 else ""
    text = f"{source}: {spare[0]}{more} not found among the images and labels"
    if len(spare) == given:
        raise CallError(f"{text}; correct the names, or leave it out")
    sys.stderr.write(f"{text}; not used\n")


def _checked_size(given: list[float] | None) -> tuple[float, ...] | None:
    for size in given or ():
        if not (size > 0 and math.isfinite(size)):
            raise CallError(f"--pixel-size: should be greater than 0, not {size:g}")
    return tuple(given) if given else None


def _spacing(pixel_size: tuple[float, ...] | None) -> tuple[float, ...] | None:
    return tuple(size / min(pixel_size) for size in pixel_size) if pixel_size else None


def _same_kind(images: list[TrainingImage]) -> None:
    first = images[0]
    for other in images[1:]:
        if other.image.ndim != first.image.ndim or len(other.image) != len(first.image):
            raise CallError(f"{_kind(first)}, {_kind(other)}; train on images of one kind")


def _kind(image: TrainingImage) -> str:
    return f"{image.name} has {len(image.image)} channels and {image.labels.ndim} spatial axes"
