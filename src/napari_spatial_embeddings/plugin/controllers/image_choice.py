"""Choice of the current image: the one that is seen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.plugin.layers.covering import hides, seen_instead, topmost
from napari_spatial_embeddings.plugin.layers.napari_compat import grid
from napari_spatial_embeddings.plugin.layers.tags import Role, image_key, role_of
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

from .images import ImageController

if TYPE_CHECKING:
    from napari.utils.events import Event

WORKED_ON: tuple[Role, ...] = ("annotations", "regions", "instances")
"""Roles of the layers that the user paints or clicks in."""

LOOK = ("visible", "opacity", "blending")
"""Properties of a layer on which it depends what is seen of those below it."""

LOOKING = ("pan_zoom", "transform", "pick")
"""Modes of a layer in which the mouse changes none of its pixels."""


class ImageChoice(QObject):
    """Keeps the current image the one that is seen.

    The topmost image is chosen at the start, and when the current one is removed. Another one that
    is opened over it is chosen if nothing was done on the current one yet; otherwise, and where it
    lies beside, it is offered. While another image is seen, no tool works on the current one;
    selecting one of its layers brings it back. None works on what is left of a removed image.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    """

    changed = Signal()
    """Another image may be seen in place of the current one."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._images = viewer, session, images
        self._own: str | None = None
        self._opened: Image | None = None
        self._busy = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._replace_removed)
        self._of_mode = Connections()
        self._watched: dict[Layer, Connections] = {}
        self._connections = Connections()
        self._connections.add(images.arrived, self._arrived)
        # Not at once: several layers may be removed together.
        self._connections.add(images.closed, partial(self._soon.start, 0))
        self._connections.add(viewer.layers.events.reordered, self._check)
        self._connections.add(viewer.layers.events.inserted, self._watch_inserted)
        self._connections.add(viewer.layers.events.removed, self._unwatch_removed)
        self._connections.add(session.image_changed, self._follow_image)
        self._connections.add(viewer.layers.selection.events.active, self._follow_active)
        self._connections.add(grid(viewer).events.enabled, self._check)
        for layer in viewer.layers:
            self._watch(layer)
        if session.image is None and (seen := topmost(viewer, images.layers())) is not None:
            self._choose(seen)

    def close(self) -> None:
        """Disconnect from the viewer."""
        self._soon.stop()
        for links in (self._connections, self._of_mode, *self._watched.values()):
            links.close()

    @property
    def seen_instead(self) -> Image | None:
        """The image that is seen in place of the current one; None if that is seen."""
        layer = self._images.layer
        return None if layer is None else seen_instead(self._viewer, layer)

    @property
    def offered(self) -> Image | None:
        """The image that can be worked on instead: seen in place of the current one, or new."""
        seen = self.seen_instead or (self._opened if self._is_new(self._opened) else None)
        return seen if seen in self._images.layers() else None

    @property
    def labels_instead(self) -> Labels | None:
        """A layer of labels where there is no image: napari opens images of 32 bits so."""
        if self._images.layers():
            return None
        own = (x for x in self._viewer.layers if isinstance(x, Labels) and role_of(x) is None)
        return next(own, None)

    def take_offered(self) -> None:
        """Work on the image that is seen."""
        if (layer := self.offered) is not None:
            self._images.choose(layer)
            self.changed.emit()

    def show_current(self) -> None:
        """Hide what lies over the current image; stay with it."""
        self._opened = None
        self._images.show_current()
        self.changed.emit()

    # ---------------------------------------------------------------- following

    def _watch(self, layer: Layer) -> None:
        if isinstance(layer, Image):
            links = self._watched[layer] = Connections()
            for name in LOOK:
                links.add(layer.events[name], self._follow_look)

    def _watch_inserted(self, event: Event) -> None:
        self._watch(event.value)

    def _unwatch_removed(self, event: Event) -> None:
        if event.value in self._watched:
            self._watched.pop(event.value).close()

    def _follow_look(self, event: Event) -> None:
        """Follow what the user shows and hides, not what is done here."""
        if not self._images.switcher.switching:
            if event.type == "visible":
                self._images.switcher.shown(event.source)
            self._check()

    def _choose(self, layer: Image) -> None:
        """Choose an image that the user did not choose."""
        self._images.choose(layer)
        self._own = self._session.image

    def _arrived(self, layer: Layer) -> None:
        if layer not in self._images.layers():
            return
        assert isinstance(layer, Image)
        if self._session.image is None:
            self._choose(layer)
        elif role_of(layer) == "image":  # a sample, or an image of a project: it was asked for
            self._images.choose(layer)
        elif self.seen_instead is layer and self._untouched():
            self._choose(layer)
        else:
            self._opened = layer
            self._check()

    def _is_new(self, layer: Image | None) -> bool:
        """Whether an image that was opened is seen beside the current one, with nothing done on it.

        Those that others are seen through are likely to be channels.
        """
        return layer is not None and layer.visible and hides(layer) and role_of(layer) is None

    def _replace_removed(self) -> None:
        """Choose the image that is seen now that the current one was removed."""
        if self._session.image is None:
            if (seen := topmost(self._viewer, self._images.layers())) is not None:
                self._choose(seen)
            self._follow_tool()

    def _untouched(self) -> bool:
        """Whether neither the user chose the current image nor anything was done on it."""
        image, project = self._session.current, self._session.project
        return (
            image is not None
            and image.key == self._own
            and image.strokes is None
            and image.result is None
            and (project is None or project.card.find(image.key) is None)
        )

    def _check(self, *_: object) -> None:
        """Take the tools of the current image away while another one is seen in its place."""
        seen, active = self.seen_instead, self._viewer.layers.selection.active
        if seen is not None and active is not None and self._is_tool(active):
            layer = self._images.layer
            assert layer is not None
            self._viewer.layers.selection.active = seen
            self._session.say(
                f"{seen.name} lies over {layer.name}, so no tool works on {layer.name} now. Choose"
                " under Data which of them to work on.",
                "warning",
                lambda: self._images.layer is layer and self.seen_instead is seen,
            )
        self.changed.emit()

    def _is_tool(self, layer: Layer) -> bool:
        return image_key(layer) == self._session.image and role_of(layer) in WORKED_ON

    def _follow_image(self) -> None:
        """Select the image that was chosen, if a layer of the one before is selected."""
        self._opened = None
        active, layer = self._viewer.layers.selection.active, self._images.layer
        if active is None or layer is None or image_key(active) in (None, self._session.image):
            return
        self._viewer.layers.selection.active = layer

    def _follow_active(self, *_: object) -> None:
        self._of_mode.close()
        active = self._viewer.layers.selection.active
        if active is not None and role_of(active) in WORKED_ON:
            self._of_mode.add(active.events.mode, self._follow_tool)
            self._follow_tool()

    def _follow_tool(self, *_: object) -> None:
        """Show the image whose layer is selected; choose it if it is about to be painted on."""
        active = self._viewer.layers.selection.active
        key = None if active is None else image_key(active)
        if self._busy or active is None or key is None:
            return
        if key not in self._session.images:
            self._put_down(active)
            return
        self._busy = True
        try:
            if key == self._session.image:
                if self.seen_instead is not None:
                    self.show_current()
            elif str(active.mode) not in LOOKING:
                self._images.choose(self._images.layer_of(key))
                self._viewer.layers.selection.active = active
        finally:
            self._busy = False

    def _put_down(self, layer: Layer) -> None:
        """Leave the tool of a layer whose image was removed."""
        if role_of(layer) in WORKED_ON and str(layer.mode) not in LOOKING:
            layer.mode = "pan_zoom"
            self._session.say(
                f"The image of {layer.name} was removed, so no tool works on it: open it again."
            )
