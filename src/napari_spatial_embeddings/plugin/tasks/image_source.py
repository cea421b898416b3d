"""Sources of open images: the files that have their pixels, and how these are read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from napari_spatial_embeddings.core.colour import Grey, grey_image
from napari_spatial_embeddings.core.image_data import ImageData, PixelArray, sliced
from napari_spatial_embeddings.core.units import METRES, Lengths
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import read_image, state_of, stem
from napari_spatial_embeddings.project.sources import same_pixels


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
        """Open the image, with the file's own pixel size."""
        image = read_image(self.path, self.axes, self.channels)
        return image if self.grey is None else grey_image(image, self.grey)


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """An image that is open, and what is known of its files.

    Parameters
    ----------
    image : ImageData
        As it is open.
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
        channels = _channels(image.data, read.data)
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
