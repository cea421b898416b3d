"""Linked series: labels with an axis of time, their tracks, and the corrections of their links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .undo_history import UndoHistory

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.units import Lengths
    from napari_spatial_embeddings.tracking.corrections import LinkCorrections
    from napari_spatial_embeddings.tracking.detections import Detections
    from napari_spatial_embeddings.tracking.tracks import Tracks


@dataclass(slots=True, eq=False)
class LinkedSeries:
    """A Labels layer of the viewer that was chosen to be linked. Changed in the main thread only.

    `LinkingController` adds, changes and removes records.

    Parameters
    ----------
    key : str
        Name that its layers and its file in the project share.
    layer : napari.layers.Labels
        The one that is linked.
    axes : str
        Meaning of its axes: "TYX" or "TZYX".
    revision : int
        Of its labels: how often they were changed.
    detections : Detections, optional
        Its objects, as they were measured; None if the layer has changed since.
    measured : (Lengths, str), optional
        Pixel size and unit with which they were measured.
    tracks : Tracks, optional
        What the last linking found.
    solved : mapping
        What makes the next linking of the same detections quick.
    corrections, saved : LinkCorrections, optional
        As the user made them, and as they are in the project; None until the first linking.
    undo : UndoHistory
        Of the corrections.
    """

    key: str
    layer: Any
    axes: str
    revision: int = 0
    detections: Detections | None = None
    measured: tuple[Lengths | None, str | None] | None = None
    tracks: Tracks | None = None
    solved: Mapping[Any, Any] = field(default_factory=dict)
    corrections: LinkCorrections | None = None
    saved: LinkCorrections | None = None
    undo: UndoHistory[LinkCorrections] = field(default_factory=UndoHistory)

    @property
    def corrected(self) -> int:
        """Number of corrections."""
        return 0 if self.corrections is None else len(self.corrections)

    @property
    def stale(self) -> bool:
        """Whether the layer has changed since it was linked."""
        return self.tracks is not None and self.detections is None
