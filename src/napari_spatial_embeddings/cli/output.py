"""What ``predict`` and ``cluster`` write, and which files they could not use."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.text import plural

from .flags import CallError, checked_folder

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Instances


class Results:
    """Writes what was found, and goes on with the next file after one that cannot be used.

    Parameters
    ----------
    options : Namespace
    output : path
        Folder to write to.
    inputs : list of (str, path)
        All that is to be read: what its results are called, and where it is.

    Raises
    ------
    CallError
        If there is no such folder to write to, or two files would land as one.
    """

    def __init__(
        self, options: argparse.Namespace, output: Path, inputs: list[tuple[str, Path]]
    ) -> None:
        self.options, self.paths = options, [path for _, path in inputs]
        self.output = checked_folder(output)
        self.written: list[dict[str, Any]] = []
        self.failed: list[str] = []
        names: dict[str, Path] = {}
        for name, path in inputs:
            other = names.setdefault(name, path)
            if other is not path:
                raise CallError(
                    f"{other} and {path} would both become {self.output / name}.tif; give them"
                    " different names, or an --output each"
                )

    def check_apart(self) -> None:
        """Refuse to write labels among the images, or in the place of one."""
        for path in self.paths:
            if path.parent.resolve() == self.output.resolve():
                raise CallError(
                    f"--output: {self.output} holds {path.name}, an image to be segmented; choose"
                    " another folder, or labels would mix with images"
                )

    def fail(self, path: Path, error: InputError) -> None:
        """Note that a file cannot be used; raise that, if it is the only one."""
        text = str(error) if str(path) in str(error) else f"{path}: {error}"
        if len(self.paths) == 1:
            raise CallError(text) from error
        self.failed.append(text)
        _say(text, sys.stderr)

    def write(
        self,
        name: str,
        found: Instances,
        pixel_size: tuple[float, ...] | None,
        unit: str | None,
        about: dict[str, Any],
    ) -> None:
        """Write one image's labels."""
        from napari_spatial_embeddings.export.labels import write_labels

        path = self.output / f"{name}{'.ome.tif' if self.options.ome else '.tif'}"
        write_labels(path, found.labels, pixel_size, unit, about)
        self.written.append({"labels": str(path), "objects": len(found)})
        if not self.options.json:
            _say(f"{path}: {plural(len(found), 'object')}", sys.stdout)

    def close(self) -> int:
        """Sum up; return the exit code."""
        if self.options.json:
            sys.stdout.write(json.dumps({"written": self.written, "failed": self.failed}) + "\n")
        if self.failed:
            _say(f"{len(self.failed)} of {len(self.paths)} files could not be used", sys.stderr)
        return 1 if self.failed else 0


def _say(text: str, file: Any) -> None:
    """Write a line above the progress bars, if there are any."""
    from tqdm import tqdm

    tqdm.write(text, file)
