"""Task of ``predict`` for one image, block by block: what is read, and where it is written."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.cli.flags import CallError
from napari_spatial_embeddings.config import BlockSettings, ClusteringSettings, PredictionSettings

from .workers import Workers

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings

TIFF = (".tif", ".tiff", ".btf")
"""Endings of an output that is one TIFF."""


@dataclass(frozen=True, slots=True)
class BlockJob:
    """An image, where its objects are written, and how they are found.

    Parameters
    ----------
    model : SpatialEmbeddings
    name : str
        The model's name or folder.
    image : ImageData
    path, output : path
        Of the image; of a TIFF, a store of its own, or labels of an image.
    clustering, prediction, blocks
        The settings.
    table, as_json : bool
        As the flags.
    read : callable
        Opens the image.
    how : str
        What of the file it is, and how it is read.
    workers : Workers
        That share in the work.
    """

    model: SpatialEmbeddings
    name: str
    image: ImageData
    path: Path
    output: Path
    clustering: ClusteringSettings
    prediction: PredictionSettings
    blocks: BlockSettings
    table: bool
    as_json: bool
    read: Callable[[], ImageData]
    how: str
    workers: Workers

    @property
    def tiff(self) -> bool:
        """Whether the output is a TIFF."""
        return self.output.suffix.lower() in TIFF

    @property
    def host(self) -> Path | None:
        """The image that the output is to be labels of, if it is."""
        return _host(self.output)

    @property
    def beside(self) -> Path:
        """What the files are written beside that are kept meanwhile."""
        host = self.host
        return self.output if host is None else host.with_name(f"{host.name}.{self.output.name}")

    @property
    def table_path(self) -> Path:
        """Where the table is written: beside the output, or beside the image that has it."""
        from napari_spatial_embeddings.files import stem

        if self.host is None:
            return self.output.with_name(f"{stem(self.output)}.csv")
        return self.host.with_name(f"{stem(self.host)}.{self.output.name}.csv")

    def line(self, text: str) -> None:
        """Print a line above the bars, unless JSON is asked for."""
        from tqdm import tqdm

        if not self.as_json:
            tqdm.write(text, sys.stdout)


def is_one_file(output: str | None) -> bool:
    """Whether an output is one file or store, and no folder for the results of several images."""
    if output is None:
        return False
    path = Path(output)
    return path.suffix.lower() in (*TIFF, ".zarr") or _host(path) is not None


def _host(path: Path) -> Path | None:
    """Return the image of a path such as ``image.zarr/labels/nuclei``."""
    from napari_spatial_embeddings.files.ome_zarr import is_zarr

    host = path.parent.parent
    named = any(p.suffix == ".zarr" for p in path.parent.parents)
    return host if path.parent.name == "labels" and (named or is_zarr(host)) else None


def check_output(options: argparse.Namespace, inputs: int) -> Path:
    """Return where to write.

    Raises
    ------
    InputError
        If that cannot be, or the flags do not fit together.
    """
    from napari_spatial_embeddings.export.label_store import check_place

    path = Path(options.output)
    if inputs != 1:
        raise CallError(
            f"--output: {path} is one file, but there are {inputs} images; name a folder, or give"
            " one image"
        )
    if options.maps:
        raise CallError("--maps: those of one file's blocks are not kept; name a folder --output")
    if options.ome:
        raise CallError("--ome: name an --output that ends in .ome.tif instead")
    if path.suffix.lower() in TIFF:
        if path.is_dir():
            raise CallError(f"--output: {path} is a folder; choose another name")
        return path
    check_place(path)
    host = _host(path)
    if host is not None and not host.is_dir():
        raise CallError(f"--output: there is no image {host}; it would hold the labels")
    return path


def check_not_itself(job: BlockJob) -> None:
    """Refuse to write labels in the place of their image."""
    if job.output.resolve() == job.path.resolve():
        raise CallError(f"--output: {job.output} is the image itself; choose another name")


def size(count: float) -> str:
    """Return a number of bytes for users."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
