"""Watching of layers: what the user, napari or a script changes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.plugin.layers import tags
from napari_spatial_embeddings.plugin.layers.image import place_on_image
from napari_spatial_embeddings.plugin.layers.tags import Role
from napari_spatial_embeddings.plugin.layers.world import take_world_units
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

if TYPE_CHECKING:
    from napari.utils.events import Event

PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
"""Properties of a layer that all layers of an image share."""

ON_PIXELS: tuple[Role, ...] = ("annotations", "regions", "instances", "locked", "large")
"""Roles of layers whose pixels are those of the image, and are saved or corrected as such."""


class LayerWatcher(QObject):
    """Reports what changes of layers, and puts back what must stay as it is.

    That is the place of layers which lie on the pixels of an image, and the plugin's entry in a
    layer's metadata.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
        Shows the user what was put back.
    """

    replaced = Signal(object)
    """A layer has other data."""
    moved = Signal(object)
    """A layer of an image, or one of its channels, has another transform, unit or axis labels."""
    named = Signal(object)
    """A layer has another name."""

    def __init__(
        self, viewer: ViewerModel, session: Session, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._watched: dict[Layer, Connections] = {}
        self._changed: list[Layer] = []
        self._putting_back = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._put_back)

    def close(self) -> None:
        """Disconnect from all layers."""
        self._soon.stop()
        for layer in list(self._watched):
            self.forget(layer)

    def watch(self, layer: Layer) -> None:
        """Follow a layer from now on."""
        if tags.role_of(layer) not in (None, "image"):
            take_world_units(self._viewer, layer)
        links = self._watched[layer] = Connections()
        links.add(layer.events.name, self._named)
        links.add(layer.events.metadata, self._disturbed)
        for name in PLACE:
            links.add(layer.events[name], self._moved)
        if isinstance(layer, Image | Labels):
            links.add(layer.events.data, self._replaced)

    def forget(self, layer: Layer) -> None:
        """Follow a layer no more."""
        if layer in self._watched:
            self._watched.pop(layer).close()
        if layer in self._changed:
            self._changed.remove(layer)

    def _named(self, event: Event) -> None:
        self.named.emit(event.source)

    def _replaced(self, event: Event) -> None:
        self.replaced.emit(event.source)

    def _moved(self, event: Event) -> None:
        role = tags.role_of(event.source)
        if role in (None, "image"):
            self.moved.emit(event.source)
        elif role in ON_PIXELS:
            self._disturbed(event)

    def _disturbed(self, event: Event) -> None:
        # Not at once: its properties are set one by one, and linked layers set each other's.
        if not self._putting_back and event.source not in self._changed:
            self._changed.append(event.source)
            self._soon.start(0)

    def _put_back(self) -> None:
        changed, self._changed = self._changed, []
        self._putting_back = True
        try:
            for layer in changed:
                tags.restore_tag(layer)
                key = tags.image_key(layer)
                if key is None or tags.role_of(layer) not in ON_PIXELS:
                    continue
                if place_on_image(self._viewer, layer):
                    self._session.say(
                        f"{layer.name} stays on its image: move the image's layer, and all that"
                        " belongs to it follows."
                    )
        finally:
            self._putting_back = False
