"""The offsets of what is in view, as arrows that follow the view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Vectors
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export.colours import offset_colours

from . import tags as _layers
from .viewport import Box, camera, visible

if TYPE_CHECKING:
    from napari_spatial_embeddings.plugin.controllers.workspace import Workspace

MOST = 4000
"""Arrows that are drawn at most; of more pixels, every second, third, ... is shown."""

DELAY = 120
"""Milliseconds after the last change of the view."""


class Arrows(QObject):
    """Draws the offsets of foreground pixels of the current image, while switched on."""

    switched = Signal(bool)

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self._workspace, self._session = workspace, workspace.session
        self._on = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY)
        self._timer.timeout.connect(self._draw)

    @property
    def on(self) -> bool:
        """Whether arrows are drawn."""
        return self._on

    def switch(self, on: bool) -> None:
        """Draw arrows, or remove them."""
        if on == self._on:
            return
        self._on = on
        viewer, session = self._workspace.viewer, self._session
        for event in (camera(viewer).events, viewer.dims.events):
            (event.connect if on else event.disconnect)(self._moved)
        for signal in (session.result_changed, session.image_changed, session.clustering_changed):
            (signal.connect if on else signal.disconnect)(self._moved)
        if on:
            viewer.layers.events.removed.connect(self._removed)
            self._draw()
        else:
            viewer.layers.events.removed.disconnect(self._removed)
            self._timer.stop()
            for layer in _layers.ours(viewer, "arrows"):
                viewer.layers.remove(layer)
        self.switched.emit(on)

    def _moved(self, *_: Any) -> None:
        self._timer.start()

    def _removed(self, event: Any) -> None:
        if _layers.role(event.value) == "arrows":
            self.switch(False)

    def _draw(self) -> None:
        key, result, image = self._session.image, self._session.result, self._workspace.layer
        viewer = self._workspace.viewer
        for layer in _layers.ours(viewer, "arrows"):
            if _layers.image_key(layer) != key:
                layer.data = np.empty((0, 2, layer.ndim), np.float32)
        if key is None or result is None or image is None:
            return
        axes = image.metadata[_layers.KEY]["axes"]
        try:
            box = visible(viewer, image, axes)
        except InputError:
            return
        vectors = arrows(result.maps, box, self._session.clustering.foreground_threshold)
        colours = _colours(vectors)
        layer = _layers.find(viewer, "arrows", key)
        if layer is None:
            layer = Vectors(
                vectors,
                name=f"{image.name} · arrows",
                metadata={_layers.KEY: {"role": "arrows", "image": key}},
                vector_style="arrow",
                edge_width=0.5,
                **self._workspace.place(key),
            )
            selected = set(viewer.layers.selection)
            viewer.layers.append(layer)
            viewer.layers.selection = selected
        else:
            layer.data = vectors
        if len(vectors):
            layer.edge_color = colours
        layer.edge_width = max(0.1, _step(box) / 4)


def arrows(maps: EmbeddingMaps, box: Box, foreground: float) -> NDArray[np.float32]:
    """Return the offsets of a box's foreground pixels as vectors (N, 2, D), in pixels.

    Each starts at a pixel and ends at its embedding. N is at most `MOST`: of more pixels, every
    second, third, ... along each axis is taken.
    """
    step = _step(box)
    while True:
        at = tuple(
            slice(s.start + (len(range(s.start, s.stop)) - 1) % step // 2, s.stop, step)
            for s in box
        )
        chosen = np.argwhere((maps.seed[(slice(None), *at)] > foreground).any(0))
        if len(chosen) <= MOST:
            break
        step += 1
    start = chosen * step + [s.start for s in at]
    offsets = maps.offsets[(slice(None), *start.T)].T / np.array(maps.spacing)
    return np.stack([start, offsets], 1).astype(np.float32)


def _step(box: Box) -> int:
    """Return every how many pixels one may have an arrow."""
    lengths = [s.stop - s.start for s in box]
    many = sum(n > 1 for n in lengths)
    return max(1, int((np.prod(lengths, dtype=float) / MOST / 4) ** (1 / max(1, many))))


def _colours(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colours of the wheel, opaque."""
    if not len(vectors):
        return np.empty((0, 4), np.float32)
    rgb = offset_colours(vectors[:, 1].T[:, None])[0] / np.float32(255)
    return np.concatenate([rgb, np.ones((len(rgb), 1), np.float32)], 1)
