"""The objects that were found, in front of what was drawn, while a tool works on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels, Layer
from qtpy.QtCore import QObject

from . import tags as _layers

if TYPE_CHECKING:
    from napari_spatial_embeddings.plugin.controllers.workspace import Workspace

DRAWN = ("annotations", "regions")
"""Roles of the layers that lie over the objects."""


class Foreground(QObject):
    """Hides what was drawn on the current image while somebody needs to see its objects.

    What a person takes in hand meanwhile, such as the brush of the annotations, is seen again.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self._session, self._viewer = workspace.session, workspace.viewer
        self._users: set[object] = set()
        self._hidden: list[Layer] = []
        self._session.image_changed.connect(self._follow)
        self._viewer.layers.selection.events.active.connect(self._taken_in_hand)

    def close_down(self) -> None:
        """Show what is hidden, and let go of the viewer."""
        self._users.clear()
        self._follow()
        self._session.image_changed.disconnect(self._follow)
        self._viewer.layers.selection.events.active.disconnect(self._taken_in_hand)

    def take(self, user: object, layer: Labels) -> None:
        """Bring the layer of the objects to the front, with no brush in hand."""
        self._users.add(user)
        layer.visible = True
        layer.mode = "pan_zoom"
        self._viewer.layers.selection.active = layer
        self._follow()

    def leave(self, user: object) -> None:
        """Say that a user needs to see the objects no more."""
        self._users.discard(user)
        self._follow()

    def _follow(self) -> None:
        key = self._session.image
        if self._users and key is not None:
            for role in DRAWN:
                for layer in _layers.ours(self._viewer, role, key):
                    if layer.visible:
                        layer.visible = False
                        self._hidden.append(layer)
        elif not self._users:
            self._show()

    def _show(self) -> None:
        """Show again what belongs to the current image; the rest waits until its image is."""
        mine = [x for x in self._hidden if _layers.image_key(x) == self._session.image]
        self._hidden = [x for x in self._hidden if x not in mine and x in self._viewer.layers]
        for layer in mine:
            layer.visible = True

    def _taken_in_hand(self, *_: object) -> None:
        if self._viewer.layers.selection.active in self._hidden:
            self._show()
