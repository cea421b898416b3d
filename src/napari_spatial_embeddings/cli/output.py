"""Results of ``predict`` and ``cluster``: labels and tables, and the files that were skipped."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import Failure, InputError

from .flags import CallError, checked_folder

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData, PixelArray
    from napari_spatial_embeddings.core.instances import Instances
    from napari_spatial_embeddings.core.units import Lengths
    from napari_spatial_embeddings.inference.segmentation import Segmentation


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Add what `ResultWriter` takes of a command's flags."""
    parser.add_argument(
        "--table", action="store_true", help="Write each image's objects: NAME.csv."
    )
    parser.add_argument("--ome", action="store_true", help="Write OME-TIFF: NAME.ome.tif.")
    parser.add_argument("--json", action="store_true", help="Print a summary as JSON.")


class ResultWriter:
    """Writes results, and goes on with the next file after one that is unusable.

    Parameters
    ----------
    folder : path, optional
        None if nothing is written but labels in images.
    inputs : list of (str, path)
        All that is to be read: the name of its results, and where it is.
    table, ome, as_json : bool
        As the flags of `add_output_flags`.
    into : str
        Labels are written into the OME-Zarr images themselves, under this name; empty if they are
        files in the folder.

    Raises
    ------
    CallError
        If there is no such folder to write to, or two inputs have results of the same name.
    """

    def __init__(
        self,
        folder: Path | None,
        inputs: list[tuple[str, Path]],
        *,
        table: bool,
        ome: bool,
        as_json: bool,
        into: str = "",
    ) -> None:
        self._folder = None if folder is None else checked_folder(folder)
        self.paths = [path for _, path in inputs]
        self.table, self.ome, self.as_json, self.into = table, ome, as_json, into
        self.written: list[dict[str, Any]] = []
        self.failed: list[str] = []
        names: dict[str, int] = {}
        for i, (name, path) in enumerate(inputs):
            if (other := names.setdefault(name, i)) != i:
                raise CallError(
                    f"{self.paths[other]} and {path} would both become {name}.tif; give them"
                    " different names, or an --output each"
                )

    @property
    def folder(self) -> Path:
        """Where files are written."""
        assert self._folder is not None
        return self._folder

    def check_apart(self) -> None:
        """Refuse to write labels among the images, or in the place of one."""
        for path in self.paths:
            if self._folder is not None and path.parent.resolve() == self._folder.resolve():
                raise CallError(
                    f"--output: {self.folder} holds {path.name}, an image to be segmented; choose"
                    " another folder, or labels would mix with images"
                )

    def skip(self, path: Path, error: InputError | Failure, name: str = "") -> None:
        """Report that an image is skipped, by its name too if others are in its file.

        Raises
        ------
        CallError, Failure
            If it is the only image.
        """
        text = str(error) if str(path) in str(error) else f"{path}: {error}"
        if self.paths.count(path) > 1:
            text = f"{name}: {text}"
        if len(self.paths) == 1:
            kind = Failure if isinstance(error, Failure) else CallError
            raise kind(text) from error
        self.failed.append(text)
        write_line(text, sys.stderr)

    def labels_path(self, name: str, path: Path) -> Path:
        """Return where the labels of an image are written, by its results' name and its path."""
        if self.into:
            return path / "labels" / self.into
        return self.folder / f"{name}{'.ome.tif' if self.ome else '.tif'}"

    def table_path(self, name: str) -> Path | None:
        """Return where the table of an image is written, by its results' name, if it is."""
        return self.folder / f"{name}.csv" if self.table else None

    def write(
        self,
        name: str,
        path: Path,
        found: Instances,
        classes: tuple[str, ...],
        spacing: tuple[float, ...],
        pixel_size: Lengths | None,
        unit: str | None,
        about: dict[str, Any],
        image: PixelArray | None = None,
    ) -> None:
        """Write one image's labels, and its table if asked for.

        Parameters
        ----------
        name : str
        path : path
            Of the image.
        found : Instances
        classes : tuple of str
        spacing : tuple of D floats
            Of the maps, in which centres are pixels of the finest axis.
        pixel_size, unit : optional
            Of the image.
        about : dict
            Metadata of the label file: how it was made.
        image : (C, *S), optional
            For the intensities in the table.
        """
        from napari_spatial_embeddings.export.image_labels import write_image_labels
        from napari_spatial_embeddings.export.labels import write_labels
        from napari_spatial_embeddings.export.objects import objects_table, write_objects

        if (table := self.table_path(name)) is not None:
            write_objects(table, objects_table(found, classes, image, pixel_size, unit, spacing))
        to = self.labels_path(name, path)
        if self.into:
            write_image_labels(path, self.into, found.labels, about)
        else:
            write_labels(to, found.labels, pixel_size, unit, about)
        self._wrote({"labels": str(to), "objects": len(found)})

    @contextmanager
    def series(
        self,
        name: str,
        path: Path,
        image: ImageData,
        spacing: tuple[float, ...],
        about: dict[str, Any],
    ) -> Iterator[Callable[[int, Segmentation], None]]:
        """Yield a function that adds the frames of a time series, in their order.

        Nothing is written if an error ends this. Parameters as in `write`.
        """
        from .predicting.series_output import series_output

        to = self.labels_path(name, path)
        host, count = path if self.into else None, 0
        with series_output(to, image, spacing, about, self.table_path(name), host) as write:

            def add(t: int, found: Segmentation) -> None:
                nonlocal count
                count += len(found.instances)
                write(t, found)

            yield add
        self._wrote({"labels": str(to), "objects": count, "frames": image.frames})

    def _wrote(self, facts: dict[str, Any]) -> None:
        self.written.append(facts)
        if not self.as_json:
            frames = f" in {plural(facts['frames'], 'frame')}" if "frames" in facts else ""
            text = f"{facts['labels']}: {plural(facts['objects'], 'object')}{frames}"
            write_line(text, sys.stdout)

    def close(self) -> int:
        """Print a summary, with all that failed; return the exit code."""
        if self.as_json:
            sys.stdout.write(json.dumps({"written": self.written, "failed": self.failed}) + "\n")
        if self.failed:
            count = f"{len(self.failed)} of {len(self.paths)} files could not be used"
            write_line("\n  ".join([f"{count}:", *self.failed]), sys.stderr)
        return 1 if self.failed else 0


def write_line(text: str, file: Any) -> None:
    """Write a line above the progress bars, if there are any."""
    from tqdm import tqdm

    tqdm.write(text, file)
