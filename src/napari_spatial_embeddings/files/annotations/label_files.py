"""Label images of any format, with their place and scale on an image."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.label_values import whole_numbers
from napari_spatial_embeddings.core.units import Lengths
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.endings import TIFF
from napari_spatial_embeddings.files.errors import FileError, reading
from napari_spatial_embeddings.files.folders import stem
from napari_spatial_embeddings.files.images import read_labels, read_pixel_size
from napari_spatial_embeddings.files.ome_zarr import is_array, is_zarr, ome, open_zarr
from napari_spatial_embeddings.files.series import read_label_series
from napari_spatial_embeddings.files.settings import is_ours, read_settings
from napari_spatial_embeddings.files.tables import read_classes

from .fit_labels import fit_labels
from .target import Fitted, Target

NPY = ".npy"


def read_label_file(path: Path, target: Target) -> Fitted:
    """Read a label image, and bring it to the pixels of an image.

    Parameters
    ----------
    path : path
        TIFF, PNG, OME-Zarr or a NumPy array. The class of each label is read from a table of the
        same name beside it, such as `predict` writes.
    target : Target

    Raises
    ------
    FileError
        If it cannot be read, holds no labels, or does not fit.
    """
    if path.suffix.lower() == NPY:
        found = read_array(path)
        return fit_labels(found, target, str(path), classes=_classes(path), ours=is_ours(path))
    if target.frames is not None:
        series = read_label_series([path]).data
        labels: NDArray[np.integer] = np.stack([series[t] for t in range(series.shape[0])])
        return fit_labels(labels, target, str(path), classes=_classes(path))
    labels = read_labels(path)
    size: Lengths | None = None
    unit: str | None = None
    with suppress(FileError):
        size, unit = read_pixel_size(path, "ZYX"[-labels.ndim :])
    return fit_labels(
        labels,
        target,
        str(path),
        classes=_classes(path),
        pixel_size=size,
        unit=unit,
        first=_first_pixel(path, labels.ndim),
        ours=is_ours(path),
    )


def read_array(path: str | Path) -> NDArray[np.integer]:
    """Read labels in a NumPy file; nothing is unpickled.

    Raises
    ------
    FileError
        If it holds something else than an array of whole numbers.
    """
    path = Path(path)
    with reading(path):
        try:
            found = np.load(path, allow_pickle=False)
        except ValueError as error:
            if "pickle" not in str(error):
                raise
            raise FileError(
                f"{path} holds objects, which are not opened; expected an array of whole numbers,"
                " or a file of Cellpose called NAME_seg.npy"
            ) from error
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "biuf" or found.ndim < 2:
            raise FileError(
                f"{path} holds no label image; expected an array of whole numbers, (Y, X) or"
                " (Z, Y, X)"
            )
        try:
            return whole_numbers(found, str(path))
        except InputError as error:
            raise FileError(str(error)) from error


def label_groups(path: Path) -> list[Path]:
    """Return the folders of the labels in an OME-Zarr image; none if it has none."""
    if not is_zarr(path) or not (path / "labels").is_dir():
        return []
    with suppress(InputError):
        group = open_zarr(path / "labels")
        if not is_array(group):
            named = ome(group).get("labels") or sorted(name for name, _ in group.groups())
            return [path / "labels" / str(name) for name in named]
    return []


def _classes(path: Path) -> dict[int, str]:
    """Return the classes of labels in a table of the same name beside them."""
    table = path.with_name(f"{stem(path)}.csv")
    if not table.is_file():
        return {}
    with suppress(FileError):  # it is a table of something else
        known = read_classes(table)
        return {**known.get("", {}), **known.get(stem(path), {})}
    return {}


def _first_pixel(path: Path, ndim: int) -> tuple[int, ...]:
    """Return where labels lie in their image, if their file gives it; else empty."""
    if is_zarr(path):
        return _shift(path, ndim)
    if path.suffix.lower() not in TIFF:
        return ()
    with suppress(FileError):
        found = read_settings(path).get("first_pixel")
        if isinstance(found, dict):
            first = [found.get(axis) for axis in "zyx"[-ndim:]]
            if all(isinstance(n, int) for n in first):
                return tuple(int(n) for n in first if n is not None)
    return ()


def _shift(path: Path, ndim: int) -> tuple[int, ...]:
    """Return the translation of OME-Zarr labels in pixels, where it is one of whole pixels."""
    with suppress(InputError, KeyError, TypeError, ValueError, IndexError, AttributeError):
        multiscale = ome(open_zarr(path))["multiscales"][0]
        own = multiscale["datasets"][0].get("coordinateTransformations") or []
        steps = [*own, *(multiscale.get("coordinateTransformations") or [])]
        scale = _product(steps, "scale")[-ndim:]
        moved = np.sum([t["translation"] for t in steps if t["type"] == "translation"], 0)
        pixels = np.atleast_1d(moved)[-ndim:] / scale
        if len(pixels) == ndim and np.allclose(pixels, np.round(pixels), atol=1e-3):
            return tuple(np.round(pixels).astype(int).tolist())
    return ()


def _product(steps: list[dict[str, Any]], kind: str) -> NDArray[np.float64]:
    return np.asarray(np.prod([t[kind] for t in steps if t["type"] == kind], 0), np.float64)
