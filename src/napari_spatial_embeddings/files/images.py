"""Readers of images, label images and pixel sizes, whatever the format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.label_values import EXPECTED, whole_numbers
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.core.units import Lengths, combine
from napari_spatial_embeddings.errors import InputError

from .axes import Raw, as_image, interval_of, named_by_units
from .endings import JPEG, PACKED, PNG, TIFF, check_kind
from .errors import FileError, reading
from .folders import stem
from .ome_zarr import is_zarr, read_zarr, zarr_sizes
from .sidecar import read_sidecar

ARRAYS = dict.fromkeys(
    (".npy", ".npz"),
    "in Python with tifffile.imwrite, or export it as TIFF or PNG where it is from",
)
"""What to do with files of arrays, which Fiji does not open."""

OME_XML = (".companion.ome", ".ome.xml")
"""Endings of files that hold the metadata of OME-TIFF files."""


def read_image(
    path: str | Path,
    axes: str | None = None,
    channels: Sequence[int] | None = None,
    *,
    time: bool = False,
    scene: int | None = None,
) -> ImageData:
    """Open an image.

    One of up to `stored.MAX_BYTES_IN_MEMORY` bytes is read; of a larger TIFF or OME-Zarr, only what
    is sliced is read, and whether it is damaged shows then. PNG and JPEG are read whole.

    TIFF, OME-TIFF, ImageJ TIFF, PNG, JPEG and OME-Zarr (0.4, 0.5). Axes of length one are dropped,
    and so is transparency. A file that does not name its axes is taken for colours if the last of
    three is 3 or 4 long and holds 8 or 16 bits, for channels if the last is far shorter than the
    others, and for a volume otherwise. Slices that lie seconds apart are frames.

    Metadata are believed as far as the pixels bear them out. A file of an OME-TIFF set stands for
    the image that it belongs to: the frames that it has a part in, with all their slices and
    channels, whichever files those are in.

    The pixel size comes from the file, or from a JSON file of the same name beside the image or
    beside its folder, which takes precedence: see `pixel_size`.

    Parameters
    ----------
    path : path
    axes : str, optional
        The file's axes, instead of those that it names: Y and X, and perhaps Z and C, or T. A Z of
        length one is then kept. The planes are then taken as they are, where metadata name more of
        them.
    channels : sequence of int, optional
        Those of its channels to use, counted from 0; all if not given.
    time : bool
        Whether it may be a time series, which is refused otherwise. A single frame is an image.
    scene : int, optional
        Which image of a file that holds several, see `collections.positions`; the first if not
        given.

    Raises
    ------
    FileError
        If the file, or a file of its set, is missing, damaged or ended early; if it is of another
        format, not made of real numbers, or has no such channel; if it is a time series and may be
        none.
    """
    path = Path(path)
    with reading(path):
        raw = load(path, given=axes is not None, scene=scene)
        _expect(path, raw, "biuf", "real numbers")
        array, order = as_image(raw.array, raw.axes, str(path), axes, time=time)
        sizes = {**raw.sizes, **read_sidecar(path)}
    pixel_size, unit = combine([sizes.get(axis) for axis in order if axis in "ZYX"])
    if isinstance(array, np.ndarray):
        array = _native(array)
    interval = interval_of(sizes) if "T" in order else None
    image = ImageData(array, order, pixel_size, unit, stem(path), interval)
    if raw.levels:
        others = (as_image(x, raw.axes, str(path), axes, time=time) for x in raw.levels)
        levels = tuple(level for level, letters in others if letters == order)
        image = replace(image, levels=levels)
    if channels is None:
        return image
    for channel in channels:
        _check_channel(path, image.channels, channel)
    return image.with_channels(channels)


def read_pixel_size(path: str | Path, axes: str) -> tuple[Lengths | None, str | None]:
    """Read the size of an image's pixels as `read_image` does, without the pixels.

    Parameters
    ----------
    path : path
        Of PNG and JPEG, only the JSON file beside it is read.
    axes : str
        "YX" or "ZYX".

    Returns
    -------
    pixel_size : tuple of floats, optional
        None where, or along which axis, it is unknown.
    unit : str, optional

    Raises
    ------
    FileError
        If the file is missing or damaged.
    """
    path, sizes = Path(path), {}
    with reading(path):
        if is_zarr(path):
            sizes = zarr_sizes(path)
        elif path.suffix.lower() in TIFF:
            from .tiff import tiff_sizes

            sizes = tiff_sizes(path)
        sizes |= read_sidecar(path)
    return combine([sizes.get(axis) for axis in axes])


def read_labels(
    path: str | Path, axes: str | None = None, channel: int | None = None
) -> NDArray[np.integer]:
    """Read a label image.

    Parameters
    ----------
    path : path
        Any format of `read_image` but JPEG. A PNG with a palette gives its indices, and colours
        that are all grey their value.
    axes : str, optional
        As in `read_image`.
    channel : int, optional
        The one that holds the labels if there are several, counted from 0.

    Returns
    -------
    labels : integers (*S)
        Of the file's type; of floats and of true and false, see `core.label_values.whole_numbers`.

    Raises
    ------
    FileError
        As `read_image` does, and if the values are no whole numbers, or there are several channels
        and ``channel`` is not given.
    """
    path = Path(path)
    with reading(path):
        if path.suffix.lower() in JPEG:
            raise FileError(f"{path}: JPEG does not keep label values; save them as TIFF or PNG")
        raw = load(path, labels=True, given=axes is not None)
        _expect(path, raw, "biuf", "whole numbers, one per object")
        image, _ = as_image(raw.array, raw.axes, str(path), axes)
        array = np.asarray(image)
    if "S" in raw.axes and (array[1:] == array[:1]).all():
        array = array[:1]  # grey, as programs for pictures save it
    if len(array) > 1 and channel is not None and "S" not in raw.axes:
        _check_channel(path, len(array), channel)
        array = array[[channel]]
    if len(array) != 1:
        kind = "colours" if "S" in raw.axes else f"{len(array)} channels"
        raise FileError(f"{path} holds {kind}; {EXPECTED}")
    try:
        return whole_numbers(_native(array[0]), str(path))
    except InputError as error:
        raise FileError(str(error)) from error


def _check_channel(path: Path, count: int, channel: int) -> None:
    if not 0 <= channel < count:
        raise FileError(
            f"{path} has {plural(count, 'channel')}, none with the index {channel}; they are"
            " counted from 0"
        )


def load(path: Path, *, labels: bool = False, given: bool, scene: int | None = None) -> Raw:
    """Open a file; labels are read whole, and as indices where there is a palette.

    Where its axes are ``given``, metadata that contradict its pixels are no error.
    """
    raw = _open(path, labels=labels, given=given, scene=scene)
    return replace(raw, axes=named_by_units(raw.axes, raw.sizes))


def _open(path: Path, *, labels: bool, given: bool, scene: int | None) -> Raw:
    suffix = path.suffix.lower()
    if is_zarr(path):
        return read_zarr(path, whole=labels)
    check_kind(path)
    if suffix in TIFF:
        from .tiff import read_tiff

        return read_tiff(path, whole=labels, given=given, scene=scene)
    if suffix in PNG or suffix in JPEG:
        from .png_jpeg import read_jpeg, read_png

        return read_jpeg(path) if suffix in JPEG else read_png(path, indices=labels)
    if suffix in PACKED:
        raise FileError(f"{path} is packed; unpack it, and open the file or folder that is in it")
    from .collections.microscopes import is_of_microscope, read_microscope

    if is_of_microscope(path):
        return read_microscope(path, whole=labels, scene=scene)
    if path.name.lower().endswith(OME_XML):
        raise FileError(
            f"{path} describes the files of an image, and holds no pixels; open one of these files"
            " beside it"
        )
    kind = "a folder" if path.is_dir() else f"of the type '{suffix}'"
    how = ARRAYS.get(suffix, "for example with Fiji")
    raise FileError(f"{path} is {kind}; expected TIFF, PNG, JPEG or OME-Zarr: convert it, {how}")


def _expect(path: Path, raw: Raw, kinds: str, what: str) -> None:
    if raw.array.dtype.kind not in kinds:
        raise FileError(f"{path} holds values of type {raw.array.dtype}; expected {what}")


def _native(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array in one block and in this processor's byte order."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))
