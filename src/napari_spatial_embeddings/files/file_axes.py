"""Reader of the axes of a file, without its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .axes import NO_IMAGE, UNKNOWN, WITH_ALPHA, guess, named_by_units, without_singletons
from .endings import JPEG, PNG, TIFF, check_kind
from .errors import FileError, reading
from .ome_zarr import is_zarr, zarr_axes, zarr_sizes
from .png_jpeg import check_jpeg, gif_axes, png_axes


@dataclass(frozen=True, slots=True)
class FileAxes:
    """Meaning of the axes of a file's array, but for those of length one.

    Parameters
    ----------
    axes : str
        A letter for each axis, see `axes.as_image`.
    shape : tuple of ints
        Length of each axis.
    guessed : bool
        Whether the file does not name all of them: they are what `read_image` takes them for, or
        `UNKNOWN` where it does not guess.
    alpha : bool
        Whether the last channel is transparency, which `read_image` leaves out.
    """

    axes: str
    shape: tuple[int, ...]
    guessed: bool
    alpha: bool = False


def read_axes(path: str | Path) -> FileAxes | None:
    """Read what the axes of a TIFF, OME-Zarr, PNG or GIF mean; None of other formats.

    What napari shows of it otherwise than `read_image` reads it is logged.

    Raises
    ------
    PixelError
        If what napari shows is not the file's image: pixels are missing, or are colours of print.
    FileError
        If the file is missing or damaged, or holds no image.
    """
    path = Path(path)
    with reading(path):
        check_kind(path)
        if is_zarr(path):
            axes, shape, dtype = zarr_axes(path)
            axes = named_by_units(axes, zarr_sizes(path))
        elif path.suffix.lower() in TIFF:
            from .tiff import tiff_axes, tiff_sizes

            axes, shape, dtype = tiff_axes(path)
            axes = named_by_units(axes, tiff_sizes(path))
        elif path.suffix.lower() in PNG:
            axes, shape, dtype = png_axes(path)
        elif path.suffix.lower() == ".gif":
            axes, shape, dtype = gif_axes(path)
        elif path.suffix.lower() in JPEG:
            check_jpeg(path)
            return None
        else:
            return None
        if len(shape) < 2 or 0 in shape:
            raise FileError(NO_IMAGE.format(name=path, shape=shape))
    array, known = without_singletons(np.broadcast_to(np.zeros((), dtype), shape), axes)
    guessed = any(letter in UNKNOWN for letter in known)
    try:
        letters = guess(array, known, str(path))
    except FileError:  # too many are unknown
        letters = known
    alpha = "S" in letters and array.shape[letters.index("S")] in WITH_ALPHA
    return FileAxes(letters.replace("S", "C"), tuple(array.shape), guessed, alpha)
