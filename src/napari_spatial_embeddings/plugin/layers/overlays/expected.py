"""Colours of objects by the IoU that is to be expected of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.core.quality.calibration import Calibration, of_card
from napari_spatial_embeddings.plugin.layers.class_colormap import MAX_COLOURS
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import Segmentation

RAMP = ((1.0, 0.42, 0.24), (1.0, 0.83, 0.23), (0.30, 0.67, 0.97))
"""Orange where nothing is to be expected, yellow in between, blue where all is: they differ for
the colour-blind as well."""

NO_RESULT = "Predict this image first."

NOT_CALIBRATED = """The scores of this model are not calibrated: train it on so many objects that
some can be held out."""


class ExpectedColours(QObject):
    """Colours the objects of the current image by their predicted IoU, while switched on.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    """

    switched = Signal(bool)
    changed = Signal()
    """Whether it can be switched on may have changed."""

    def __init__(
        self, viewer: ViewerModel, session: Session, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self.on = False
        self._usual: WeakKeyDictionary[Labels, Any] = WeakKeyDictionary()
        self._connections = Connections()
        self._connections.add(session.result_changed, self._follow)
        self._connections.add(session.image_changed, self._follow)
        self._connections.add(viewer.layers.events.inserted, self._follow)

    def close(self) -> None:
        """Give the objects their usual colours."""
        self._connections.close()
        self.switch(False)

    @property
    def problem(self) -> str:
        """Why objects cannot be coloured; empty if they can."""
        if self._session.result is None:
            return NO_RESULT
        return "" if self._calibration is not None else NOT_CALIBRATED

    def switch(self, on: bool) -> None:
        """Colour by predicted IoU, or as usual."""
        if on == self.on:
            return
        self.on = on
        self._colour()
        if not on:
            for layer, usual in list(self._usual.items()):
                layer.colormap = usual
            self._usual.clear()
        self.switched.emit(on)

    @property
    def _calibration(self) -> Calibration | None:
        result = self._session.result
        return None if result is None else of_card(result.card)

    def _follow(self, *_: object) -> None:
        self._colour()
        self.changed.emit()

    def _colour(self) -> None:
        image, known = self._session.current, self._calibration
        if not self.on or image is None or image.result is None:
            return
        layer = find_layer(self._viewer, "instances", image.layers_key)
        if not isinstance(layer, Labels):
            return
        if known is None:
            if layer in self._usual:
                layer.colormap = self._usual.pop(layer)
            return
        self._usual.setdefault(layer, layer.colormap)
        layer.colormap = CyclicLabelColormap(colors=colours(image.result, known))


def colours(result: Segmentation, calibration: Calibration) -> NDArray[np.float32]:
    """Return the colour of each label, float32 (n, 4), n above the highest label if it can be."""
    instances = result.instances
    size = int(instances.ids.max(initial=0)) + 1
    table = np.zeros((min(MAX_COLOURS, 1 << max(8, size.bit_length())), 4), np.float32)
    expected = calibration.predicted_iou(instances.score, result.consistency)
    places = np.linspace(0, 1, len(RAMP))
    rgb = np.stack([np.interp(expected, places, line) for line in zip(*RAMP, strict=True)], 1)
    few = instances.ids < len(table)
    table[1:] = (*RAMP[1], 1)
    table[instances.ids[few], :3] = rgb[few]
    return table
