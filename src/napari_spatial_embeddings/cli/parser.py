"""The whole command line's parser, put together from its commands."""

from __future__ import annotations

import argparse

from napari_spatial_embeddings import PROGRAM, __version__

from . import cluster, demo, devices, evaluate, models, predict, track, train
from .exporting import command as export
from .flags import Parser
from .importing import command as importing

COMMANDS = (
    demo,
    importing,
    train,
    predict,
    cluster,
    track,
    evaluate,
    export,
    models,
    devices,
)
"""In the order of the help. Each adds its parser, and sets ``run`` to what the command does."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; each command's namespace holds its function as ``run``."""
    root = Parser(
        prog=PROGRAM,
        description="Trainable instance segmentation of microscope images.",
        epilog=f"'{PROGRAM} COMMAND --help' explains a command.",
    )
    root.add_argument("--version", action="version", version=__version__)
    subparsers = root.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    return root
