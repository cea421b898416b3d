"""Reader of the images that a command is given, by its flags."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .flags import CallError, check_pixel_size_fits, checked_channels, checked_pixel_size

if TYPE_CHECKING:
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

    def read(self, path: Path, scene: int | None = None) -> ImageData:
        """Open an image or a time series, or one of those in a file; see `files.read_image`.

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
        if not self.grey:
            return image
        return grey_image(image, "inverted" if self.grey == "inverted" else "grey")
