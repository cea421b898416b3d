"""Files that a prediction writes of each image: labels, and tables and maps if asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.errors import InputError

from .inputs import Input

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.export.segmented import Segmented

    from .kept_frames import KeptFrame


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the results of images are written.

    Parameters
    ----------
    folder : path, optional
        None if nothing is written but labels in images.
    table, ome, maps : bool
        Whether tables are written; labels as OME-TIFF; the maps.
    stores : bool
        Whether the labels of large images are OME-Zarr, of which a viewer reads what is seen, with
        a table of the objects.
    formats : tuple of keys of `export.FORMATS`
        Files that are written besides.
    settings : ExportSettings
        Of these.
    """

    folder: Path | None
    table: bool = False
    ome: bool = False
    maps: bool = False
    stores: bool = False
    formats: tuple[str, ...] = ()
    settings: ExportSettings = ExportSettings()

    def labels_path(self, one: Input) -> Path:
        """Return where the labels of an image are written."""
        if one.into:
            return one.path / "labels" / one.into
        return self.named(f"{one.name}{'.ome.tif' if self.ome else '.tif'}")

    def table_path(self, one: Input) -> Path | None:
        """Return where the table of an image is written; None if there is none."""
        return self.named(f"{one.name}.csv") if self.table else None

    def large_labels_path(self, one: Input) -> Path:
        """Return where the labels of an image are written if it is large."""
        return self.named(f"{one.name}.zarr") if self.in_store(one) else self.labels_path(one)

    def large_table_path(self, one: Input) -> Path | None:
        """Return where the table of an image is written if it is large; None if there is none."""
        return self.named(f"{one.name}.csv") if self.in_store(one) else self.table_path(one)

    def places(self, one: Input) -> set[Path]:
        """Return where the labels of an image may be, of which nothing is read yet."""
        return {self.labels_path(one), self.large_labels_path(one)}

    def tables(self, one: Input) -> tuple[Path | None, Path | None]:
        """Return where the table of an image may be, of which nothing is read yet."""
        return self.table_path(one), self.large_table_path(one)

    def in_store(self, one: Input) -> bool:
        """Whether an image's labels are a store of their own if it is large."""
        return self.stores and not one.into

    def host(self, one: Input) -> Path | None:
        """Return the image that the labels are to be a part of; None if they are a file."""
        return one.path if one.into else None

    def apart(self) -> Outputs:
        """Return the same for other processes, with an absolute path."""
        return self if self.folder is None else replace(self, folder=self.folder.resolve())

    def named(self, name: str) -> Path:
        """Return the path of a file in the folder."""
        assert self.folder is not None
        return self.folder / name

    def format_path(self, one: Input, key: str) -> Path:
        """Return where an image is written in a format."""
        from napari_spatial_embeddings.export import FORMATS

        return self.named(f"{one.name}{FORMATS[key].ending}")

    def check(self, one: Input, image: ImageData, *, large: bool = False) -> None:
        """Refuse an image that results cannot be written of, before it is segmented.

        Parameters
        ----------
        one : Input
        image : ImageData
        large : bool
            Whether it is segmented block by block.

        Raises
        ------
        InputError
        """
        from napari_spatial_embeddings.export.places import check_place
        from napari_spatial_embeddings.export.record import check_table

        if self.maps and image.frames is not None:
            raise InputError(
                f"{image.name} is a time series, whose maps are not kept; leave --maps out"
            )
        if "panels" in self.formats and image.frames is not None:
            raise InputError(
                f"{image.name} is a time series, whose maps are not kept; leave --panels out, or"
                " name --frames"
            )
        if self.formats and (large or image.frames is not None):
            what = "too large to be segmented at once" if large else "a time series"
            raise InputError(
                f"{image.name} is {what}, of which --format is not written; leave it out, and give"
                " the labels to 'export' afterwards"
            )
        for key in self.formats:
            if key != "overlay":  # a picture does not name the program
                check_place(self.format_path(one, key))
        if one.into:
            _check_host(one.path, image)
        check_place(self.large_labels_path(one) if large else self.labels_path(one))
        if (table := self.large_table_path(one) if large else self.table_path(one)) is not None:
            check_table(table)

    @property
    def of_maps(self) -> bool:
        """Whether something is made of the maps, so that they have to fit in memory."""
        return self.maps or "panels" in self.formats

    def write(self, one: Input, found: Segmented) -> Iterator[tuple[int, int]]:
        """Write an image's labels, and its table, its maps and other files if asked for.

        Yields
        ------
        pair of int
            How much of a file is done, and of how much.
        """
        from napari_spatial_embeddings.export.formats import FORMATS, PICTURE_FORMATS
        from napari_spatial_embeddings.export.image_labels import write_image_labels
        from napari_spatial_embeddings.export.labels import write_labels
        from napari_spatial_embeddings.export.maps import write_maps
        from napari_spatial_embeddings.export.objects import write_objects
        from napari_spatial_embeddings.export.pictures.plane import with_slice
        from napari_spatial_embeddings.export.record import write_record

        settings = self.settings
        if not set(PICTURE_FORMATS).isdisjoint(self.formats):
            settings = with_slice(settings, found)
        for key in self.formats:
            yield from FORMATS[key].write(self.format_path(one, key), found, settings)
        made, labels = found.noted(), found.instances.labels
        where = found.pixel_size, found.unit
        if self.maps and found.maps is not None:
            path = self.named(f"{one.name}.maps.zarr")
            write_maps(path, found.maps, *where, found.model, found.start, made=made)
        if (table := self.table_path(one)) is not None:
            write_objects(table, (yield from found.measured()))
            write_record(table, made)
        if one.into:
            write_image_labels(one.path, one.into, labels, made)
        else:
            write_labels(self.labels_path(one), labels, *where, made)

    @contextmanager
    def series(
        self, one: Input, image: ImageData, spacing: tuple[float, ...], about: Mapping[str, Any]
    ) -> Iterator[Callable[[int, KeptFrame | None], None]]:
        """Yield a function that adds the frames of a time series, in order; None is one without.

        Nothing is written if an error ends this.

        Parameters
        ----------
        one : Input
        image, spacing
            As in `export.label_series.label_series`.
        about : mapping
            The model and the settings.
        """
        from napari_spatial_embeddings.export.label_series import label_series
        from napari_spatial_embeddings.export.objects import objects_writer
        from napari_spatial_embeddings.export.record import record, write_record

        known = {"input": {"name": image.name}, **about, "corrected": 0}
        made = record(known, one.path)
        table, where = self.table_path(one), (image, spacing, made, self.host(one))
        with ExitStack() as opened:
            add_rows = opened.enter_context(objects_writer(table)) if table else None
            add_labels = opened.enter_context(label_series(self.labels_path(one), *where))

            def add(t: int, frame: KeptFrame | None) -> None:
                if frame is None:
                    return
                add_labels(t, frame.labels)
                made["corrected"] += frame.corrected  # read when the last frame is there
                if add_rows is not None:
                    add_rows({"frame": [t] * len(frame.sizes), **frame.rows})

            yield add
        if table is not None:
            write_record(table, made)


@dataclass(frozen=True, slots=True)
class OneFile(Outputs):
    """Place of the labels of one time series.

    Parameters
    ----------
    labels : path
        A file, a store, or labels of an image.
    objects : path, optional
        Of the table, if it is written.
    image : path, optional
        The image that the labels are to be a part of.
    """

    labels: Path = Path()
    objects: Path | None = None
    image: Path | None = None

    def apart(self) -> OneFile:
        """Return the same for other processes, with absolute paths."""
        objects = self.objects and self.objects.resolve()
        image = self.image and self.image.resolve()
        return replace(self, labels=self.labels.resolve(), objects=objects, image=image)

    def labels_path(self, _one: Input) -> Path:
        """Return where the labels are written."""
        return self.labels

    def table_path(self, _one: Input) -> Path | None:
        """Return where the table is written; None if there is none."""
        return self.objects

    def host(self, _one: Input) -> Path | None:
        """Return the image that the labels are to be a part of."""
        return self.image


def _check_host(path: Path, image: ImageData) -> None:
    """Refuse an image that labels cannot be written into."""
    from napari_spatial_embeddings.export.label_store import LabelGrid
    from napari_spatial_embeddings.files.ome_zarr import is_zarr

    if not is_zarr(path):
        raise InputError(
            f"{path} is no OME-Zarr image, and labels are written into such alone; name a folder"
            " with --output instead"
        )
    LabelGrid.like(path, image.shape)
    if not os.access(path, os.W_OK | os.X_OK):
        raise InputError(f"{path}: nothing can be written into it; name a folder with --output")
