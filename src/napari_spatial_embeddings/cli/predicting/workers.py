"""Flags of the workers that share in a prediction, and lines about them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_spatial_embeddings.cli.flags import CallError
from napari_spatial_embeddings.large.workers import Workers

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.workers.dask_workers import DaskWorkers


def workers_of(options: argparse.Namespace) -> Workers:
    """Return the workers that a parsed command line asks for.

    Raises
    ------
    CallError
        If it makes no sense.
    """
    if options.workers is not None and options.scheduler:
        raise CallError("--workers: a --scheduler has its own; give one of the two")
    if options.workers is not None and options.workers < 1:
        raise CallError("--workers: should be 1 or more")
    return Workers(options.workers, options.scheduler)


def add_worker_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--workers`` and ``--scheduler``."""
    group = parser.add_argument_group("workers")
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="Share the work among N processes of one thread each on this machine.",
    )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="Share the work among the workers of a Dask scheduler, such as tcp://192.0.2.1:8786.",
    )


def note_workers(workers: DaskWorkers | None, line: Callable[[str], object]) -> None:
    """State where it is seen what the workers do, and whether there are any yet."""
    if workers is None:
        return
    if workers.dashboard:
        line(f"dashboard of the workers: {workers.dashboard}")
    if not workers.threads:
        line("the scheduler has no workers yet: waiting for one")
