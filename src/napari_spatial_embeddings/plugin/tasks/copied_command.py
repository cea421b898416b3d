"""Command line, or Python, that segments an open image: by its file, some channels, or a copy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatial_embeddings.config import ClusteringSettings, ExportSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.export.command import predict_command, predict_python
from napari_spatial_embeddings.export.labels import write_labels
from napari_spatial_embeddings.files import FileError, file_name, positions, read_image
from napari_spatial_embeddings.inference.segmentation import Segmentation
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.project.copies import write_copy
from napari_spatial_embeddings.project.corrections import write_corrections
from napari_spatial_embeddings.project.image_source import ImageSource, OpenedImage
from napari_spatial_embeddings.project.sources import checked, same_pixels

from .export import annotation_of


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """What is repeated.

    Parameters
    ----------
    opened : OpenedImage
        It is compared with its file.
    frame : int, optional
        Which frame of it, if it is a time series.
    folder : path
        For the results.
    model : str
    clustering, prediction : settings
    formats : tuple of keys of `export.FORMATS`
    settings : ExportSettings
        Of these.
    result : Segmentation, optional
        What was found: its corrections and its labels are repeated.
    python : bool
        Whether it is to be Python, and no command.
    project, key : optional
        Where the annotation is that panels show.
    """

    opened: OpenedImage
    frame: int | None
    folder: Path
    model: str
    clustering: ClusteringSettings
    prediction: PredictionSettings
    formats: tuple[str, ...]
    settings: ExportSettings
    result: Segmentation | None = None
    python: bool = False
    project: Project | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class CopiedCommand:
    """A command or Python, and the files that were written for it, if there are any.

    Parameters
    ----------
    text : str
    copy : path, optional
    alone : bool
        Whether the image is normalised alone, and in the window as a part of another one.
    corrections : path, optional
        Of the corrections, and the labels.
    python : bool
    annotation : path, optional
        Of the annotation that panels show.
    """

    text: str
    copy: Path | None
    alone: bool
    corrections: Path | None = None
    python: bool = False
    annotation: Path | None = None

    @property
    def message(self) -> str:
        """What the user should know of it."""
        saved = f"The image is saved as {self.copy}. " if self.copy else ""
        if self.corrections:
            saved += f"Corrections and labels are saved as {self.corrections}. "
        if self.annotation:
            saved += f"The annotation is saved as {self.annotation}. "
        alone = (
            " It takes the brightness of this part alone: what it finds may differ a little from"
            " what is seen here."
        )
        copied = (
            "The Python is copied: save it as a script, or paste it into Python."
            if self.python
            else "The command is copied: paste it into a terminal."
        )
        return f"{saved}{copied}{alone * self.alone}"


def copied_command(request: CommandRequest) -> Iterator[CopiedCommand]:
    """Yield the command; the image is saved beside the results if it is no file, or part of one.

    Raises
    ------
    InputError, Failure
        If that copy, the corrections, or the annotation cannot be written.
    """
    copy, image, frame = None, request.opened.image, request.frame
    source, alone = request.opened.source(), image.whole is not None
    if source is None or len(positions(source.path)) > 1:  # which one it is no flag names
        alone = alone or frame is not None
        image, frame = image if frame is None else image.frame(frame), None
        copy = _copy(image, request.folder / "images")
        source = ImageSource(copy)
    name = positions(source.path)[0].name + ("" if frame is None else f", frame {frame}")
    corrections = _corrections(request.result, request.folder / "corrections", name)
    annotation = _annotation(request, request.folder / "annotations", name)
    what: dict[str, Any] = {
        "formats": request.formats,
        "settings": request.settings,
        "corrections": corrections,
        "annotation": annotation,
    }
    how = request.model, request.folder, request.clustering, request.prediction
    if request.python:
        names = "axes", "channels", "grey", "pixel_size", "unit"
        reading = {name: getattr(source, name) for name in names}
        text = predict_python(source.path, *how, reading, frame=frame, **what)
    else:
        text = predict_command(
            [source.path],
            *how,
            axes=source.axes,
            channels=source.channels,
            grey="plain" if source.grey == "grey" else source.grey,
            pixel_size=source.pixel_size,
            unit=source.unit,
            frames=None if frame is None else [frame],
            **what,
        )
    yield CopiedCommand(text, copy, alone, corrections, request.python, annotation)


def _copy(image: ImageData, folder: Path) -> Path:
    """Write an image into a folder, unless it is there already; files of others are kept."""
    pixels = checked(image.data, image.name)
    for path in _paths(folder, image.name):
        if not path.exists():
            write_copy(path, pixels, image.pixel_size, image.unit)
            return path
        try:
            there = read_image(path)
        except FileError:
            continue
        if there.pixel_size == image.pixel_size and same_pixels(pixels, there.data):
            return path
    raise AssertionError("names have no end")


def _corrections(result: Segmentation | None, folder: Path, name: str) -> Path | None:
    """Write corrections and labels into a folder, unless they are there, or come anyway."""
    if result is None:
        return None
    found, corrections = result.instances, result.corrections
    none = corrections is None or not (len(corrections) or corrections.emptied)
    if none and np.array_equal(found.ids, np.arange(1, len(found) + 1)):
        return None
    known = Corrections.none(found.labels.shape) if corrections is None else corrections
    return _kept(folder, name, lambda new: write_corrections(new, known, found))


def _annotation(request: CommandRequest, folder: Path, name: str) -> Path | None:
    """Write the annotation that panels show into a folder, unless it is there."""
    if "panels" not in request.formats:
        return None
    labels = annotation_of(request.project, request.key)
    if labels is None:
        return None
    shown = np.maximum(labels, IGNORE)
    return _kept(folder, name, lambda new: write_labels(new, shown, unknown=True))


def _kept(folder: Path, name: str, write: Callable[[Path], object]) -> Path:
    """Write a file into a folder, unless it is there; others, which earlier commands name, stay."""
    new = folder / f".{file_name(name)}.new.tif"
    write(new)
    for path in _paths(folder, name):
        if not path.exists():
            return new.replace(path)
        if path.read_bytes() == new.read_bytes():
            new.unlink()
            return path
    raise AssertionError("names have no end")


def _paths(folder: Path, name: str) -> Iterator[Path]:
    """Yield names of files, without end."""
    yield folder / f"{file_name(name)}.tif"
    for n in itertools.count(2):
        yield folder / f"{file_name(name)}-{n}.tif"
