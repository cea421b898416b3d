"""Subject of the message that is shown: once it is gone, so is the message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from napari.components import ViewerModel
from napari.layers import Layer
from napari.utils.events import Event
from qtpy.QtCore import QObject

from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session


class MessageSubject(QObject):
    """Takes a message back that holds no longer, or that names a layer which is removed.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
        Whose messages, and for how long they hold.
    changes : sequence of signals
        Further ones after which a message may hold no longer.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        changes: Sequence[Any],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._named: list[Layer] = []
        self._connections = Connections()
        self._connections.add(session.message, self._note)
        self._connections.add(viewer.layers.events.removed, self._removed)
        own = session.image_changed, session.result_changed, session.training_changed
        for signal in (*changes, *own, viewer.dims.events.ndisplay):
            self._connections.add(signal, self._check)

    def close(self) -> None:
        """Disconnect."""
        self._connections.close()

    def _note(self, text: str, _kind: str) -> None:
        self._named = [layer for layer in self._viewer.layers if names(text, layer.name)]

    def _removed(self, event: Event) -> None:
        if any(layer is event.value for layer in self._named):
            self._session.say("")
        self._check()

    def _check(self, *_: object) -> None:
        if not self._session.message_holds():
            self._session.say("")


def names(text: str, name: str) -> bool:
    """Return whether a text has a layer's name in it, not as a part of a path or a longer word."""
    return bool(name and re.search(rf"(?<![\w/\\]){re.escape(name)}(?![\w/\\])", text))
