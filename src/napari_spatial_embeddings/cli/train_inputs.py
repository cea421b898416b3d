"""Training data in folders of images, labels and regions, with a table of classes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.core.units import Lengths, spacing_of
from napari_spatial_embeddings.files import (
    Side,
    find_regions,
    pair,
    read_classes,
    read_regions,
)
from napari_spatial_embeddings.training.annotation import TrainingImage, nothing_annotated
from napari_spatial_embeddings.training.dataset import TrainingSet
from napari_spatial_embeddings.training.parts import annotated_parts

from .flags import CallError, check_pixel_size_fits
from .image_reader import ImageReader
from .label_reader import LabelReader
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
    first = next((x.image for x in (*images, *aside) if x.image.pixel_size), images[0].image)
    size = folders.pixel_size or first.pixel_size
    training = [part for pair in images for part in reader.resolved(pair, size)]
    validation = [part for pair in aside for part in reader.resolved(pair, size)]
    unit = None if folders.pixel_size else first.unit
    data = TrainingSet(training, validation, reader.names, size, unit)
    reader.check_use()
    return data


@dataclass(frozen=True, slots=True)
class _Pair:
    """An image, which is read as it is needed if it is large, and the file of its labels."""

    path: Path
    image: ImageData
    labels: Path


class _Reader:
    """Reads folders, and knows which regions and classes have not found their image yet."""

    def __init__(self, folders: AnnotatedFolders, names: tuple[str, ...] | None) -> None:
        self.folders = folders
        self.regions = find_regions(folders.regions) if folders.regions else {}
        self.classes = read_classes(folders.classes) if folders.classes else {}
        found = {name for rows in self.classes.values() for name in rows.values()} - {BACKGROUND}
        self.names = names or tuple(sorted(found)) or ("object",)
        self.rows = {(image, label) for image, rows in self.classes.items() for label in rows}
        self.given = len(self.regions), len(self.rows)
        # Axes that were given hold for the labels too, which have no channels.
        self.labels = LabelReader(folders.axes.upper().replace("C", "") or None)

    def folder(self, images: str, labels: str) -> list[_Pair]:
        """Open images, and find the label images of the same names."""
        given = self.folders
        found = pair(
            Side(Path(images), given.image_suffix, "image", "--image-suffix"),
            Side(Path(labels), given.label_suffix),
        )
        reader = ImageReader(given.axes, given.channels, given.grey)
        return [_Pair(path, reader.read(path), its) for path, its in found]

    def resolved(self, pair: _Pair, known_size: Lengths | None) -> list[TrainingImage]:
        """Read the labels of an image and what they annotate of it.

        Parameters
        ----------
        pair : _Pair
        known_size : tuple of D floats, optional
            Pixel size of images that do not have their own.
        """
        given, image, shape = self.folders, pair.image, pair.image.shape
        if given.pixel_size:
            check_pixel_size_fits(given.pixel_size, len(shape), pair.path)
        classes = {**self.classes.get("", {}), **self.classes.get(image.name, {})}
        strokes = tuple(label for label, name in classes.items() if name == BACKGROUND)
        region = self.regions.pop(image.name, None)
        if region is not None and image.frames is not None:
            raise CallError(
                f"{region}: {pair.path} is a time series, whose regions are not known; leave them"
                " out, or save its annotated frames as images of their own"
            )
        spacing = spacing_of(given.pixel_size or image.pixel_size or known_size)
        parts = []
        for name, frame, labels in self._labelled(pair, strokes):
            here = set(np.unique(labels).tolist())
            self.rows -= {(name, label) for name in ("", image.name) for label in here}
            parts += annotated_parts(
                frame.data,
                labels,
                name=name,
                unlabelled=given.unlabelled or "background",
                region=None if region is None else read_regions(region, shape),
                classes=classes,
                class_names=self.names,
                scribbled=given.scribbles,
                spacing=spacing if spacing and len(spacing) == len(shape) else None,
                series=None if image.frames is None else image.data,
            )
        if not parts:
            raise nothing_annotated(pair.path.name)
        return parts

    def _labelled(
        self, pair: _Pair, strokes: tuple[int, ...]
    ) -> Iterator[tuple[str, ImageData, NDArray[np.integer]]]:
        """Yield the name, the image and its labels; of a series, those of frames that have any."""
        image, scribbled = pair.image, self.folders.scribbles
        if image.frames is None:
            labels = self.labels.read(pair.labels, strokes, scribbled=scribbled)
            yield pair.path.name, image, labels
            return
        series = self.labels.series(pair.labels, as_they_are=scribbled or bool(strokes)).data
        if series.shape[0] != image.frames:
            raise CallError(
                f"{pair.path} has {plural(image.frames, 'frame')}, {pair.labels} has"
                f" {series.shape[0]}; they must be the same"
            )
        for t in range(image.frames):
            if (labels := series[t]).any():
                yield f"{pair.path.name}, frame {t}", image.frame(t), labels

    def check_use(self) -> None:
        """Refuse regions and classes that fit no image at all; name those left over, and masks."""
        labels = [f"label {k}" + (f" of '{name}'" if name else "") for name, k in sorted(self.rows)]
        _report_unused(self.folders.regions, sorted(self.regions), self.given[0])
        _report_unused(self.folders.classes, labels, self.given[1])
        self.labels.report_masks()


def _report_unused(source: str, spare: list[str], given: int) -> None:
    if not spare:
        return
    more = f" and {len(spare) - 1} more" if len(spare) > 1 else ""
    text = f"{source}: {spare[0]}{more} not found among the images and labels"
    if len(spare) == given:
        raise CallError(f"{text}; correct the names, or leave it out")
    sys.stderr.write(f"{text}; not used\n")
