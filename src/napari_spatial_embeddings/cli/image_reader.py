"""Reader of the images that a command is given, by its flags."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .flags import CallError, check_pixel_size_fits, checked_channels, checked_pixel_size

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.colour import Grey
    from napari_spatial_embeddings.core.image_data import ImageData


@dataclass(frozen=True, slots=True)
class ImageReader:
    """What is used of the files of images.

    Parameters
    ----------
    axes : str
        As in `files.read_image`; empty if not given.
    channels : tuple of int, optional
        The same.
    grey : str
        "plain" or "inverted" if one channel is made of colours; empty if not.
    pixel_size : tuple of D floats, optional
        Instead of that of the files.
    unit : str, optional
        Of this pixel size; it is a ratio without one.
    """

    axes: str = ""
    channels: tuple[int, ...] | None = None
    grey: str = ""
    pixel_size: tuple[float, ...] | None = None
    unit: str | None = None

    @classmethod
    def of(cls, options: argparse.Namespace) -> ImageReader:
        """Return the reader that a parsed command line asks for.

        Raises
        ------
        CallError
            If the flags make no sense.
        """
        if options.unit and not options.pixel_size:
            raise CallError("--unit: it is that of --pixel-size; give both")
        return cls(
            options.axes or "",
            checked_channels(options.channels),
            options.grey or "",
            checked_pixel_size(options.pixel_size),
            options.unit,
        )

    def read(self, path: Path, scene: int | None = None, frame: int | None = None) -> ImageData:
        """Open an image or a time series, or one of those in a file; see `files.read_image`.

        Parameters
        ----------
        path, scene
            As of `files.read_image`.
        frame : int, optional
            The one of a time series that is wanted, normalised as all of it is.

        Raises
        ------
        InputError
            If it cannot be used.
        """
        from napari_spatial_embeddings.core.colour import grey_image
        from napari_spatial_embeddings.files import read_image

        image = read_image(path, self.axes or None, self.channels, time=True, scene=scene)
        if self.pixel_size is not None:
            check_pixel_size_fits(self.pixel_size, image.ndim, path)
            image = replace(image, pixel_size=self.pixel_size, unit=self.unit)
        image = image if self._grey is None else grey_image(image, self._grey)
        return image if frame is None else _frame(path, image, frame)

    def state(self, path: Path, scene: int | None = None, frame: int | None = None) -> str:
        """Return which image it is, in which state: see `project.image_source.ImageSource`."""
        from napari_spatial_embeddings.project.image_source import ImageSource

        how = self.axes or None, self.channels, self._grey, self.pixel_size, self.unit, scene
        text = ImageSource(path, *how).state
        return text if frame is None else f"{text}, frame {frame}"

    @property
    def _grey(self) -> Grey | None:
        if not self.grey:
            return None
        return "inverted" if self.grey == "inverted" else "grey"


def _frame(path: Path, image: ImageData, t: int) -> ImageData:
    from napari_spatial_embeddings.prediction.repeated import frame_of

    if image.frames is None:
        raise CallError(
            f"--frames: {path} is no time series; leave it out, or --axes names its frames, such as"
            " TYX"
        )
    if t >= image.frames:
        raise CallError(f"--frames: {path} has the frames 0 to {image.frames - 1}, and no {t}")
    return frame_of(image, t)
