"""Layers that show the labels of large images, of which no more is read than is seen."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from napari.components import ViewerModel
from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, QTimer

from napari_spatial_embeddings.plugin.layers.image import place, transform
from napari_spatial_embeddings.plugin.layers.napari_compat import insert, read_again
from napari_spatial_embeddings.plugin.layers.tags import (
    LayerTag,
    Role,
    find_layer,
    image_key,
    role_of,
)

ROLE: Role = "large"

OPACITY = 0.5
"""When they are first shown: the image stays visible below them."""

REFRESH_MS = 1000
"""Milliseconds between two looks at labels that grow."""

BELOW = ("image", "offsets", "margin", "seed", ROLE)
"""Roles of the layers that lie below them."""


class LargeLabels(QObject):
    """Shows labels of large images as layers above their image.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._grown: set[str] = set()
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(REFRESH_MS)
        self._pause.timeout.connect(self._refresh)

    def close(self) -> None:
        """Look at nothing any more."""
        self._pause.stop()

    def layer(self, key: str) -> Labels | None:
        """Return the layer of an image's labels, if there is one."""
        layer = find_layer(self._viewer, ROLE, key)
        return layer if isinstance(layer, Labels) else None

    def show(self, key: str, levels: Sequence[Any]) -> None:
        """Show labels of an image.

        Parameters
        ----------
        key : str
        levels : sequence of lazy arrays (*S)
            The finest first.
        """
        layer, image = self.layer(key), find_layer(self._viewer, "image", key)
        if image is None or not levels:
            return
        where, several = transform(self._viewer, key), len(levels) > 1
        data = list(levels) if several else levels[0]  # napari takes one of a list for its rows
        if layer is not None and _shapes(layer) == [x.shape for x in levels]:
            layer.data = data
            place(layer, where)
            return
        if layer is not None:
            self._viewer.layers.remove(layer)
        new = Labels(
            data,
            multiscale=several,
            name=f"{image.name} · whole image",
            opacity=OPACITY,
            metadata=LayerTag(ROLE, key).metadata(),
            **where,
        )
        insert(self._viewer, self._index_above(key), new)

    def grow(self, key: str) -> None:
        """Have labels that there are more of be seen, soon."""
        self._grown.add(key)
        if not self._pause.isActive():
            self._pause.start()

    def _refresh(self) -> None:
        grown, self._grown = self._grown, set()
        for key in grown:
            layer = self.layer(key)
            if layer is not None and layer.visible:
                read_again(layer)

    def _index_above(self, key: str) -> int:
        at = [n for n, x in enumerate(self._viewer.layers) if _is_below(x, key)]
        return at[-1] + 1 if at else len(self._viewer.layers)


def _shapes(layer: Labels) -> list[tuple[int, ...]]:
    return [level.shape for level in (layer.data if layer.multiscale else [layer.data])]


def _is_below(layer: Layer, key: str) -> bool:
    return image_key(layer) == key and role_of(layer) in BELOW


def fit(levels: Sequence[Any], shape: tuple[int, ...]) -> bool:
    """Return whether labels are those of an image of some shape."""
    return bool(levels) and tuple(levels[0].shape) == shape and prod(shape) > 0
