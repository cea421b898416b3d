"""Which objects are locked, as white outlines over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from qtpy.QtCore import QObject

from . import tags as _layers
from .labels_update import redraw

if TYPE_CHECKING:
    from napari_spatial_embeddings.plugin.controllers.workspace import Workspace

ROLE = "locked"


class LockedOutlines(QObject):
    """Keeps a layer of outlines equal to the corrections of the current image.

    There is none while nothing is locked. Whether it is visible is up to the person.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace, self.session, self.viewer = workspace, workspace.session, workspace.viewer
        self._shown: dict[str, object] = {}
        self.session.result_changed.connect(self.show)

    def close(self) -> None:
        """Stop following."""
        self.session.result_changed.disconnect(self.show)

    def show(self, key: str) -> None:
        """Show what is locked on an image."""
        result = self.session.results.get(key)
        known = None if result is None else result.corrections
        layer = _layers.find(self.viewer, ROLE, key)
        if known is self._shown.get(key) and (known is None or layer is not None):
            return
        there = _layers.find(self.viewer, "instances", key)
        self._shown[key] = known
        if known is None or not len(known) or there is None:
            if layer is not None:
                self.viewer.layers.remove(layer)
            return
        labels = np.maximum(known.labels, 0)
        if layer is not None and layer.data.shape == labels.shape:
            redraw(layer, labels)
            return
        if layer is not None:
            self.viewer.layers.remove(layer)
        layer = Labels(
            labels,
            name=f"{there.name.removesuffix(' · instances')} · locked",
            colormap=CyclicLabelColormap(colors=np.ones((2, 4))),  # direct ones are slow
            opacity=1,
            metadata={_layers.KEY: {"role": ROLE, "image": key}},
            **self.workspace.place(key),
        )
        layer.contour = 1
        selected = set(self.viewer.layers.selection)
        self.viewer.layers.insert(self.viewer.layers.index(there) + 1, layer)
        self.viewer.layers.selection = selected
