"""Choice of the labels that are linked, among the viewer's layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.files.names import new_key
from napari_spatial_embeddings.plugin.layers.tracks.series import series_axes, series_layers
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.linked_series import LinkedSeries

if TYPE_CHECKING:
    from napari.utils.events import Event

ABOUT = ("name", "axis_labels", "scale", "units")
"""Properties of a layer that decide whether it can be chosen, or are shown of it."""


class SeriesChoice(QObject):
    """Keeps the records of label series, and which of them is chosen.

    Parameters
    ----------
    viewer : ViewerModel

    Attributes
    ----------
    series : LinkedSeries, optional
        The one that is chosen.
    records : list of LinkedSeries
        All that were chosen and are still in the viewer.
    """

    changed = Signal()
    """Other layers can be chosen, another one is, or what is known of it has changed."""
    leaving = Signal()
    """Records are about to be dropped: their layers are gone."""

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.series: LinkedSeries | None = None
        self.records: list[LinkedSeries] = []
        self._watched: dict[Labels, Connections] = {}
        self._connections = Connections()
        self._connections.add(viewer.layers.events.inserted, self._follow)
        self._connections.add(viewer.layers.events.removed, self._follow)
        self._follow()

    def close(self) -> None:
        """Disconnect from the viewer and from the layers."""
        self._connections.close()
        for connections in self._watched.values():
            connections.close()
        self._watched.clear()

    def layers(self) -> list[Labels]:
        """Return the layers that can be chosen."""
        return series_layers(self._viewer)

    def choose(self, layer: Labels) -> None:
        """Work on a layer."""
        known = next((x for x in self.records if x.layer is layer), None)
        if known is None:
            key = new_key(layer.name, [x.key for x in self.records])
            known = LinkedSeries(key, layer, series_axes(self._viewer, layer))
            self.records.append(known)
        self.series = known
        self.changed.emit()

    def reset(self) -> None:
        """Forget what is known of all layers."""
        self.records, self.series = [], None
        self._follow()

    def _follow(self, *_: object) -> None:
        layers = self.layers()
        every = [x for x in self._viewer.layers if isinstance(x, Labels)]
        for layer in [x for x in self._watched if x not in every]:
            self._watched.pop(layer).close()
        for layer in every:  # one that cannot be linked may get other names of its axes
            if layer not in self._watched:
                self._watch(layer)
        if any(x.layer not in layers for x in self.records):
            self.leaving.emit()
            self.records = [x for x in self.records if x.layer in layers]
        if self.series not in self.records:
            self.series = None
        if self.series is None and layers:
            self.choose(layers[-1])  # the topmost
        else:
            self.changed.emit()

    def _watch(self, layer: Labels) -> None:
        connections = self._watched[layer] = Connections()
        connections.add(layer.events.paint, self._spoil)
        connections.add(layer.events.data, self._spoil)
        for name in ABOUT:
            connections.add(layer.events[name], self._follow)

    def _spoil(self, event: Event) -> None:
        self.spoil(event.source)

    def spoil(self, layer: Labels) -> None:
        """Note that the labels of a layer are others than those that were measured."""
        for series in self.records:
            if series.layer is layer:
                series.revision += 1
                series.detections = None
                self.changed.emit()
