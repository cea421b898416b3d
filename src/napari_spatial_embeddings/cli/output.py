"""Results of ``predict`` and ``cluster``: labels and tables, and the files that were skipped."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import Failure, InputError

from .flags import CallError, checked_folder

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import PixelArray
    from napari_spatial_embeddings.core.instances import Instances
    from napari_spatial_embeddings.core.units import Lengths


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Add what `ResultWriter` takes of a command's flags."""
    parser.add_argument(
        "--table", action="store_true", help="Write each image's objects: NAME.csv."
    )
    parser.add_argument("--ome", action="store_true", help="Write OME-TIFF: NAME.ome.tif.")
    parser.add_argument("--json", action="store_true", help="Print a summary as JSON.")


class ResultWriter:
    """Writes results into a folder, and goes on with the next file after one that is unusable.

    Parameters
    ----------
    folder : path
    inputs : list of (str, path)
        All that is to be read: the name of its results, and where it is.
    table, ome, as_json : bool
        As the flags of `add_output_flags`.

    Raises
    ------
    CallError
        If there is no such folder to write to, or two inputs have results of the same name.
    """

    def __init__(
        self,
        folder: Path,
        inputs: list[tuple[str, Path]],
        *,
        table: bool,
        ome: bool,
        as_json: bool,
    ) -> None:
        self.folder, self.paths = checked_folder(folder), [path for _, path in inputs]
        self.table, self.ome, self.as_json = table, ome, as_json
        self.written: list[dict[str, Any]] = []
        self.failed: list[str] = []
        names: dict[str, Path] = {}
        for name, path in inputs:
            other = names.setdefault(name, path)
            if other is not path:
                raise CallError(
                    f"{other} and {path} would both become {self.folder / name}.tif; give them"
                    " different names, or an --output each"
                )

    def check_apart(self) -> None:
        """Refuse to write labels among the images, or in the place of one."""
        for path in self.paths:
            if path.parent.resolve() == self.folder.resolve():
                raise CallError(
                    f"--output: {self.folder} holds {path.name}, an image to be segmented; choose"
                    " another folder, or labels would mix with images"
                )

    def skip(self, path: Path, error: InputError | Failure) -> None:
        """Report that a file is skipped; raise the error if it is the only file."""
        text = str(error) if str(path) in str(error) else f"{path}: {error}"
        if len(self.paths) == 1:
            kind = Failure if isinstance(error, Failure) else CallError
            raise kind(text) from error
        self.failed.append(text)
        _write_line(text, sys.stderr)

    def write(
        self,
        name: str,
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
        from napari_spatial_embeddings.export.labels import write_labels
        from napari_spatial_embeddings.export.objects import objects_table, write_objects

        if self.table:
            rows = objects_table(found, classes, image, pixel_size, unit, spacing)
            write_objects(self.folder / f"{name}.csv", rows)
        path = self.folder / f"{name}{'.ome.tif' if self.ome else '.tif'}"
        write_labels(path, found.labels, pixel_size, unit, about)
        self.written.append({"labels": str(path), "objects": len(found)})
        if not self.as_json:
            _write_line(f"{path}: {plural(len(found), 'object')}", sys.stdout)

    def close(self) -> int:
        """Print a summary; return the exit code."""
        if self.as_json:
            sys.stdout.write(json.dumps({"written": self.written, "failed": self.failed}) + "\n")
        if self.failed:
            _write_line(
                f"{len(self.failed)} of {len(self.paths)} files could not be used", sys.stderr
            )
        return 1 if self.failed else 0


def _write_line(text: str, file: Any) -> None:
    """Write a line above the progress bars, if there are any."""
    from tqdm import tqdm

    tqdm.write(text, file)
