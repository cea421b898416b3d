"""Names of an image's layers, which follow that of the image."""

from __future__ import annotations

from napari.components import ViewerModel
from napari.layers import Layer

from napari_spatial_embeddings.plugin.layers import tags


class LayerNames:
    """Renames the layers of an image with it, but for those that the user named.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._names: dict[Layer, str] = {}

    def watch(self, layer: Layer) -> None:
        """Note the name that a layer has."""
        self._names[layer] = layer.name

    def forget(self, layer: Layer) -> None:
        """Forget a layer that was removed."""
        self._names.pop(layer, None)

    def follow(self, layer: Layer) -> str | None:
        """Follow a layer that has another name; return its key if it is an image."""
        old, key = self._names.get(layer, layer.name), tags.image_key(layer)
        self.watch(layer)
        if old == layer.name or key is None or tags.role_of(layer) != "image":
            return None
        for other in self._viewer.layers:
            if other is not layer and tags.image_key(other) == key:
                other.name = tags.renamed(other.name, old, layer.name)
        return key
