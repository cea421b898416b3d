"""Task of ``predict`` for one image, block by block, and the checks of its output."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.cli.flags import CallError, checked_folder
from napari_spatial_embeddings.large.job import TIFF, LargeJob, host_of
from napari_spatial_embeddings.large.workers import Workers

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData


@dataclass(frozen=True, slots=True)
class BlockJob:
    """What is to be done, and how it is shown.

    Parameters
    ----------
    work : LargeJob
    path : path
        Of the image.
    as_json : bool
        As the flag.
    read : callable
        Opens the image, in any process of any machine that sees it.
    workers : Workers
        That share in the work.
    """

    work: LargeJob
    path: Path
    as_json: bool
    read: Callable[[], ImageData]
    workers: Workers

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
    return path.suffix.lower() in (*TIFF, ".zarr") or host_of(path) is not None


def check_output(options: argparse.Namespace, paths: list[Path]) -> Path:
    """Return where to write.

    Raises
    ------
    InputError
        If that cannot be, or the flags do not fit together.
    """
    from napari_spatial_embeddings.export.places import check_place

    path = Path(options.output)
    if len(paths) != 1:
        raise CallError(
            f"--output: {path} is one file, but there are {len(paths)} images; name a folder, or"
            " give one image"
        )
    if options.maps:
        raise CallError("--maps: those of one file's blocks are not kept; name a folder --output")
    if options.panels:
        raise CallError("--panels: they show maps, which of blocks are not kept; name a folder")
    if options.format:
        raise CallError(
            "--format: name a folder as --output, or give the labels to 'export' afterwards"
        )
    if options.ome:
        raise CallError("--ome: name an --output that ends in .ome.tif instead")
    if path.resolve() == paths[0].resolve():
        raise CallError(f"--output: {path} is the image itself; choose another name")
    if path.suffix.lower() in TIFF and path.is_dir():
        raise CallError(f"--output: {path} is a folder; choose another name")
    check_place(path)
    host = host_of(path)
    if host is None:
        checked_folder(path.parent)
    if host is not None and not host.is_dir():
        raise CallError(f"--output: there is no image {host}; it would hold the labels")
    return path
