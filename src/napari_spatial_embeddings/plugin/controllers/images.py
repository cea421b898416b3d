"""Open images: which there are, which is the current one, and what their axes mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.plugin.layers import image as image_layer
from napari_spatial_embeddings.plugin.layers import tags
from napari_spatial_embeddings.plugin.layers.frames import go_to_frame
from napari_spatial_embeddings.plugin.layers.image_switcher import ImageSwitcher
from napari_spatial_embeddings.plugin.layers.large.views import follow_large
from napari_spatial_embeddings.plugin.layers.tags import Grey
from napari_spatial_embeddings.plugin.layers.viewport import look_at
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.open_image import OpenImage, Series
from napari_spatial_embeddings.plugin.state.session import Session

from .open_images.frames import FrameFollower, add_frame
from .open_images.names import LayerNames
from .open_images.queries import ImageQueries
from .open_images.recognition import recognise
from .open_images.registry import ImageRegistry
from .open_images.views import Views
from .open_images.watcher import ON_PIXELS, LayerWatcher

if TYPE_CHECKING:
    from napari.utils.events import Event

    from napari_spatial_embeddings.project import Project


class ImageController(ImageQueries):
    """Adds and removes the records of open images, and keeps the session's current image.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session

    Attributes
    ----------
    switcher : ImageSwitcher
    """

    changed = Signal()
    """Layers were added, removed, moved or renamed, or the project's images changed."""
    arrived = Signal(object)
    """A layer was added."""
    closed = Signal()
    """The current image's layer was removed."""
    leaving = Signal()
    """A layer is about to be removed."""
    renamed = Signal(str)
    """An image has another name."""
    moved = Signal(str)
    """An image has another transform or pixel size."""
    replaced = Signal(str)
    """An image has other pixels, of the same spatial shape."""
    leaving_frame = Signal(str)
    """A frame of a time series is about to go out of view; its layers are still its own."""
    entered_frame = Signal(str)
    """A frame came into view, and is about to be the current image."""

    def __init__(
        self, viewer: ViewerModel, session: Session, parent: QObject | None = None
    ) -> None:
        super().__init__(viewer, session, parent)
        self.switcher = ImageSwitcher(viewer, session.images)
        self._connections = Connections()
        self._watcher = LayerWatcher(viewer, session, self)
        self._watcher.replaced.connect(self._replaced)
        self._watcher.moved.connect(self._moved)
        self._watcher.named.connect(self._renamed)
        self._registry = ImageRegistry(viewer, session, self._save_left)
        self._names = LayerNames(viewer)
        self._views, self._refused = Views(viewer, session, self), False
        for layer in viewer.layers:
            self._watch(layer)
        self._registry.sync()
        # After napari's own listeners: where to look depends on what it makes of the layer.
        self._connections.add(viewer.layers.events.inserted, self._inserted, position="last")
        self._connections.add(viewer.layers.events.removing, self._removing)
        self._connections.add(viewer.layers.events.removed, self._removed, position="last")
        self._frames = FrameFollower(viewer, session, self._follow_frame, self)
        self._frames.leaving.connect(self.leaving_frame)

    def close(self) -> None:
        """Disconnect from the viewer."""
        self._frames.close()
        self._connections.close()
        self._watcher.close()

    # ------------------------------------------------------------------ changes

    def recognise(self, project: Project) -> list[Image]:
        """Return the layers that show images of a project, also those opened without it."""
        found = recognise(self._session, self.layers(), project)
        self._registry.sync()
        return found

    def choose(
        self,
        layer: Image | None,
        axes: str | None = None,
        channels: tuple[Image, ...] | None = None,
        grey: Grey | None = None,
    ) -> None:
        """Make an image layer the current image.

        Parameters
        ----------
        layer : Image, optional
            None for no image.
        axes : str, optional
            What its axes mean; as before, or the likeliest meaning, if not given. Channels are put
            before the spatial axes, in the layer.
        channels : tuple of Image, optional
            Further layers that are channels of the same image; as before if not given.
        grey : Grey, optional
            What is made of the colours of an RGB layer; as before if not given.

        Raises
        ------
        InputError
            If the axes cannot be put in that order.
        """
        if layer is None:
            self._session.set_image(None)
            return
        key = self.register(layer, axes, channels, grey)
        self.switcher.bring_to_front(key)
        self._session.set_image(key)
        self.changed.emit()

    def show_current(self) -> None:
        """Have the current image seen: what lies over it is hidden until another one is chosen."""
        if self.layer is not None:
            self.switcher.bring_to_front(self._session.image)

    @property
    def large(self) -> Image | None:
        """The layer of the large image that is current, or that the current one is a view of."""
        return self._views.large

    def enter_view(self, *, all_seen: bool, create: bool = True) -> bool:
        """Where the current image is large, or a view of one: go on with the view that is seen.

        Parameters
        ----------
        all_seen : bool
            Whether the view is to hold all that is on the canvas; else the middle is enough.
        create : bool
            Whether a view is made where there is none.

        Returns
        -------
        bool
            Whether another image is current now.

        Raises
        ------
        InputError
            If nothing of the large image is in view, or more than a view may hold.
        """
        before, refused, self._refused = self._session.image, self._refused, True
        view = self._views.wanted(all_seen=all_seen, create=create)
        self._refused = False
        if refused:  # what was to be done is done
            self._session.say("")
        if view is not None and view is not self.layer:
            self.choose(view)
        return self._session.image != before

    def remove_unused_view(self, key: str) -> None:
        """Remove a view that is not the current image, and on which nothing was done."""
        record = self._session.images.get(key)
        tag = None if record is None else tags.tag_of(record.layer)
        if record is None or tag is None or tag.whole is None or key == self._session.image:
            return
        done = record.edited or record.result is not None or record.corrections is not None
        if not done and not tag.project:
            own = [x for x in self._viewer.layers if tags.image_key(x) == key]
            channels = [x for x in self.layers() if str(x.unique_id) in tag.channels]
            for layer in (*own, *channels):
                self._viewer.layers.remove(layer)

    def register(
        self,
        layer: Image,
        axes: str | None = None,
        channels: tuple[Image, ...] | None = None,
        grey: Grey | None = None,
        *,
        replaced: bool = False,
    ) -> str:
        """Have a tag and a record for an image layer, chosen or not; return its key.

        Parameters as in `choose`. A layer of another spatial shape than before, be it that its
        data were ``replaced`` or that its axes mean something else, is another image.
        """
        key, changed = self._registry.register(layer, axes, channels, grey)
        if changed or replaced:
            if self._session.image == key:
                self._session.set_image(None)  # another image, though it is the same layer
            self.replaced.emit(key)
        return key

    def frame(self, series: Series, t: int) -> OpenImage:
        """Return the record of a frame of a series, whether or not it was looked at."""
        return add_frame(self._session.images, series, t)

    def show_frame(self, t: int) -> None:
        """Move the viewer's slider to a frame of the current image's series."""
        series = self.series
        tag = None if series is None else tags.tag_of(series.layer)
        if series is not None and tag is not None:
            go_to_frame(self._viewer, series.layer, tag.axes, t)
            self._frames.follow()

    def forget(self, key: str) -> None:
        """Make the layers of an image the user's own again; its other layers are removed."""
        for layer in list(self._viewer.layers):
            if tags.image_key(layer) != key:
                continue
            if tags.role_of(layer) == "image":
                tags.remove_tag(layer)
            else:
                self._viewer.layers.remove(layer)
        self._registry.sync()

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

    # ------------------------------------------------------------------- layers

    def _watch(self, layer: Layer) -> None:
        tags.claim(self._viewer, layer)
        self._watcher.watch(layer)
        self._names.watch(layer)

    def _inserted(self, event: Event) -> None:
        layer: Layer = event.value
        self._watch(layer)
        self._views.adopt()
        self._registry.sync()
        self.switcher.arrived(layer)
        self.arrived.emit(layer)
        self.changed.emit()

    def _removing(self, event: Event) -> None:
        if tags.role_of(self._viewer.layers[event.index]) not in tags.PASSING:
            self.leaving.emit()  # while all layers are still there

    def _removed(self, event: Event) -> None:
        layer: Layer = event.value
        self._watcher.forget(layer)
        self._names.forget(layer)
        self.switcher.left(layer)
        self._registry.sync()
        self._registry.drop_channel(layer)
        if self._session.image is not None and self.layer is None:
            self._session.set_image(None)
            self.closed.emit()
        self.changed.emit()

    def _replaced(self, layer: Layer) -> None:
        """Follow a layer that has other data now."""
        role = tags.role_of(layer)
        if self._registry.describing or role not in (None, "image", *ON_PIXELS) or role == "large":
            return
        with self._session.errors_as_messages():
            if role in ON_PIXELS:
                self._registry.check_labels(layer)
            elif (record := self._registry.record_of(layer)) is not None:
                self._follow_pixels(record)
            for record in self._registry.check_channel(layer):
                self._follow_pixels(record)
        if role in (None, "image", "annotations"):
            self.changed.emit()

    def _follow_pixels(self, record: OpenImage) -> None:
        layer, chosen = record.layer, self._session.image == record.key
        self.register(layer, replaced=True)
        if self._session.is_open(record) and record.result is not None:
            old, text = record.result, f"{layer.name} has other pixels now: predict it again."
            self._session.say(text, holds=lambda: record.result is old)
        if chosen:
            self.choose(layer)

    def _moved(self, layer: Layer) -> None:
        """Give the other layers of an image its transform, and follow its units and labels."""
        key = tags.image_key(layer)
        if key is None or tags.role_of(layer) != "image" or self._registry.describing:
            if self._registry.with_channel(layer):
                self.changed.emit()
            return
        if (axes := self._registry.contradiction(layer)) is not None:
            with self._session.errors_as_messages():
                (self.choose if self._session.image == key else self.register)(layer, axes)
            return
        for other in self._viewer.layers:
            if tags.image_key(other) == key and tags.role_of(other) != "image":
                image_layer.place_on_image(self._viewer, other)
        follow_large(self._viewer, layer)
        self._registry.look(key)
        self.moved.emit(key)
        self.changed.emit()

    def _renamed(self, layer: Layer) -> None:
        if (key := self._names.follow(layer)) is not None:
            self.renamed.emit(key)
        self.changed.emit()

    def _save_left(self, record: OpenImage) -> None:
        """Save what belongs to an image whose layer shows another one already."""
        self.left = record
        try:
            self.leaving.emit()
        finally:
            self.left = None

    def _follow_frame(self, old: str, new: str) -> None:
        self.switcher.follow_frame(old, new)
        self.entered_frame.emit(new)
