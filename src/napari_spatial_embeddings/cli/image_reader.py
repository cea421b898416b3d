"""Reader of the images that a command is given, by its flags."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .flags import checked_channels

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
    """

    axes: str = ""
    channels: tuple[int, ...] | None = None
    grey: str = ""

    @classmethod
    def of(cls, options: argparse.Namespace) -> ImageReader:
        """Return the reader that a parsed command line asks for.

        Raises
        ------
        CallError
            If the flags make no sense.
        """
        return cls(options.axes or "", checked_channels(options.channels), options.grey or "")

    def read(self, path: Path) -> ImageData:
        """Open an image; see `files.read_image`.

        Raises
        ------
        InputError
            If it cannot be used.
        """
        from napari_spatial_embeddings.core.colour import grey_image
        from napari_spatial_embeddings.files import read_image

        image = read_image(path, self.axes or None, self.channels)
        if not self.grey:
            return image
        return grey_image(image, "inverted" if self.grey == "inverted" else "grey")
