"""Reader of the labels of a time series: of a file, or of one file a frame."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import LazyArray, Part, PixelArray, arranged
from napari_spatial_embeddings.core.label_values import objects_of, whole_numbers
from napari_spatial_embeddings.core.units import Lengths, combine

from .axes import UNKNOWN, without_singletons
from .errors import FileError, log, reading
from .file_axes import read_axes
from .folders import find_images, stem
from .images import load, read_labels, read_pixel_size
from .sidecar import read_sidecar


@dataclass(frozen=True, slots=True)
class LabelSeries:
    """The labels of a time series.

    Parameters
    ----------
    data : int64 (T, *S)
        Read frame by frame, when sliced.
    pixel_size : tuple of D floats, optional
        Size of a pixel along each spatial axis in ``unit``; None where it is unknown.
    unit : str, optional
    name : str
        That of the file, or of the folder.
    """

    data: PixelArray
    pixel_size: Lengths | None
    unit: str | None
    name: str


def read_label_series(
    paths: Iterable[str | Path], axes: str | None = None, *, tracked: bool = False
) -> LabelSeries:
    """Open the labels of a time series.

    Parameters
    ----------
    paths : paths
        A file with an axis of time, or the files of the frames, or a folder of these. Frames are
        sorted by name, and numbers in names by their value.
    axes : str, optional
        The file's axes: T, Y and X, and perhaps Z; or those of each frame's file, without T.
    tracked : bool
        A label is the same cell in all frames, so they are taken as they are; else each separate
        piece of a mask is an object.

    Raises
    ------
    FileError
        If a file cannot be read, a single one is no time series, or frames differ in shape; for a
        frame's pixels, when it is sliced.
    """
    given = [Path(path) for path in paths]
    files = sorted(find_images(given), key=lambda path: (str(path.parent), _natural(path.name)))
    folder = given[0] if len(given) == 1 else files[0].parent
    if len(files) == 1:
        return _of_file(files[0], axes, tracked)
    first = read_labels(files[0], axes)

    def read(t: int) -> NDArray[np.integer]:
        labels = first if t == 0 else read_labels(files[t], axes)
        if labels.shape != first.shape:
            raise FileError(
                f"{files[t]} has shape {labels.shape}, {files[0]} has {first.shape}; the frames of"
                " a series cover the same pixels"
            )
        return labels

    size, unit = read_pixel_size(files[0], "ZYX"[-first.ndim :])
    data = _Frames(read, list(map(str, files)), first.shape, tracked)
    return LabelSeries(data, size, unit, folder.resolve().name)


def is_series(path: str | Path, axes: str | None = None) -> bool:
    """Whether a file is a time series of several frames, by the given axes or its own.

    Raises
    ------
    FileError
        If it is missing or damaged.
    """
    if axes:
        return "T" in axes.upper()
    known = read_axes(path)
    return known is not None and "T" in known.axes


def _of_file(path: Path, axes: str | None, tracked: bool) -> LabelSeries:
    with reading(path):
        raw = load(path, given=True)
        array, letters = without_singletons(raw.array, raw.axes)
        letters = axes.upper() if axes else _with_time(letters)
        if set(letters) not in ({*"TYX"}, {*"TZYX"}) or len(letters) != array.ndim:
            volume = letters in ("ZYX", "CYX")
            hint = "; if these are frames, set axes=TYX" if volume else ""
            raise FileError(
                f"{path} has the axes {letters} and shape {array.shape}; expected a time series,"
                f" TYX or TZYX{hint}"
            )
        order = "TZYX" if "Z" in letters else "TYX"
        view = arranged(array, letters, order)
        sizes = {**raw.sizes, **read_sidecar(path)}
    size, unit = combine([sizes.get(axis) for axis in order[1:]])

    def read(t: int) -> NDArray[np.integer]:
        with reading(path):
            return whole_numbers(np.asarray(view[t]), f"{path}, frame {t}")

    names = [f"{path}, frame {t}" for t in range(view.shape[0])]
    return LabelSeries(_Frames(read, names, view.shape[1:], tracked), size, unit, stem(path))


def _with_time(axes: str) -> str:
    """Name the axes that a file does not name: the first is time, if none is."""
    for axis in "TZ":
        unknown = next((a for a in axes if a in UNKNOWN), None)
        if unknown and axis not in axes:
            axes = axes.replace(unknown, axis, 1)
    return axes


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts "t2" before "t10"."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), part) if part.isdigit() else (-1, part) for part in parts]


class _Frames(LazyArray):
    """Labels that are read frame by frame."""

    def __init__(
        self,
        read: Callable[[int], NDArray[np.integer]],
        names: list[str],
        shape: tuple[int, ...],
        tracked: bool,
    ) -> None:
        super().__init__((len(names), *shape), np.int64)
        self._read_frame, self._names, self._tracked = read, names, tracked
        self._warned = False

    def _read(self, wanted: tuple[Part, ...]) -> NDArray[np.int64]:
        first, rest = wanted[0], wanted[1:]
        if isinstance(first, int):
            return self._frame(first)[rest]
        return np.stack([self._frame(t)[rest] for t in range(*first.indices(self.shape[0]))])

    def _frame(self, t: int) -> NDArray[np.int64]:
        labels = self._read_frame(t)
        if not self._tracked:
            found = objects_of(labels, self._names[t])
            labels = found.labels
            if found.from_mask and not self._warned:
                self._warned = True
                log.warning(
                    "%s is a mask of a single value: each separate piece is taken for an object,"
                    " and objects that touch for one",
                    self._names[t],
                )
        return labels.astype(np.int64)
