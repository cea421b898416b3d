"""From the folders that ``train`` is given to what can be trained on."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.core.units import spacing_of
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


def read_annotated(options: argparse.Namespace, classes: tuple[str, ...] | None) -> TrainingSet:
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
    data = TrainingSet(images, aside, reader.names, reader.pixel_size, reader.unit)
    reader.check_use()
    return data


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
        shape = image.shape
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
        spacing = spacing_of(self.pixel_size)
        return annotate(
            np.asarray(image.data),
            labels,
            name=image_path.name,
            unlabelled=options.unlabelled or "background",
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
