"""Flags of the workers that share in a segmentation by blocks, and the place that they make."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.cli.flags import CallError

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.dask_workers import DaskWorkers


@dataclass(frozen=True, slots=True)
class Workers:
    """Which workers are asked for; none if neither is given.

    Parameters
    ----------
    count : int, optional
        Of processes on this machine.
    scheduler : str, optional
        Address of a scheduler of Dask.
    """

    count: int | None = None
    scheduler: str | None = None

    @classmethod
    def of(cls, options: argparse.Namespace) -> Workers:
        """Return what a parsed command line asks for.

        Raises
        ------
        CallError
            If it makes no sense.
        """
        if options.workers is not None and options.scheduler:
            raise CallError("--workers: a --scheduler has its own; give one of the two")
        if options.workers is not None and options.workers < 1:
            raise CallError("--workers: should be 1 or more")
        return cls(options.workers, options.scheduler)

    @property
    def asked(self) -> bool:
        """Whether there are any."""
        return self.count is not None or self.scheduler is not None

    @contextmanager
    def place(self, read: Callable[[], ImageData], model: str) -> Iterator[DaskWorkers | None]:
        """Yield the place that they make; None for this process.

        Parameters
        ----------
        read : partial function
            Of the image's path, and perhaps more.
        model : str
            Name or folder.
        """
        if not self.asked:
            yield None
            return
        from napari_spatial_embeddings.inference.dask_workers import (
            Sources,
            local_workers,
            workers_of,
        )
        from napari_spatial_embeddings.inference.registry import find_model

        name = str(Path(model).resolve()) if Path(model).is_dir() else model
        assert isinstance(read, partial)
        path, *more = read.args
        image = partial(read.func, Path(path).resolve(), *more)
        sources = Sources(image, partial(find_model, name))
        if self.scheduler is not None:
            made = workers_of(self.scheduler, sources)
        else:
            assert self.count is not None
            made = local_workers(self.count, sources)
        with made as place:
            for noisy in ("client", "comm", "utils"):  # what matters of it is an error of ours
                logging.getLogger(f"distributed.{noisy}").setLevel(logging.CRITICAL)
            try:
                yield place
            finally:  # that one is slow to end is no news
                logging.getLogger("distributed.nanny").setLevel(logging.CRITICAL)


def add_worker_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--workers`` and ``--scheduler``."""
    group = parser.add_argument_group("workers, where the output is a file")
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
