"""Reader of the label images of folders, whoever wrote them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.label_values import objects_of
from napari_spatial_embeddings.files import LabelSeries, read_label_series, read_labels

from .flags import CallError


class LabelReader:
    """Reads label images with one value per object, and remembers which were masks.

    Parameters
    ----------
    axes : str, optional
        The files' axes, as in `files.read_labels`, or those of time series.
    channel : int, optional
        The one that holds the labels in files that have several.
    """

    def __init__(self, axes: str | None = None, channel: int | None = None) -> None:
        self.axes, self.channel = axes, channel
        self.masks: list[Path] = []

    def read(
        self, path: Path, other: tuple[int, ...] = (), *, scribbled: bool = False
    ) -> NDArray[np.integer]:
        """Read a label image; of a mask, its pieces.

        Parameters
        ----------
        path : path
        other : tuple of int
            Labels that are no objects.
        scribbled : bool
            Labels are scribbles, several of which may be on one object: they are taken as they are.

        Raises
        ------
        InputError
            If it cannot be used as labels.
        """
        axes = self.axes and self.axes.upper().replace("T", "")  # of one frame
        labels = read_labels(path, axes, self.channel)
        if scribbled:
            return labels
        found = objects_of(labels, str(path), other)
        if found.from_mask:
            self.masks.append(path)
        return found.labels

    def series(self, path: Path, *, as_they_are: bool = False) -> LabelSeries:
        """Open the labels of a time series, which are read frame by frame.

        Parameters
        ----------
        path : path
        as_they_are : bool
            Masks are not divided into their pieces.

        Raises
        ------
        InputError
            If it is no time series, or a channel is to be chosen.
        """
        if self.channel is not None:
            raise CallError(f"--channels: labels of a time series have none, and {path} is one")
        return read_label_series([path], self.axes, tracked=as_they_are)

    def report_masks(self) -> None:
        """Report the masks on stderr."""
        if not self.masks:
            return
        first, *others = self.masks
        more = f" and {len(others)} more are masks" if others else " is a mask"
        sys.stderr.write(
            f"{first}{more} of a single value: each separate piece is taken for an object, and"
            " objects that touch for one\n"
        )
