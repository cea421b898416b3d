"""The mouse over an image: clicks and moves, as pixels of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer, Signal

Pixel = tuple[int, ...]

STILL = 4
"""Pixels of the screen that a hand may move between press and release of a click."""

REST = 40
"""Milliseconds between two moves that are told."""


class Pointer(QObject):
    """Tells where on an image a person clicks, and where the mouse is.

    A press that moves is none of our business: the view is dragged as always.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    clicked = Signal(object)
    """World coordinates of a click with the left button and no key."""
    moved = Signal(object)
    """World coordinates of the mouse, now and then while it moves."""

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self._at: tuple[float, ...] = ()
        self._zooming: list[Any] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST)
        self._timer.timeout.connect(lambda: self.moved.emit(self._at))

    # ---------------------------------------------------------------- what is listened to

    def listen_to_clicks(self, on: bool) -> None:
        """Begin or end telling of clicks; napari's zoom by two clicks rests meanwhile."""
        drags, doubles = self.viewer.mouse_drag_callbacks, self.viewer.mouse_double_click_callbacks
        if on and self._drag not in drags:
            self._zooming = list(doubles)
            doubles[:] = [self._double]
            drags.append(self._drag)
        elif not on and self._drag in drags:
            drags.remove(self._drag)
            doubles[:] = [*self._zooming, *(x for x in doubles if x != self._double)]

    def listen_to_moves(self, on: bool) -> None:
        """Begin or end telling where the mouse is."""
        moves = self.viewer.mouse_move_callbacks
        if on and self._move not in moves:
            moves.append(self._move)
        elif not on and self._move in moves:
            moves.remove(self._move)
            self._timer.stop()

    def close(self) -> None:
        """Let go of the viewer."""
        self.listen_to_clicks(False)
        self.listen_to_moves(False)

    # ---------------------------------------------------------------- what napari calls

    def _drag(self, _viewer: Viewer, event: Any) -> Iterator[None]:
        if event.button != 1 or event.modifiers:
            return
        start, at, far = np.array(event.pos), event.position, 0.0
        yield
        while event.type == "mouse_move":
            far = max(far, float(np.abs(np.array(event.pos) - start).max()))
            yield
        if far <= STILL:
            self.clicked.emit(at)

    def _double(self, _viewer: Viewer, event: Any) -> None:
        """Take the second press of two quick clicks for what it is: another click."""
        if event.button == 1 and not event.modifiers:
            self.clicked.emit(event.position)

    def _move(self, _viewer: Viewer, event: Any) -> None:
        self._at = event.position
        if not self._timer.isActive():
            self._timer.start()


def pixel_of(layer: Layer, position: tuple[float, ...]) -> Pixel | None:
    """Return the pixel of a layer at world coordinates; None if it lies outside."""
    at = tuple(round(float(x)) for x in layer.world_to_data(position))
    inside = all(0 <= i < n for i, n in zip(at, layer.data.shape, strict=True))
    return at if inside else None
