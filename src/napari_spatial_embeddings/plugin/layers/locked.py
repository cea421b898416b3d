"""White outlines of the locked objects."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from qtpy.QtCore import QObject

from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

from .image import transform
from .labels_update import copied, update_labels
from .tags import LayerTag, find_layer


class LockedOutlines(QObject):
    """Keeps a layer of outlines equal to the corrections of each image.

    There is none while nothing is locked. Whether it is visible is up to the user.

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
        self._connections = Connections()
        self._connections.add(session.result_changed, self.show)

    def close(self) -> None:
        """Disconnect from the session."""
        self._connections.close()

    def show(self, key: str) -> None:
        """Show the locked objects of an image."""
        image = self._session.images[key]
        known = None if image.result is None else image.result.corrections
        layer = find_layer(self._viewer, "locked", key)
        if known is image.outlined and (known is None or layer is not None):
            return
        objects = find_layer(self._viewer, "instances", key)
        image.outlined = known
        if known is None or not len(known) or objects is None:
            if layer is not None:
                self._viewer.layers.remove(layer)
            return
        if layer is not None and layer.data.shape == known.labels.shape:
            update_labels(layer, known.labels)
            return
        if layer is not None:
            self._viewer.layers.remove(layer)
        layer = Labels(
            copied(known.labels),
            name=f"{objects.name.removesuffix(' · instances')} · locked",
            colormap=CyclicLabelColormap(colors=np.ones((2, 4))),  # direct ones are slow
            opacity=1,
            metadata=LayerTag("locked", key).metadata(),
            **transform(self._viewer, key),
        )
        layer.contour = 1
        selected = set(self._viewer.layers.selection)
        self._viewer.layers.insert(self._viewer.layers.index(objects) + 1, layer)
        self._viewer.layers.selection = selected
