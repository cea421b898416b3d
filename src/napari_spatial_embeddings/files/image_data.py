"""Images and label images, from the formats that microscopes and people write."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.units import Size, combine

from .axes import arrange
from .errors import FileError, reading
from .folders import JPEG, PNG, TIFF, stem
from .ome_zarr import is_zarr, read_ome_zarr
from .pixel_size import sizes_in
from .raw import Raw


@dataclass(frozen=True, slots=True)
class ImageData:
    """An image or volume with D = 2 or 3 spatial axes, S the spatial shape.

    Parameters
    ----------
    data : (C, *S), real
        Channels first.
    axes : "CYX" or "CZYX"
    pixel_size : tuple of D floats, optional
        Size of a pixel along each spatial axis in ``unit``; None where the file does not tell it.
    unit : str, optional
        "um", "nm", ...; None if the pixel size is only known as a ratio.
    name : str
        The file's name without its endings.
    """

    data: NDArray[np.generic]
    axes: str
    pixel_size: tuple[float, ...] | None
    unit: str | None
    name: str

    @property
    def spacing(self) -> tuple[float, ...]:
        """Size of a pixel along each spatial axis in pixels of the finest; ones if not known."""
        if self.pixel_size is None:
            return (1.0,) * (self.data.ndim - 1)
        finest = min(self.pixel_size)
        return tuple(size / finest for size in self.pixel_size)


def read_image(path: str | Path, axes: str | None = None) -> ImageData:
    """Read an image.

    TIFF, OME-TIFF, ImageJ TIFF, PNG, JPEG and OME-Zarr (0.4, 0.5). Axes of length one are dropped,
    and so is transparency. A file that does not name its axes is taken for colours if the last of
    three is 3 or 4 long and holds 8 or 16 bits, and for a volume otherwise.

    The pixel size comes from the file, or from a JSON file of the same name beside the image or
    beside its folder, which then counts more: ``{"voxel_size_zyx_um": [0.28, 0.13, 0.13]}``.

    Parameters
    ----------
    path : path
    axes : str, optional
        What the file's axes are, whatever it says itself: Y and X, and perhaps Z and C. Given so,
        a Z of length one is kept.

    Raises
    ------
    FileError
        If the file is missing, damaged, of another format, a time series, or not made of real
        numbers.
    """
    path = Path(path)
    with reading(path):
        raw = _load(path)
        _expect(path, raw, "biuf", "real numbers")
        array, order = arrange(raw.array, raw.axes, str(path), axes)
        sizes = {**raw.sizes, **_sidecar(path)}
    pixel_size, unit = combine([sizes.get(axis) for axis in order[1:]])
    return ImageData(_native(array), order, pixel_size, unit, stem(path))


def read_pixel_size(path: str | Path, axes: str) -> tuple[tuple[float, ...] | None, str | None]:
    """Read the size of an image's pixels as `read_image` does, without the pixels.

    Parameters
    ----------
    path : path
        Of formats other than TIFF, only the JSON file beside it is looked at.
    axes : str
        "YX" or "ZYX".

    Returns
    -------
    pixel_size : tuple of floats, optional
        None where nothing tells it.
    unit : str, optional

    Raises
    ------
    FileError
        If the file is missing or damaged.
    """
    path, sizes = Path(path), {}
    with reading(path):
        if path.suffix.lower() in TIFF:
            from .tiff import tiff_sizes

            sizes = tiff_sizes(path)
        sizes |= _sidecar(path)
    return combine([sizes.get(axis) for axis in axes])


def read_labels(path: str | Path, axes: str | None = None) -> NDArray[np.integer]:
    """Read a label image.

    Parameters
    ----------
    path : path
        Any format of `read_image` but JPEG. Of a PNG with a table of colours, the indices count.
    axes : str, optional
        As in `read_image`.

    Returns
    -------
    labels : integers (*S)
        Of the file's type; uint8 from a mask of true and false.

    Raises
    ------
    FileError
        As `read_image` does, and if the values are no whole numbers or there are several channels.
    """
    path = Path(path)
    with reading(path):
        if path.suffix.lower() in JPEG:
            raise FileError(f"{path}: JPEG does not keep label values; save them as TIFF or PNG")
        raw = _load(path, indices=True)
        _expect(path, raw, "biu", "whole numbers, one per object; convert them to an integer type")
        array, _ = arrange(raw.array, raw.axes, str(path), axes)
    if len(array) != 1:
        kind = "colours" if "S" in raw.axes else f"{len(array)} channels"
        raise FileError(
            f"{path} holds {kind}; expected a label image: one whole number per pixel, one per"
            " object, 0 for background"
        )
    labels = _native(array[0])
    return labels.astype(np.uint8) if labels.dtype == bool else labels


def _load(path: Path, *, indices: bool = False) -> Raw:
    suffix = path.suffix.lower()
    if is_zarr(path):
        return read_ome_zarr(path)
    if suffix in TIFF:
        from .tiff import read_tiff

        return read_tiff(path)
    if suffix in PNG or suffix in JPEG:
        from .png_jpeg import read_jpeg, read_png

        return read_jpeg(path) if suffix in JPEG else read_png(path, indices=indices)
    kind = "a folder" if path.is_dir() else f"of the type '{suffix}'"
    raise FileError(
        f"{path} is {kind}; expected TIFF, PNG, JPEG or OME-Zarr: convert it, for example with Fiji"
    )


def _expect(path: Path, raw: Raw, kinds: str, what: str) -> None:
    if raw.array.dtype.kind not in kinds:
        raise FileError(f"{path} holds values of type {raw.array.dtype}; expected {what}")


def _native(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array in one block and in this processor's byte order."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))


def _sidecar(path: Path) -> dict[str, Size]:
    for folder in (path.parent, path.parent.parent):
        beside = folder / f"{stem(path)}.json"
        if beside.is_file():
            with reading(beside):
                facts = json.loads(beside.read_text("utf-8"))
            if isinstance(facts, dict) and (sizes := sizes_in(facts, str(beside))):
                return sizes
    return {}
