"""The mouse over an image: clicks and moves, as pixels of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import QObject, Signal
from superqt.utils import QSignalThrottler

from .frames import in_frame

CLICK_TOLERANCE = 4
"""Pixels of the screen that the mouse may move between press and release of a click."""

MOVE_INTERVAL_MS = 40
"""Milliseconds between two reported moves."""


class Pointer(QObject):
    """Reports clicks on the canvas, and moves of the mouse.

    A press that moves is ignored: the view is dragged as always.

    Parameters
    ----------
    viewer : ViewerModel
    """

    clicked = Signal(object)
    """World coordinates of a click with the left button and no key."""
    moved = Signal(object)
    """World coordinates of the mouse, now and then while it moves."""

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._position: tuple[float, ...] = ()
        self._zooming: list[Any] = []
        self._throttler = QSignalThrottler(QSignalThrottler.EmissionPolicy.Trailing, self)
        self._throttler.setTimeout(MOVE_INTERVAL_MS)
        self._throttler.triggered.connect(self._emit_moved)

    def close(self) -> None:
        """Disconnect from the viewer."""
        self.listen_to_clicks(False)
        self.listen_to_moves(False)

    def listen_to_clicks(self, on: bool) -> None:
        """Start or stop reporting clicks; napari's zoom by a double click is off meanwhile."""
        drags = self._viewer.mouse_drag_callbacks
        doubles = self._viewer.mouse_double_click_callbacks
        if on and self._drag not in drags:
            self._zooming = list(doubles)
            doubles[:] = [self._double]
            drags.append(self._drag)
        elif not on and self._drag in drags:
            drags.remove(self._drag)
            doubles[:] = [*self._zooming, *(x for x in doubles if x != self._double)]

    def listen_to_moves(self, on: bool) -> None:
        """Start or stop reporting where the mouse is."""
        moves = self._viewer.mouse_move_callbacks
        if on and self._move not in moves:
            moves.append(self._move)
        elif not on and self._move in moves:
            moves.remove(self._move)
            self._throttler.cancel()

    # ------------------------------------------------------ callbacks of napari

    def _drag(self, _viewer: ViewerModel, event: Any) -> Iterator[None]:
        if event.button != 1 or event.modifiers:
            return
        start, at, far = np.array(event.pos), event.position, 0.0
        yield
        while event.type == "mouse_move":
            far = max(far, float(np.abs(np.array(event.pos) - start).max()))
            yield
        if far <= CLICK_TOLERANCE:
            self.clicked.emit(at)

    def _double(self, _viewer: ViewerModel, event: Any) -> None:
        """Treat the second press of two quick clicks as another click."""
        if event.button == 1 and not event.modifiers:
            self.clicked.emit(event.position)

    def _move(self, _viewer: ViewerModel, event: Any) -> None:
        self._position = event.position
        self._throttler.throttle()

    def _emit_moved(self) -> None:
        self.moved.emit(self._position)


def pixel_of(layer: Layer, position: tuple[float, ...]) -> tuple[int, ...] | None:
    """Return the pixel of a layer at world coordinates; None if it lies outside.

    Of a time series, the pixel of its frame.
    """
    at = tuple(round(float(x)) for x in layer.world_to_data(position))
    inside = all(0 <= i < n for i, n in zip(at, layer.data.shape, strict=True))
    return in_frame(layer, at) if inside else None
