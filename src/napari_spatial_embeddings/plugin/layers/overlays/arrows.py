"""Arrows for the offsets of what is in view."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Vectors
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal
from superqt.utils import QSignalDebouncer

from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.export.colours import offset_colours
from napari_spatial_embeddings.plugin.layers.image import transform
from napari_spatial_embeddings.plugin.layers.napari_compat import camera, insert
from napari_spatial_embeddings.plugin.layers.tags import (
    LayerTag,
    find_layer,
    image_key,
    role_of,
    tag_of,
    tagged,
)
from napari_spatial_embeddings.plugin.layers.viewport import visible_box
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.open_image import Box
from napari_spatial_embeddings.plugin.state.session import Session

MAX_ARROWS = 4000
"""Arrows that are shown at most; of more pixels, every second, third, ... has one."""

ARROWS_DELAY_MS = 120
"""Milliseconds after the last change of the view."""


class ArrowsLayer(QObject):
    """Shows offsets of foreground pixels of the current image as arrows, while switched on.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    """

    switched = Signal(bool)

    def __init__(
        self, viewer: ViewerModel, session: Session, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._on = False
        self._connections = Connections()
        self._pause = QSignalDebouncer(parent=self)
        self._pause.setTimeout(ARROWS_DELAY_MS)
        self._pause.triggered.connect(self._draw)

    @property
    def on(self) -> bool:
        """Whether arrows are shown."""
        return self._on

    def switch(self, on: bool) -> None:
        """Show arrows, or remove them."""
        if on == self._on:
            return
        self._on = on
        if on:
            self._connect()
            self._draw()
        else:
            self._connections.close()
            self._pause.cancel()
            for layer in tagged(self._viewer, "arrows"):
                self._viewer.layers.remove(layer)
        self.switched.emit(on)

    def close(self) -> None:
        """Remove the arrows."""
        self.switch(False)

    def _connect(self) -> None:
        viewer, session = self._viewer, self._session
        for signal in (
            camera(viewer).events,
            viewer.dims.events,
            session.result_changed,
            session.image_changed,
            session.clustering_changed,
        ):
            self._connections.add(signal, self._schedule)
        self._connections.add(viewer.layers.events.removed, self._removed)

    def _schedule(self, *_: Any) -> None:
        self._pause.throttle()

    def _removed(self, event: Any) -> None:
        if role_of(event.value) == "arrows":
            self.switch(False)

    def _draw(self) -> None:
        image, viewer = self._session.current, self._viewer
        for layer in tagged(viewer, "arrows"):
            if image is None or image_key(layer) != image.key:
                layer.data = np.empty((0, 2, layer.ndim), np.float32)
        tag = None if image is None else tag_of(image.layer)
        if image is None or image.result is None or tag is None:
            return
        try:
            box = visible_box(viewer, image.layer, tag.axes)
        except InputError:
            return
        vectors = arrows(image.result.maps, box, self._session.clustering.foreground_threshold)
        layer = find_layer(viewer, "arrows", image.key)
        if layer is None:
            layer = Vectors(
                vectors,
                name=f"{image.layer.name} · arrows",
                metadata=LayerTag("arrows", image.key).metadata(),
                vector_style="arrow",
                edge_width=0.5,
                **transform(viewer, image.key),
            )
            insert(viewer, len(viewer.layers), layer)
        else:
            layer.data = vectors
        if len(vectors):
            layer.edge_color = _colours(vectors)
        layer.edge_width = max(0.1, _step(box) / 4)


def arrows(maps: EmbeddingMaps, box: Box, foreground: float) -> NDArray[np.float32]:
    """Return the offsets of a box's foreground pixels as vectors (N, 2, D), in pixels.

    Each starts at a pixel and ends at its embedding. N is at most `MAX_ARROWS`: of more pixels,
    every second, third, ... along each axis is taken.
    """
    step = _step(box)
    while True:
        at = tuple(
            slice(s.start + (len(range(s.start, s.stop)) - 1) % step // 2, s.stop, step)
            for s in box
        )
        chosen = np.argwhere((maps.seed[(slice(None), *at)] > foreground).any(0))
        if len(chosen) <= MAX_ARROWS:
            break
        step += 1
    start = chosen * step + [s.start for s in at]
    offsets = maps.offsets[(slice(None), *start.T)].T / np.array(maps.spacing)
    return np.stack([start, offsets], 1).astype(np.float32)


def _step(box: Box) -> int:
    """Return the distance in pixels between two that may have an arrow."""
    lengths = [s.stop - s.start for s in box]
    many = sum(n > 1 for n in lengths)
    return max(1, int((np.prod(lengths, dtype=float) / MAX_ARROWS / 4) ** (1 / max(1, many))))


def _colours(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colours of the wheel, opaque."""
    if not len(vectors):
        return np.empty((0, 4), np.float32)
    rgb = offset_colours(vectors[:, 1].T[:, None])[0] / np.float32(255)
    return np.concatenate([rgb, np.ones((len(rgb), 1), np.float32)], 1)
