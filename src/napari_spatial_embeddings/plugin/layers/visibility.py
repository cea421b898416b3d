"""Visibility of the annotation while the objects below it are corrected or explained."""

from __future__ import annotations

from collections.abc import Sequence

from napari.components import ViewerModel
from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, QTimer

from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

from .tags import Role, image_key, tagged

ANNOTATION_ROLES: tuple[Role, ...] = ("annotations", "regions")
"""Roles of the layers that lie over the objects."""


OBJECT_ROLES: tuple[Role, ...] = ("instances", "locked", "large")
"""Roles of the layers that show what the model found."""


def toggle(viewer: ViewerModel, session: Session, roles: Sequence[Role], what: str) -> None:
    """Hide the current image's layers of some roles, or show them if all of them are hidden.

    Parameters
    ----------
    what : str
        Their content in words, for the message that there is none.
    """
    key = session.image
    layers = _layers(viewer, roles, key)
    shown = not any(layer.visible for layer in layers)
    for layer in layers:
        layer.visible = shown
    if not layers:
        session.say(
            f"There are no {what} on this image yet.",
            holds=lambda: session.image == key and not _layers(viewer, roles, key),
        )


def _layers(viewer: ViewerModel, roles: Sequence[Role], key: str | None) -> list[Layer]:
    """Return the layers of an image that have some roles."""
    return [layer for role in roles for layer in tagged(viewer, role, key)] if key else []


class AnnotationHider(QObject):
    """Hides the annotation of the current image while something needs its objects to be seen.

    An annotation layer that the user makes active meanwhile is shown again.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    """

    def __init__(
        self, viewer: ViewerModel, session: Session, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._users: set[object] = set()
        self._hidden: list[Layer] = []
        self._connections = Connections()
        self._connections.add(session.image_changed, self._follow)
        self._connections.add(viewer.layers.events.inserted, self._follow_inserted)
        self._connections.add(viewer.layers.selection.events.active, self._follow_active)

    def close(self) -> None:
        """Show what is hidden, and disconnect from the viewer."""
        self._users.clear()
        self._follow()
        self._connections.close()

    def hide_for(self, user: object, layer: Labels) -> None:
        """Show the layer of the objects to a user of it, with no brush active."""
        self._users.add(user)
        if not layer.visible:  # napari draws the whole layer again, even if it was
            layer.visible = True
        layer.mode = "pan_zoom"
        self._viewer.layers.selection.active = layer
        self._follow()

    def release(self, user: object) -> None:
        """Show the annotation again unless there are other users."""
        self._users.discard(user)
        self._follow()

    def _follow(self) -> None:
        key = self._session.image
        if self._users and key is not None:
            for role in ANNOTATION_ROLES:
                for layer in tagged(self._viewer, role, key):
                    if layer.visible:
                        layer.visible = False
                        self._hidden.append(layer)
        elif not self._users:
            self._show()

    def _show(self) -> None:
        """Show the layers of the current image again; others wait until their image is shown."""
        own = [x for x in self._hidden if image_key(x) == self._session.image]
        self._hidden = [x for x in self._hidden if x not in own and x in self._viewer.layers]
        for layer in own:
            layer.visible = True

    def _follow_inserted(self, _event: object) -> None:
        # Not at once: a layer that is added is the active one for a moment.
        if self._users:
            QTimer.singleShot(0, self, self._follow)

    def _follow_active(self, *_: object) -> None:
        if self._viewer.layers.selection.active in self._hidden:
            self._show()
