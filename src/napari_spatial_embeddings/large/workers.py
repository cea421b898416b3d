"""Workers that share in a segmentation: processes of this machine, or those of a scheduler."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.workers.forking import prepare

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.workers.dask_workers import DaskWorkers


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
    def parse(cls, text: str) -> Workers:
        """Return what a text asks for: a number of processes, or the address of a scheduler.

        Raises
        ------
        InputError
            If it is neither.
        """
        text = text.strip()
        if not text:
            return cls()
        if text.isdecimal() and int(text) > 0:
            return cls(count=int(text))
        if "://" not in text and not Path(text).is_file():
            raise InputError(
                f"workers: '{text}' is neither a number of processes, such as 4, nor the address of"
                " a Dask scheduler, such as tcp://192.0.2.1:8786"
            )
        return cls(scheduler=text)

    @property
    def asked(self) -> bool:
        """Whether there are any."""
        return self.count is not None or self.scheduler is not None

    def prepare(self) -> None:
        """Have processes of this machine import what they need, while this one does."""
        if self.count is not None:
            prepare()

    @contextmanager
    def connected(self, model: str) -> Iterator[DaskWorkers | None]:
        """Yield them; None for this process.

        Parameters
        ----------
        model : str
            Name or folder.

        Raises
        ------
        InputError
            If Dask is not installed, or no scheduler answers.
        """
        if not self.asked:
            yield None
            return
        from napari_spatial_embeddings.inference.registry import find_model
        from napari_spatial_embeddings.inference.workers.connecting import local_workers, workers_of

        name = str(Path(model).resolve()) if Path(model).is_dir() else model
        load = partial(find_model, name)
        if self.scheduler is not None:
            made = workers_of(self.scheduler, load)
        else:
            assert self.count is not None
            made = local_workers(self.count, load)
        with made as workers:
            for noisy in ("client", "comm", "utils"):  # what matters of it is an error of ours
                logging.getLogger(f"distributed.{noisy}").setLevel(logging.CRITICAL)
            try:
                yield workers
            finally:  # that one is slow to end is no news
                logging.getLogger("distributed.nanny").setLevel(logging.CRITICAL)
