"""The annotation layers of one image: watched for changes, coloured and read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels, Shapes
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.plugin.layers.annotation import annotation_of, regions_of
from napari_spatial_embeddings.plugin.layers.class_colormap import ClassColormap
from napari_spatial_embeddings.plugin.layers.region_history import RegionHistory
from napari_spatial_embeddings.plugin.layers.strokes import Strokes
from napari_spatial_embeddings.plugin.layers.tags import image_key, tag_of
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.annotation_count import AnnotationCount
from napari_spatial_embeddings.plugin.state.open_image import OpenImage

if TYPE_CHECKING:
    from napari.utils.events import Event

    from napari_spatial_embeddings.project import Annotation


class AnnotatedImage(QObject):
    """Watches an image's annotation layer, and that of its regions; keeps its record up to date.

    The record outlives that of the open image, as the layer may be painted on without the image's.

    Parameters
    ----------
    record : OpenImage
    layer : Labels
        Its annotation layer.
    """

    edited = Signal(str)
    """The user changed the annotation of the image with this key."""
    refreshed = Signal(str)
    """The annotation layer was redrawn, perhaps after an undo."""
    tool_changed = Signal()

    def __init__(self, record: OpenImage, layer: Labels, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.key, self.record = record.key, record
        self.strokes = record.strokes = Strokes(layer, self)
        self.strokes.changed.connect(self.edit)
        self.strokes.tool_changed.connect(self.tool_changed)
        self._colormap = ClassColormap(self.strokes)
        self._counted: int | None = None
        self._connections, self._of_regions = Connections(), Connections()
        self._history: RegionHistory | None = None
        self._connections.add(layer.events.set_data, self._refreshed)

    def close(self) -> None:
        """Disconnect from the layers; the record knows them no more."""
        self._connections.close()
        self._leave_regions()
        self.strokes.close()
        self.record.strokes = self.record.regions = self.record.count = None
        self.deleteLater()

    def move_to(self, record: OpenImage) -> None:
        """Move to the record of the image, which was opened again."""
        old, self.record = self.record, record
        record.strokes, record.regions, record.count = old.strokes, old.regions, old.count
        record.revision, record.saved_revision = old.revision, old.saved_revision
        record.edited = old.edited

    def set_regions(self, layer: Shapes | None) -> bool:
        """Watch another layer of regions; return whether it is another one."""
        if self.record.regions is layer:
            return False
        self._leave_regions()
        self.record.regions = layer
        if layer is not None:
            self._history = RegionHistory(layer)
            self._of_regions.add(layer.events.data, self._regions_edited)
            self._of_regions.add(layer.events.mode, self._mode_changed)
        return True

    def _leave_regions(self) -> None:
        self._of_regions.close()
        if self._history is not None:
            self._history.close()
            self._history = None

    @property
    def fits(self) -> bool:
        """Whether the layer is still the annotation of the image."""
        return image_key(self.strokes.layer) == self.key

    @property
    def scribbled(self) -> bool:
        """Whether the labels cover only part of their objects."""
        tag = tag_of(self.strokes.layer)
        return tag is not None and tag.scribbled

    def annotation(self) -> Annotation:
        """Return the annotation; the labels are the layer's own array."""
        return annotation_of(self.strokes.layer, self.record.regions)

    def update_colormap(self, classes: tuple[str, ...], class_name: str) -> None:
        """Colour the labels by the class of their objects, and of those to come.

        They are outlined once there is a prediction; of a time series, of any of its frames.
        """
        series = self.record.series
        records = [self.record] if series is None else series.records.values()
        predicted = any(record.result is not None for record in records)
        self._colormap.update(classes, class_name, predicted)

    # ------------------------------------------------------------------- counts

    def snapshot(self, default: str) -> tuple[int, tuple[Any, ...]]:
        """Return the annotation's revision, and the arguments of `count`."""
        complete = len(regions_of(self.record.regions))
        classes, tag = dict(self.strokes.classes), tag_of(self.strokes.layer)
        proposed = frozenset[int]() if tag is None else tag.proposed
        return self.record.revision, (self.strokes.labels, classes, default, complete, proposed)

    def set_count(self, revision: int, count: AnnotationCount) -> bool:
        """Take over a count of a revision.

        Returns
        -------
        bool
            Whether the pixels changed without a stroke: an undo or a redo by napari.
        """
        before, self.record.count = self.record.count, count
        changed = before is not None and before.digest != count.digest
        unseen = changed and self._counted == revision
        if unseen:
            self.record.revision += 1
            self.record.edited = True
        self._counted = revision + unseen
        return unseen

    # ------------------------------------------------------------------- events

    def edit(self) -> None:
        """Note that the user changed the annotation."""
        if self.record.strokes is not self.strokes:
            return  # closed: napari calls what is disconnected while it emits an event
        self.record.revision += 1
        self.record.edited = True
        self.edited.emit(self.key)

    def _regions_edited(self, _event: Event) -> None:
        self.edit()

    def _refreshed(self, _event: Event) -> None:
        self.refreshed.emit(self.key)

    def _mode_changed(self, _event: Event) -> None:
        self.tool_changed.emit()
