"""Undo and redo of what is done to regions, which napari's layers of shapes do not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.undo_history import UndoHistory

if TYPE_CHECKING:
    from napari.utils.events import Event

UNDO, REDO = "Control-Z", "Control-Shift-Z"


@dataclass(frozen=True, slots=True, eq=False)
class _Regions:
    """The shapes of a layer at one time."""

    shapes: tuple[tuple[NDArray[np.float64], str], ...]
    widths: tuple[float, ...]

    @classmethod
    def of(cls, layer: Shapes) -> _Regions:
        shapes = zip(layer.data, layer.shape_type, strict=True)
        return cls(
            tuple((np.array(corners), kind) for corners, kind in shapes), tuple(layer.edge_width)
        )

    def same(self, other: _Regions) -> bool:
        return len(self.shapes) == len(other.shapes) and all(
            kind == kind_then and np.array_equal(corners, then)
            for (corners, kind), (then, kind_then) in zip(self.shapes, other.shapes, strict=True)
        )


class RegionHistory:
    """Takes changes of regions back, with Ctrl+Z while their layer is active.

    Parameters
    ----------
    layer : Shapes
    """

    def __init__(self, layer: Shapes) -> None:
        self._layer, self._now = layer, _Regions.of(layer)
        self._history: UndoHistory[_Regions] = UndoHistory()
        self._restoring = False
        self._connections = Connections()
        self._connections.add(layer.events.data, self._changed)
        layer.bind_key(UNDO, self._undo, overwrite=True)
        layer.bind_key(REDO, self._redo, overwrite=True)

    def close(self) -> None:
        """Disconnect from the layer."""
        self._connections.close()
        for key in (UNDO, REDO):
            self._layer.bind_key(key, None)

    def _changed(self, event: Event) -> None:
        # What is under way, such as a rectangle that still grows, is not a step of its own.
        if self._restoring or str(getattr(event, "action", "")).endswith("ing"):
            return
        new = _Regions.of(self._layer)
        if not new.same(self._now):
            self._history.push(self._now)
            self._now = new

    def _undo(self, _layer: Shapes) -> None:
        if self._history.can_undo:
            self._restore(self._history.undo(self._now))

    def _redo(self, _layer: Shapes) -> None:
        if self._history.can_redo:
            self._restore(self._history.redo(self._now))

    def _restore(self, regions: _Regions) -> None:
        self._restoring = True
        try:
            self._layer.data = list(regions.shapes)
            self._layer.edge_width = list(regions.widths)
        finally:
            self._restoring = False
        self._now = regions
