"""The command line that segments an open image: by its file, some channels of it, or a copy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.colour import Grey, grey_image
from napari_spatial_embeddings.core.image_data import ImageData, PixelArray, sliced
from napari_spatial_embeddings.core.units import METRES, Lengths
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export.command import predict_command
from napari_spatial_embeddings.files import FileError, file_name, read_image
from napari_spatial_embeddings.project.sources import checked, same_pixels, write_copy


@dataclass(frozen=True, slots=True)
class ImageSource:
    """A file, and how it is read to get an image.

    Parameters
    ----------
    path : path
    axes : str, optional
        Of the file, instead of those that it names.
    channels : tuple of int, optional
        Those that are used; all if not given.
    grey : "grey" or "inverted", optional
        What is made of its colours; they stay if not given.
    pixel_size, unit : optional
        Instead of the file's own.
    """

    path: Path
    axes: str | None = None
    channels: tuple[int, ...] | None = None
    grey: Grey | None = None
    pixel_size: Lengths | None = None
    unit: str | None = None

    def read(self) -> ImageData:
        """Open the image, with the file's own pixel size."""
        image = read_image(self.path, self.axes, self.channels)
        return image if self.grey is None else grey_image(image, self.grey)


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """What a command repeats.

    Parameters
    ----------
    image : ImageData
        As it is open; it is compared with its file.
    source : ImageSource, optional
        How the project reads the image.
    opened : path, optional
        The file that its layers come from, if it is one.
    axes : str
        What the axes of its layers mean.
    grey : "grey" or "inverted", optional
        What is made of the colours of its layers.
    folder : path
        For the results.
    model : str
    clustering, prediction : settings
    table, maps, ome : bool
        As in `export.command.predict_command`.
    """

    image: ImageData
    source: ImageSource | None
    opened: Path | None
    axes: str
    grey: Grey | None
    folder: Path
    model: str
    clustering: ClusteringSettings
    prediction: PredictionSettings
    table: bool
    maps: bool
    ome: bool


@dataclass(frozen=True, slots=True)
class CopiedCommand:
    """A command, and the file that was written for it, if there is one."""

    text: str
    copy: Path | None


def copied_command(request: CommandRequest) -> Iterator[CopiedCommand]:
    """Yield the command; the image is saved beside the results if it is no file, or part of one.

    Raises
    ------
    InputError, Failure
        If that copy cannot be written.
    """
    copy = None
    source = _source(request)
    if source is None:
        copy = _copy(request.image, request.folder / "images")
        source = ImageSource(copy)
    grey = "plain" if source.grey == "grey" else source.grey
    text = predict_command(
        [source.path],
        request.model,
        request.folder,
        request.clustering,
        request.prediction,
        axes=source.axes,
        channels=source.channels,
        grey=grey,
        pixel_size=source.pixel_size,
        unit=source.unit,
        table=request.table,
        maps=request.maps,
        ome=request.ome,
    )
    yield CopiedCommand(text, copy)


def _source(request: CommandRequest) -> ImageSource | None:
    """Return how an image is read from a file; None if none has its pixels."""
    candidates = [] if request.source is None else [request.source]
    if request.opened is not None:
        ways = (None, request.axes)
        candidates += [ImageSource(request.opened, axes, grey=request.grey) for axes in ways]
    for source in candidates:
        try:
            read = source.read()
        except InputError:  # of another format, or with other axes
            continue
        channels = _channels(request.image.data, read.data)
        if channels is None:
            continue
        if channels != tuple(range(read.channels)):
            own = source.channels or tuple(range(read.channels))
            source = replace(source, channels=tuple(own[c] for c in channels))
        size, unit = request.image.pixel_size, request.image.unit
        if size is None or (size, unit) == (read.pixel_size, read.unit):
            return source
        if None not in size and unit in (None, *METRES):
            return replace(source, pixel_size=size, unit=unit)
    return None


def _channels(image: PixelArray, read: PixelArray) -> tuple[int, ...] | None:
    """Return which channels of a file an image has, in order; None if any is not in there."""
    if image.shape[1:] != read.shape[1:]:
        return None
    found: list[int] = []
    for own in range(image.shape[0]):
        # Its own place first: then the whole file is recognised although two channels are equal.
        others = sorted(set(range(read.shape[0])) - set(found), key=lambda c: (c != own, c))
        same = (c for c in others if same_pixels(_channel(image, own), _channel(read, c)))
        channel = next(same, None)
        if channel is None:
            return None
        found.append(channel)
    return tuple(found)


def _channel(image: PixelArray, index: int) -> PixelArray:
    return sliced(image, (slice(index, index + 1),))


def _copy(image: ImageData, folder: Path) -> Path:
    """Write an image into a folder, unless it is there already; files of others are kept."""
    pixels, name = checked(image.data, image.name), file_name(image.name)
    names = itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2)))
    for path in (folder / f"{name}.tif" for name in names):
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
