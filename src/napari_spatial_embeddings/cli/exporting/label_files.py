"""Label files of an export, each with its table and its image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatial_embeddings.cli.flags import CallError
from napari_spatial_embeddings.cli.label_reader import LabelReader
from napari_spatial_embeddings.export.from_labels import segmented_labels
from napari_spatial_embeddings.export.label_record import about_labels
from napari_spatial_embeddings.export.objects import Table
from napari_spatial_embeddings.export.segmented import Results, Segmented, SegmentedSeries
from napari_spatial_embeddings.files import (
    FileError,
    find_images,
    is_series,
    read_image,
    read_label_series,
    read_labels,
    read_objects,
    read_pixel_size,
    stem,
)
from napari_spatial_embeddings.files.settings import is_ours


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A label image that is to be exported.

    Parameters
    ----------
    path : path
    name : str
        Of the files that are written, without endings.
    table : path, optional
        Of its objects.
    image : path, optional
    axes : str, optional
        Instead of the file's own.
    classes : tuple of str
        Those of all label images.
    """

    path: Path
    name: str
    table: Path | None
    image: Path | None
    axes: str | None
    classes: tuple[str, ...]

    def read(
        self,
        *,
        overlaps: bool = False,
        maps: bool = False,
        frame: int | None = None,
    ) -> Results:
        """Read it; of a series, no frame yet.

        Parameters
        ----------
        overlaps : bool
            With the maps beside it, and each object's embedding in them.
        maps : bool
            With the maps beside it, if there are any.
        frame : int, optional
            Of a series, this frame alone.

        Raises
        ------
        InputError
            If it, its table or its image cannot be used.
        """
        ours = is_ours(self.path)
        about = about_labels([self.path])
        table = None if self.table is None else read_objects(self.table)
        if is_series(self.path, self.axes):
            if overlaps:
                raise FileError(f"{self.path} is a time series, of which no maps are kept")
            series = self._series(table, about, ours=ours)
            return series if frame is None else _frame_of(series, frame)
        if frame is not None:
            raise FileError(f"{self.path} is no time series; leave --frame out")
        if ours:
            labels = read_labels(self.path, self.axes)
        else:
            reader = LabelReader(self.axes)
            labels = reader.read(self.path)
            reader.report_masks()
        image = None if self.image is None else read_image(self.image)
        if image is not None:
            self._check_shape(labels.shape, image.data.shape[1:])
        size, unit = read_pixel_size(self.path, "ZYX"[-labels.ndim :])
        if size is None and image is not None:
            size, unit = image.pixel_size, image.unit
        found = segmented_labels(
            self.name,
            labels,
            table,
            self.classes,
            image=None if image is None else image.data,
            pixel_size=size,
            unit=unit,
            about=about,
            source=self.image,
        )
        store = _beside(self.path, ".maps.zarr")
        if not overlaps and not (maps and store.is_dir()):
            return found
        from napari_spatial_embeddings.export.with_maps import with_embeddings, with_maps

        found = with_maps(found, store)
        return with_embeddings(found, about.get("clustering")) if overlaps else found

    def _series(
        self, table: Table | None, about: Mapping[str, Any], *, ours: bool
    ) -> SegmentedSeries:
        """Return the frames of a series, which are read when they are needed."""
        series = read_label_series([self.path], self.axes, tracked=ours)
        frames, *shape = series.data.shape
        image = None if self.image is None else read_image(self.image, time=True)
        if image is not None:
            self._check_shape(series.data.shape, (image.frames or 1, *image.shape))

        def frame(t: int) -> Segmented:
            return segmented_labels(
                f"{self.name}, frame {t}",
                np.asarray(series.data[t]),
                None if table is None else _of_frame(table, t),
                self.classes,
                image=None if image is None else image.frame(t).data,
                pixel_size=series.pixel_size,
                unit=series.unit,
            )

        every = tuple(range(frames))
        return SegmentedSeries(
            self.name, every, frame, frames, tuple(shape), self.classes, about, self.image
        )

    def _check_shape(self, labels: tuple[int, ...], image: tuple[int, ...]) -> None:
        if labels != image:
            raise FileError(
                f"{self.path} has the shape {labels}, its image {self.image} {image}; they must"
                " cover the same pixels"
            )


def _frame_of(series: SegmentedSeries, t: int) -> Segmented:
    """Return a frame of a series, with what is known of all of them."""
    if not 0 <= t < series.frames:
        raise FileError(
            f"--frame: {series.name} has {series.frames} frames, counted from 0, so there is no {t}"
        )
    return replace(series.frame(t), about=series.about, source=series.source)


def _of_frame(table: Table, t: int) -> Table:
    """Return the rows of a frame; all if the table has no frames."""
    if "frame" not in table:
        return table
    rows = [k for k, frame in enumerate(table["frame"]) if frame == t]
    return {name: [values[k] for k in rows] for name, values in table.items()}


def label_files(
    paths: Sequence[str], image: str | None = None, axes: str | None = None
) -> list[LabelFile]:
    """List the label images among files and folders.

    Parameters
    ----------
    paths : sequence of str
        Files and folders.
    image : str, optional
        The image of a single one, or the folder of all images.
    axes : str, optional

    Raises
    ------
    CallError
        If two have the same name, or there are several for one image.
    FileError
        If one does not exist, a folder holds none, or one has no image in the folder of images.
    """
    files = find_images(paths)
    names = [stem(path) for path in files]
    for k, name in enumerate(names):
        if (first := names.index(name)) < k:
            raise CallError(
                f"{files[first]} and {files[k]} would both become files named {name}; give them"
                " different names, or an --output each"
            )
    tables = [_table_beside(path) for path in files]
    images = _images(files, names, image)
    classes: set[str] = set()
    for table in tables:
        classes |= _classes(table)
    every = tuple(sorted(classes))
    return [LabelFile(*one, axes, every) for one in zip(files, names, tables, images, strict=True)]


def _images(files: list[Path], names: list[str], given: str | None) -> list[Path | None]:
    """Return the image of each label image."""
    if given is None:
        return [None] * len(files)
    found = find_images([given])
    if found == [Path(given)]:
        if len(files) > 1:
            raise CallError(f"--image: {given} is one image for {len(files)} label images")
        return [*found]
    by_name = {stem(path): path for path in found}
    for path, name in zip(files, names, strict=True):
        if name not in by_name:
            raise CallError(f"--image: {given} holds no image named as {path.name}")
    return [by_name[name] for name in names]


def _table_beside(path: Path) -> Path | None:
    """Return the table of a label image's objects, if there is one."""
    tables = path.with_suffix(".csv"), _beside(path, ".csv")
    return next((table for table in tables if table.is_file()), None)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{stem(path)}{ending}")


def _classes(table: Path | None) -> set[str]:
    if table is None:
        return set()
    try:
        return {str(one) for one in read_objects(table).get("class", ()) if one != ""}
    except FileError:
        return set()  # what is wrong with it is reported when its labels are read
