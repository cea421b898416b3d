"""Workers that share in the segmentation of a large image: on this machine, or of a scheduler."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatial_embeddings.errors import InputError

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

    @contextmanager
    def place(self, image: Callable[[], ImageData], model: str) -> Iterator[DaskWorkers | None]:
        """Yield the place that they make; None for this process.

        Parameters
        ----------
        image : callable
            Opens the image by its absolute path; it can be pickled.
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
        from napari_spatial_embeddings.inference.dask_workers import (
            Sources,
            local_workers,
            workers_of,
        )
        from napari_spatial_embeddings.inference.registry import find_model

        name = str(Path(model).resolve()) if Path(model).is_dir() else model
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
