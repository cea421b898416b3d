"""Where a project's images are, and how they are known again."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.files import FileError, ImageData, read_image
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.system.atomic import write_atomically

from .card import ImageEntry
from .errors import MissingImage, ProjectError, WrongImage

EDGE = 48
"""Pixels along each axis that the fingerprint looks at, at most."""


def reference(source: Path, folder: Path) -> str:
    """Return how a project refers to a file.

    Relative to the project's folder if it lies in it or beside it, as the two will then move
    together; absolute otherwise.
    """
    at, home = source.resolve(), folder.resolve()
    if at.is_relative_to(home.parent):
        return Path(os.path.relpath(at, home)).as_posix()
    return at.as_posix()


def fingerprint(image: NDArray[np.generic]) -> str:
    """Return a digest of a grid of an image's pixels, its shape and its type."""
    steps = (slice(None, None, max(1, n // EDGE)) for n in image.shape[1:])
    sample = np.ascontiguousarray(image[(slice(None), *steps)])
    little = sample.astype(sample.dtype.newbyteorder("<"))
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{image.shape} {little.dtype.str}".encode())
    digest.update(little.tobytes())
    return digest.hexdigest()


def checked(pixels: NDArray[Any], name: str) -> NDArray[Any]:
    """Return pixels as they are stored, or refuse them.

    Raises
    ------
    ProjectError
        If they are no image (C, *S) of real numbers.
    """
    if pixels.ndim not in (3, 4) or not pixels.size or pixels.dtype.kind not in "buif":
        raise ProjectError(
            f"{name}: an array of type {pixels.dtype} and shape {pixels.shape}; expected real"
            " numbers, channels first, then Y and X or Z, Y and X"
        )
    return pixels.astype(np.uint8) if pixels.dtype == bool else pixels


def read_source(path: Path, axes: str | None, channels: tuple[int, ...] | None) -> ImageData:
    """Read an image, or some of its channels.

    Raises
    ------
    FileError
        As `files.read_image`, and if it has no such channel.
    """
    image = read_image(path, axes)
    if channels is None:
        return image
    missing = [c for c in channels if not 0 <= c < len(image.data)]
    if missing:
        raise FileError(f"{path} has {len(image.data)} channels, none with the index {missing[0]}")
    return replace(image, data=image.data[list(channels)])


def read_entry(folder: Path, entry: ImageEntry) -> ImageData:
    """Read the image of an entry, with the pixel size that the project knows.

    Raises
    ------
    MissingImage
        If its file is gone.
    WrongImage
        If it has another shape now.
    FileError
        If it cannot be read.
    """
    path = folder / entry.path
    if not path.exists():
        raise MissingImage(entry.key, path)
    image = read_source(path, entry.axes, entry.channels)
    if image.data.shape != entry.shape:
        raise WrongImage(
            f"{path} has the shape {image.data.shape} now, and {entry.shape} when the project took"
            f" the image '{entry.key}'; put the old file back, or say where it is now"
        )
    return replace(image, pixel_size=entry.pixel_size, unit=entry.unit, name=entry.name)


def moved(entry: ImageEntry, path: Path, folder: Path) -> ImageEntry:
    """Return an entry whose file is elsewhere now.

    Raises
    ------
    WrongImage
        If the file's pixels are not those that the entry remembers.
    FileError
        If it cannot be read.
    """
    image = read_source(path, entry.axes, entry.channels).data
    image = checked(image, str(path))
    if fingerprint(image) != entry.fingerprint:
        differs = f"its shape is {image.shape}, not {entry.shape}"
        if image.shape == entry.shape:
            differs = "its pixels differ"
        raise WrongImage(
            f"{path} is not the image '{entry.key}': {differs}; choose the file that was added"
        )
    return entry.updated(path=reference(path, folder))


def write_copy(
    path: Path, image: NDArray[Any], pixel_size: tuple[float, ...] | None, unit: str | None
) -> None:
    """Write a copy of an image (C, *S), compressed without loss, whole or not at all.

    Raises
    ------
    FileError, Failure
        If the system refuses.
    """
    import tifffile

    facts = {"axes": copied_axes(image), "pixel_size": pixel_size, "unit": unit}
    content = io.BytesIO()
    tifffile.imwrite(
        content,
        image,
        photometric="minisblack",
        compression="zlib",
        metadata={k: v for k, v in facts.items() if v is not None},
    )
    with writing(path):
        write_atomically(path, content.getvalue())


def copied_axes(image: NDArray[Any]) -> str:
    """Return the axes of a copy of an image (C, *S)."""
    return "CYX" if image.ndim == 3 else "CZYX"
