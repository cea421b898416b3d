"""Sources of open images: the files that have their pixels, and how these are read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from napari_spatial_embeddings.core.colour import Grey, grey_image
from napari_spatial_embeddings.core.image_data import ImageData, PixelArray, sliced
from napari_spatial_embeddings.core.units import METRES, Lengths
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import read_image, state_of, stem

from .card import ImageEntry
from .sources import same_pixels


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
    scene : int, optional
        Which image of a file that holds several, from 0.
    """

    path: Path
    axes: str | None = None
    channels: tuple[int, ...] | None = None
    grey: Grey | None = None
    pixel_size: Lengths | None = None
    unit: str | None = None
    scene: int | None = None

    @classmethod
    def of_entry(cls, folder: Path, entry: ImageEntry) -> ImageSource:
        """Return the file of an image of the project in a folder, or of all that it is a part of.

        The pixel size stays that of the file.
        """
        path = (folder / entry.path).resolve()
        return cls(path, entry.axes, entry.channels, scene=entry.scene)

    def image(self) -> ImageData:
        """Open the image."""
        image = self.read()
        if self.pixel_size is None:
            return image
        return replace(image, pixel_size=self.pixel_size, unit=self.unit)

    @property
    def state(self) -> str:
        """Which image it is, in which state: that of its file, and how it is read."""
        how = {k: value for k, value in asdict(self).items() if k != "path" and value is not None}
        return f"{state_of(self.path)}, {stem(self.path)}{f' by {how}' if how else ''}"

    def read(self) -> ImageData:
        """Open the image, or the time series, with the file's own pixel size."""
        image = read_image(self.path, self.axes, self.channels, time=True, scene=self.scene)
        return image if self.grey is None else grey_image(image, self.grey)


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """An image that is open, and what is known of its files.

    Parameters
    ----------
    image : ImageData
        As it is open; a time series with all its frames.
    known : ImageSource, optional
        How the project reads it.
    opened : path, optional
        The file that its layers come from, if it is one.
    axes : str
        What the axes of its layers mean.
    grey : "grey" or "inverted", optional
        What is made of the colours of its layers.
    """

    image: ImageData
    known: ImageSource | None
    opened: Path | None
    axes: str
    grey: Grey | None

    def source(self) -> ImageSource | None:
        """Return how it is read from a file; None if none has its pixels, which are compared."""
        return _source(self)


def large_state(folder: Path, entry: ImageEntry, image: ImageData) -> str:
    """Return by what a run of a large image of a project is known, in window and command line.

    Parameters
    ----------
    folder : path
        The project's.
    entry : ImageEntry
    image : ImageData
        As it is read by the entry.
    """
    known = ImageSource.of_entry(folder, entry)
    source = OpenedImage(image, known, None, "", None).source()
    return state_of_layer(image) if source is None else source.state


def state_of_layer(image: ImageData) -> str:
    """Return by what a run of a large image is known that is no file."""
    return f"layer {image.name}"


def _source(open_image: OpenedImage) -> ImageSource | None:
    image, known, opened = open_image.image, open_image.known, open_image.opened
    axes, grey = open_image.axes, open_image.grey
    candidates = [] if known is None else [known]
    if opened is not None:
        candidates += [ImageSource(opened, a, grey=grey) for a in (None, axes)]
    for source in candidates:
        try:
            read = source.read()
        except InputError:  # of another format, or with other axes
            continue
        channels = _channels(image, read)
        if channels is None:
            continue
        if channels != tuple(range(read.channels)):
            own = source.channels or tuple(range(read.channels))
            source = replace(source, channels=tuple(own[c] for c in channels))
        size, unit = image.pixel_size, image.unit
        if size is None or (size, unit) == (read.pixel_size, read.unit):
            return source
        if None not in size and unit in (None, *METRES):
            return replace(source, pixel_size=size, unit=unit)
    return None


def _channels(image: ImageData, read: ImageData) -> tuple[int, ...] | None:
    """Return which channels of a file an image has, in order; None if any is not in there."""
    if (image.axes, image.shape, image.frames) != (read.axes, read.shape, read.frames):
        return None
    found: list[int] = []
    for own in range(image.channels):
        # Its own place first: then the whole file is recognised although two channels are equal.
        others = sorted(set(range(read.channels)) - set(found), key=lambda c: (c != own, c))
        channel = next((c for c in others if _same(image, own, read, c)), None)
        if channel is None:
            return None
        found.append(channel)
    return tuple(found)


def _same(image: ImageData, own: int, read: ImageData, other: int) -> bool:
    """Whether two channels are equal, judged by three frames of a time series."""
    if image.frames is None:
        return same_pixels(_channel(image, own), _channel(read, other))
    frames = sorted({0, image.frames // 2, image.frames - 1})
    pairs = ((_channel(image.frame(t), own), _channel(read.frame(t), other)) for t in frames)
    return all(same_pixels(a, b) for a, b in pairs)


def _channel(image: ImageData, index: int) -> PixelArray:
    return sliced(image.data, (slice(index, index + 1),))
