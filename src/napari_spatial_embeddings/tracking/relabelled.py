"""Label series in which a cell keeps its id, relabelled where it is read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import LazyArray, Part, PixelArray

from .detections import read_frame
from .tracks import Tracks


class RelabelledSeries(LazyArray):
    """The labels that were linked, int32 (T, *S), with the ids of their tracks.

    Nothing is copied: a frame is read and relabelled when it is asked for, so that other tracks
    cost nothing but the frames that are looked at. Objects that are in no track are left out.

    Parameters
    ----------
    labels : whole numbers (T, *S)
        Those that were linked.
    tracks : Tracks
        May be replaced by others of the same series.
    """

    def __init__(self, labels: PixelArray, tracks: Tracks) -> None:
        super().__init__(labels.shape, np.int32)
        self.labels, self.tracks = labels, tracks

    def _read(self, wanted: tuple[Part, ...]) -> NDArray[Any]:
        frames, part = wanted[0], wanted[1:]
        tracks = self.tracks
        if isinstance(frames, int):
            return tracks.relabelled_frame(read_frame(self.labels, frames, part), frames)
        times = range(*frames.indices(len(self)))
        return np.stack(
            [tracks.relabelled_frame(read_frame(self.labels, t, part), t) for t in times]
        )
