"""A label series in a viewer, and what links it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from movies import movie
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.plugin.state.linked_series import LinkedSeries
from napari_spatial_embeddings.tracking.tracks import Place, Tracks
from plugin.scenes import Rig

SIZE = (0.5, 0.5)
"""Size of a pixel in micrometres."""


def cells(frames: int = 6) -> NDArray[np.int32]:
    """Return cells in a row that stay where they are: one is missed in a frame, one divides.

    Labels differ from frame to frame. The cells, from left to right: 1, in all frames; 2, missing
    in frame 3; 3, in frames 0 to 2, twice as large as its daughters 4 (left) and 5 (right), which
    are there afterwards; 6, in all frames.
    """
    late = range(3, frames)
    spots: dict[int, dict[int, tuple[float, ...]]] = {
        1: dict.fromkeys(range(frames), (20.0, 10.0)),
        2: {t: (20.0, 28.0) for t in range(frames) if t != 3},
        4: dict.fromkeys(late, (20.0, 45.0)),
        5: dict.fromkeys(late, (20.0, 55.0)),
        6: dict.fromkeys(range(frames), (20.0, 72.0)),
    }
    mother = movie({3: dict.fromkeys(range(3), (20.0, 50.0))}, (40, 84), frames, radius=5.5)
    labels = movie(spots, (40, 84), frames) + mother
    for t in range(1, frames):  # a cell has another label in every frame
        labels[t][labels[t] > 0] += 10 * t
    return labels


@dataclass
class Series:
    """A label series that is chosen.

    Parameters
    ----------
    rig : EditorBench or dock
    qtbot : QtBot
    labels : int32 (T, *S)
    name : str
    """

    rig: Rig
    qtbot: QtBot
    labels: NDArray[np.int32]
    name: str = "cells"

    def add(self, data: Any = None, **more: Any) -> Labels:
        """Open the labels."""
        known = {"name": self.name, "scale": (1, *SIZE), "units": ("pixel", "um", "um")}
        layer: Labels = self.rig.viewer.add_labels(
            self.labels if data is None else data, **{**known, **more}
        )
        return layer

    def until(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=60_000)

    def wait(self) -> None:
        """Wait until nothing is linked any more."""
        self.until(lambda: not self.rig.linking.busy)

    def link(self) -> Tracks:
        """Link, and wait for the tracks."""
        self.rig.linking.link()
        self.wait()
        return self.tracks

    @property
    def record(self) -> LinkedSeries:
        assert self.rig.series.series is not None
        return self.rig.series.series

    @property
    def tracks(self) -> Tracks:
        assert self.record.tracks is not None
        return self.record.tracks

    def layer(self, role: Any) -> Any:
        """Return the layer of tracked cells, or of tracks."""
        return find_layer(self.rig.viewer, role, "", self.record.key)

    def place(self, frame: int, cell: int) -> Place:
        """Return the object of a cell of `cells` in a frame."""
        return frame, cell + 10 * frame

    def ids(self, *places: tuple[int, int]) -> list[int]:
        """Return the ids that are shown of cells in frames."""
        shown = self.layer("tracked").data
        found = []
        for frame, cell in places:
            _, label = self.place(frame, cell)
            (own,) = np.unique(shown[frame][self.labels[frame] == label])
            found.append(int(own))
        return found
