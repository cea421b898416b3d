"""Open images: which there are, which is the current one, and what their axes mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers import image as image_layer
from napari_spatial_embeddings.plugin.layers import tags
from napari_spatial_embeddings.plugin.layers.image_switcher import ImageSwitcher
from napari_spatial_embeddings.plugin.layers.placement import layer_shape
from napari_spatial_embeddings.plugin.layers.tags import LayerTag
from napari_spatial_embeddings.plugin.layers.viewport import look_at
from napari_spatial_embeddings.plugin.layers.world import take_world_units
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session

from .recognition import key_for, recognise

if TYPE_CHECKING:
    from napari.utils.events import Event

    from napari_spatial_embeddings.project import Project

TRANSFORM = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
"""Properties of a layer that all layers of an image share."""

SINGLE = ("image", "annotations", "regions")
"""Roles that one layer of an image has: another one is a copy that the user made."""


class ImageController(QObject):
    """Adds and removes the records of open images, and keeps the session's current image.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    """

    changed = Signal()
    """Layers were added, removed, moved or renamed, or the project's images changed."""
    arrived = Signal(object)
    """A layer was added."""
    leaving = Signal()
    """A layer is about to be removed."""
    moved = Signal(str)
    """An image has another transform or pixel size."""

    def __init__(
        self, viewer: ViewerModel, session: Session, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._switcher = ImageSwitcher(viewer, session.images)
        self._connections = Connections()
        self._watched: dict[Layer, Connections] = {}
        for layer in viewer.layers:
            self._watch(layer)
        self._sync()
        # After napari's own listeners: where to look depends on what it makes of the layer.
        self._connections.add(viewer.layers.events.inserted, self._inserted, position="last")
        self._connections.add(viewer.layers.events.removing, self._removing)
        self._connections.add(viewer.layers.events.removed, self._removed, position="last")

    def close(self) -> None:
        """Disconnect from the viewer."""
        self._connections.close()
        for layer in list(self._watched):
            self._unwatch(layer)

    # ------------------------------------------------------------------ queries

    def layers(self) -> list[Image]:
        """Return the image layers that can be chosen."""
        return image_layer.image_layers(self._viewer)

    @property
    def layer(self) -> Image | None:
        """The current image's layer."""
        return self.layer_of(self._session.image)

    def layer_of(self, key: str | None) -> Image | None:
        """Return an image's layer, if it is open."""
        image = None if key is None else self._session.images.get(key)
        return None if image is None else image.layer

    @property
    def axes(self) -> str:
        """Meaning of the axes of the current image's array; empty if there is none."""
        layer = self.layer
        tag = None if layer is None else tags.tag_of(layer)
        return "" if tag is None else tag.axes

    def channel_layers(self, key: str | None = None) -> tuple[list[Image], str]:
        """Return the layers of an image, one or one per channel, and what their axes mean.

        The current image's if no key is given.

        Raises
        ------
        InputError
            If no image is chosen, or its layer is gone.
        """
        layer = self.layer_of(key or self._session.image)
        tag = None if layer is None else tags.tag_of(layer)
        if layer is None or tag is None:
            raise InputError("there is no image: open one, and choose it under Data")
        others = [x for x in self.layers() if str(x.unique_id) in tag.channels and x is not layer]
        return [layer, *others], tag.axes

    def image_data(self, key: str | None = None) -> ImageData:
        """Return an image, the current one if no key is given; no pixel is read.

        Raises
        ------
        InputError
            If no image is chosen, its layer is gone, or it cannot be used.
        """
        return image_layer.image_data(*self.channel_layers(key))

    def shape(self, key: str) -> tuple[int, ...]:
        """Return the shape of an image along its spatial axes; empty if it is not open."""
        layer = self.layer_of(key)
        tag = None if layer is None else tags.tag_of(layer)
        if layer is None or tag is None:
            return ()
        shape = layer_shape(layer)
        return tuple(shape[axis] for axis in image_layer.spatial(tag.axes))

    def transform(self, key: str | None = None) -> dict[str, Any]:
        """Return where layers of an image must lie to cover it."""
        key = key or self._session.image
        return {} if key is None else image_layer.transform(self._viewer, key)

    def kind(self) -> tuple[int, int]:
        """Return the number of channels and of spatial axes of the current image.

        Raises
        ------
        InputError
            If its layer is gone.
        """
        layer = self.layer
        if layer is None:
            raise InputError("The image's layer is gone: open it again, and choose it under Data.")
        layers, axes = self.channel_layers()
        own = image_layer.channel_count(layer, axes) if axes else 1
        return own + len(layers) - 1, 3 if "Z" in axes else 2

    # ------------------------------------------------------------------ changes

    def recognise(self, project: Project) -> list[Image]:
        """Return the layers that show images of a project, also those opened without it."""
        found = recognise(self._session, self.layers(), project)
        self._sync()
        return found

    def choose(
        self,
        layer: Image | None,
        axes: str | None = None,
        channels: tuple[Image, ...] | None = None,
    ) -> None:
        """Make an image layer the current image.

        Parameters
        ----------
        layer : Image, optional
            None for no image.
        axes : str, optional
            What its axes mean; as before, or the likeliest meaning, if not given.
        channels : tuple of Image, optional
            Further layers that are channels of the same image; as before if not given.
        """
        if layer is None:
            self._session.set_image(None)
            return
        before = tags.tag_of(layer)
        possible = image_layer.possible_axes(layer)
        axes = axes or (before.axes if before is not None else "") or next(iter(possible), "")
        tag = before or LayerTag("image", key_for(self._session, layer, axes))
        ids = tag.channels if channels is None else tuple(str(x.unique_id) for x in channels)
        changed = before is not None and (before.axes, before.channels) != (axes, ids)
        tags.set_tag(layer, tag)
        tag = tags.update_tag(layer, axes=axes, channels=ids)
        if axes and (tag.pixel_size is None or tag.pixel_size[0] != axes):
            known = self._project_pixel_size(tag.image) or image_layer.known_pixel_size(layer, axes)
            tags.update_tag(layer, pixel_size=(axes, known))
        self._sync()
        if changed and self._session.image == tag.image:
            self._session.set_image(None)  # another image, though it is the same layer
        self._switcher.bring_to_front(tag.image)
        self._session.set_image(tag.image)
        self.changed.emit()

    def forget(self, key: str) -> None:
        """Make the layers of an image the user's own again; its other layers are removed."""
        for layer in list(self._viewer.layers):
            if tags.image_key(layer) != key:
                continue
            if tags.role_of(layer) == "image":
                tags.remove_tag(layer)
            else:
                self._viewer.layers.remove(layer)
        self._sync()

    def set_pixel_size(self, size: tuple[float, ...], unit: str) -> None:
        """Give the current image's layer a scale and a unit."""
        layer = self.layer
        if layer is None:
            return
        scale, units = np.array(layer.scale), [str(u) for u in layer.units]
        for axis, value in zip(image_layer.spatial(self.axes), size, strict=True):
            scale[axis], units[axis] = value, unit
        layer.scale, layer.units = scale, tuple(units)
        look_at(self._viewer, layer)

    def _project_pixel_size(self, key: str) -> tags.PixelSize | None:
        project = self._session.project
        entry = None if project is None else project.card.find(key)
        return None if entry is None else (entry.pixel_size, entry.unit)

    # ------------------------------------------------------------------- layers

    def _sync(self) -> None:
        """Have a record for each tagged image layer, and no other."""
        there = {str(tags.image_key(layer)): layer for layer in tags.tagged(self._viewer, "image")}
        records = self._session.images
        for key in [k for k, record in records.items() if record.layer is not there.get(k)]:
            records.pop(key).forget_result()
        for key, layer in there.items():
            if key not in records:
                records[key] = OpenImage(key, layer)

    def _watch(self, layer: Layer) -> None:
        if tags.role_of(layer) not in (None, "image"):
            take_world_units(self._viewer, layer)
        links = self._watched[layer] = Connections()
        links.add(layer.events.name, self._renamed)
        if isinstance(layer, Image):
            for name in TRANSFORM:
                links.add(layer.events[name], self._moved)

    def _unwatch(self, layer: Layer) -> None:
        if layer in self._watched:
            self._watched.pop(layer).close()

    def _inserted(self, event: Event) -> None:
        layer: Layer = event.value
        self._watch(layer)
        tag = tags.tag_of(layer)
        if tag is not None and tag.role in SINGLE:
            same = tags.tagged(self._viewer, tag.role, tag.image)
            if any(other is not layer for other in same):
                tags.remove_tag(layer)  # a copy that the user made, and theirs
        self._sync()
        self._switcher.arrived(layer)
        self.arrived.emit(layer)
        self.changed.emit()

    def _removing(self, _event: Event) -> None:
        self.leaving.emit()  # while all layers are still there

    def _removed(self, event: Event) -> None:
        self._unwatch(event.value)
        self._switcher.left(event.value)
        self._sync()
        if self._session.image is not None and self.layer is None:
            self._session.set_image(None)
        self.changed.emit()

    def _moved(self, event: Event) -> None:
        """Give the other layers of an image its transform."""
        key = tags.image_key(event.source)
        if key is None or tags.role_of(event.source) != "image":
            return
        for layer in self._viewer.layers:
            if tags.image_key(layer) == key and tags.role_of(layer) != "image":
                image_layer.place(layer, self.transform(key))
        self.moved.emit(key)
        self.changed.emit()

    def _renamed(self, _event: Event) -> None:
        self.changed.emit()
