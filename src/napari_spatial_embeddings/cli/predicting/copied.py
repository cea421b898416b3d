"""Flags for what the window saves beside a command that it copies: corrections and annotations."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.cli.flags import CallError

from .block_job import is_one_file

if TYPE_CHECKING:
    from napari_spatial_embeddings.prediction.inputs import Input


def add_copied_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument(
        "--corrections",
        metavar="FILE",
        help="Of one image, the corrections and labels of a file that the window's Copy command"
        " wrote.",
    )
    parser.add_argument(
        "--annotations",
        metavar="FILE",
        help="Of one image, the labels that --panels shows as its annotations; below 0, pixels are"
        " unknown.",
    )


def with_copied(options: argparse.Namespace, inputs: list[Input]) -> list[Input]:
    """Return the inputs; the only one with the corrections and the annotation that are given.

    Raises
    ------
    CallError
        If there are several, or they are segmented in another way.
    """
    from napari_spatial_embeddings.prediction.repeated import with_annotation, with_corrections

    for flag, add in (("corrections", with_corrections), ("annotations", with_annotation)):
        if not getattr(options, flag):
            continue
        path = Path(getattr(options, flag))
        if len(inputs) != 1:
            raise CallError(f"--{flag}: they are those of one image, and here are {len(inputs)}")
        if is_one_file(options.output):
            raise CallError(f"--{flag}: no image by blocks has them; name a folder as --output")
        if options.workers is not None or options.scheduler:
            raise CallError(f"--{flag}: workers do not take them; leave --workers and --scheduler")
        if flag == "annotations" and not options.panels:
            raise CallError("--annotations: they are seen in panels alone; add --panels")
        if not path.is_file():
            raise CallError(f"--{flag}: there is no file {path}")
        inputs = [add(inputs[0], path)]
    return inputs
