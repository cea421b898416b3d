"""Files of a project's images, and fingerprints by which they are recognised."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from napari_spatial_embeddings.config import first_error
from napari_spatial_embeddings.core.image_data import (
    ImageData,
    PixelArray,
    in_memory,
)
from napari_spatial_embeddings.core.sampling import sample_blocks
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import read_image

from .card import ImageEntry
from .copies import converted, copied_axes, tiles, write_copy
from .errors import MissingImage, ProjectError, WrongImage

MIN_GRID_EDGE = 48
"""Pixels along each axis of the grid of a fingerprint, at least."""

MAX_GRID_VALUES = 64_000_000
"""Values of an image above which its fingerprint is that of blocks: a grid would read all."""

BLOCKS = "blocks-"
"""Start of the fingerprint of an image that is larger; version 0.1.0 wrote none."""

BLOCK_EDGE, MAX_BLOCKS = 64, 16
"""Edge of these blocks in pixels, and their number at most."""


def described(pixels: PixelArray) -> dict[str, Any]:
    """Return the fields of an entry that are known from an image's pixels."""
    return {
        "shape": pixels.shape,
        "dtype": pixels.dtype.name,
        "fingerprint": fingerprint(pixels),
    }


def new_entry(pixels: PixelArray, **fields: Any) -> ImageEntry:
    """Return the entry of an image, from its pixels and all else that is known of it.

    Raises
    ------
    ProjectError
        If a field is not valid.
    """
    try:
        return ImageEntry(**fields, **described(pixels))
    except ValidationError as error:
        raise ProjectError(f"{fields['name']}: {first_error(error)}") from error


def reference(source: Path, folder: Path) -> str:
    """Return how a project refers to a file.

    Relative to the project's folder if it lies in it or beside it, as the two will then move
    together; absolute otherwise.
    """
    at, home = source.resolve(), folder.resolve()
    if at.is_relative_to(home.parent):
        return Path(os.path.relpath(at, home)).as_posix()
    return at.as_posix()


def fingerprint(image: PixelArray) -> str:
    """Return a digest of an image's shape, its type and some of its pixels."""
    large = math.prod(image.shape) > MAX_GRID_VALUES
    return BLOCKS + _digest_of_blocks(image) if large else _digest_of_grid(image)


def matches(image: PixelArray, digest: str) -> bool:
    """Whether a digest is an image's `fingerprint`, or the one that version 0.1.0 gave it."""
    if digest.startswith(BLOCKS):
        return digest == BLOCKS + _digest_of_blocks(image)
    return digest == _digest_of_grid(image)


def _digest_of_grid(image: PixelArray) -> str:
    steps = (slice(None, None, max(1, n // MIN_GRID_EDGE)) for n in image.shape[1:])
    return _digest(image, [np.asarray(image[(slice(None), *steps)])])


def _digest_of_blocks(image: PixelArray) -> str:
    blocks = sample_blocks(image.shape[1:], BLOCK_EDGE, MAX_BLOCKS)
    return _digest(image, (np.asarray(image[(slice(None), *block)]) for block in blocks))


def _digest(image: PixelArray, parts: Iterable[NDArray[Any]]) -> str:
    little = image.dtype.newbyteorder("<")
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{tuple(image.shape)} {little.str}".encode())
    for part in parts:
        digest.update(part.astype(little, "C").tobytes())
    return digest.hexdigest()


def same_pixels(one: PixelArray, other: PixelArray) -> bool:
    """Whether two images (C, *S) are equal; pixels that are no number equal each other.

    Large images that are in a file, or computed, are not edited pixel by pixel: their `fingerprint`
    is compared. All others are compared tile by tile.
    """
    if one.shape != other.shape:
        return False
    if math.prod(one.shape) > MAX_GRID_VALUES and not in_memory(one):
        return one.dtype == other.dtype and fingerprint(one) == fingerprint(other)
    floats = one.dtype.kind == other.dtype.kind == "f"
    pairs = ((np.asarray(one[part]), np.asarray(other[part])) for part in tiles(one))
    return all(np.array_equal(a, b, equal_nan=floats) for a, b in pairs)


def checked(pixels: PixelArray, name: str, *, time: bool = False) -> PixelArray:
    """Return pixels as they are stored, or refuse them.

    Parameters
    ----------
    pixels : (C, *S), or (T, C, *S) if that is wanted
    name : str
        For messages.
    time : bool
        Whether they are a time series.

    Raises
    ------
    ProjectError
        If they are no image (C, *S) of real numbers.
    """
    if pixels.ndim - time not in (3, 4) or 0 in pixels.shape or pixels.dtype.kind not in "buif":
        raise ProjectError(
            f"{name}: an array of type {pixels.dtype} and shape {pixels.shape}; expected real"
            " numbers, channels first, then Y and X or Z, Y and X"
        )
    return converted(pixels, np.uint8) if pixels.dtype == bool else pixels


def read_entry(folder: Path, entry: ImageEntry, *, whole: bool = False) -> ImageData:
    """Open the image of an entry, with the pixel size of the project.

    Parameters
    ----------
    folder : path
        The project's.
    entry : ImageEntry
    whole : bool
        Return all frames if the entry is one of them, or if nothing is known of its file yet and
        that holds a time series.

    Raises
    ------
    MissingImage
        If its file is gone.
    ProjectError
        If it is a field of a plate, and that is gone.
    WrongImage
        If it has another shape, or fewer frames, now.
    FileError
        If it cannot be read.
    """
    path = folder / entry.path
    if not path.exists():
        if entry.well:
            raise ProjectError(
                f"{entry.name} is missing: there is no {path}; put it back, or remove it from the"
                " list"
            )
        raise MissingImage(entry.key, path)
    time = entry.frame is not None or (whole and entry.shape is None)
    image = read_image(path, entry.axes, entry.channels, time=time, scene=entry.scene)
    one = part_of(image, entry, path)
    image = image if whole and entry.window is None else one
    if entry.shape is None:
        size, unit = (image.pixel_size, image.unit)
        if entry.pixel_size is not None:
            size, unit = entry.pixel_size, entry.unit
        return replace(image, pixel_size=size, unit=unit, name=entry.name)
    if one.data.shape != entry.shape:
        raise WrongImage(
            f"{path} has the shape {one.data.shape} now, and {entry.shape} when the project took"
            f" the image '{entry.key}'; put the old file back"
        )
    return replace(image, pixel_size=entry.pixel_size, unit=entry.unit, name=entry.name)


def part_of(image: ImageData, entry: ImageEntry, path: Path) -> ImageData:
    """Return the frame of a series, or the window of a large image, that an entry is.

    The image itself if it is neither.

    Raises
    ------
    WrongImage
        If it has fewer frames, or does not hold the window.
    """
    if entry.window is not None:
        if len(entry.window) != image.ndim or any(
            stop > n for (_, stop), n in zip(entry.window, image.shape, strict=True)
        ):
            raise WrongImage(
                f"{path} has the shape {image.shape} now, and '{entry.key}' is its part"
                f" {entry.window}; put the old file back"
            )
        return image.part(tuple(slice(*ends) for ends in entry.window))
    if entry.frame is None:
        return image
    if image.frames is None or image.frames <= entry.frame:
        raise WrongImage(
            f"{path} has {image.frames or 1} frames now, and '{entry.key}' is number {entry.frame},"
            " counted from 0; put the old file back"
        )
    return image.frame(entry.frame)


def moved(entry: ImageEntry, path: Path, folder: Path) -> ImageEntry:
    """Return an entry whose file is elsewhere now.

    Raises
    ------
    WrongImage
        If the file's pixels are not those that the entry remembers.
    FileError
        If it cannot be read.
    """
    time = entry.frame is not None
    found = read_image(path, entry.axes, entry.channels, time=time, scene=entry.scene)
    image = checked(part_of(found, entry, path).data, str(path))
    if entry.fingerprint is not None and not matches(image, entry.fingerprint):
        differs = f"its shape is {image.shape}, not {entry.shape}"
        if image.shape == entry.shape:
            differs = "its pixels differ"
        raise WrongImage(
            f"{path} is not the image '{entry.key}': {differs}; choose the file that was added"
        )
    return entry.updated(path=reference(path, folder))


def located(
    entry: ImageEntry, missing: Iterable[ImageEntry], path: Path, folder: Path
) -> dict[str, ImageEntry]:
    """Return the entry of an image whose file is elsewhere now, and of those that lie beside it.

    Raises
    ------
    WrongImage, FileError
        As `moved`.
    """
    found = {entry.key: moved(entry, path, folder)}
    for other in missing:
        beside = path.parent / Path(other.path).name
        if other.key != entry.key and beside.exists():
            with suppress(InputError):  # some other file of the same name
                found[other.key] = moved(other, beside, folder)
    return found


def replaced(entry: ImageEntry, data: PixelArray, folder: Path) -> ImageEntry:
    """Copy other pixels of an image into the project; return its entry then.

    Raises
    ------
    ProjectError
        If they do not cover the same place as the image.
    FileError, Failure
        If they cannot be written.
    """
    pixels, n = checked(data, entry.name), 1
    if pixels.shape[1:] != entry.spatial:
        raise ProjectError(
            f"the pixels have shape {pixels.shape[1:]}, the image '{entry.key}' {entry.spatial};"
            " they must cover the same place"
        )
    if (pixels.shape, pixels.dtype.name) == (entry.shape, entry.dtype):
        with suppress(InputError):  # the old ones may be gone
            if same_pixels(pixels, read_entry(folder, entry).data):
                return entry
    path = f"images/{entry.key}.tif"
    while (folder / path).exists():  # it may be what is shown, and still to be read
        n += 1
        path = f"images/{entry.key}-{n}.tif"
    write_copy(folder / path, pixels, entry.pixel_size, entry.unit)
    return entry.updated(
        path=path,
        axes=copied_axes(pixels),
        channels=None,
        window=None,
        shape=pixels.shape,
        dtype=pixels.dtype.name,
        fingerprint=fingerprint(pixels),
    )
