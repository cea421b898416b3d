"""Import of a label series into the annotations of all frames of a time series."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.annotation_actions import AnnotationActions
from napari_spatial_embeddings.plugin.controllers.autosave import Autosave
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.layers.axes import order_labels
from napari_spatial_embeddings.plugin.layers.frames import add_to_frame, frame_layer
from napari_spatial_embeddings.plugin.layers.placement import layer_shape, place_on
from napari_spatial_embeddings.plugin.layers.strokes import Strokes
from napari_spatial_embeddings.plugin.layers.tags import tag_of
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.annotation_count import AnnotationCount
from napari_spatial_embeddings.plugin.state.open_image import Box, Series
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.carried_objects import (
    AnnotatedFrames,
    FrameAddition,
    add_to_frames,
)


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """Labels of all frames, and where they lie; see `AnnotatedFrames`."""

    labels: Any
    box: Box
    read: Callable[[Any], NDArray[np.integer[Any]]]
    name: str
    classes: Mapping[int, str] | None = None


class SeriesImport(QObject):
    """Copies the objects of a label series to all frames, one after another, from a worker.

    Parameters
    ----------
    session : Session
    images : ImageController
    autosave : Autosave
    annotation : AnnotationController
    actions : AnnotationActions
    """

    def __init__(
        self,
        session: Session,
        images: ImageController,
        autosave: Autosave,
        annotation: AnnotationController,
        actions: AnnotationActions,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._images, self._autosave = session, images, autosave
        self._annotation, self._actions = annotation, actions
        self._worker: Worker | None = None
        self._target: tuple[Series, Labels, Labels | None, str] | None = None
        self._frames = self._objects = 0
        self._counts: dict[str, AnnotationCount] = {}
        self._connections = Connections()
        self._connections.add(autosave.saved, annotation.project_counts.changed.emit)

    def close(self) -> None:
        """Copy no more."""
        self._connections.close()
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None

    @property
    def busy(self) -> bool:
        """Whether objects are being copied."""
        return self._worker is not None

    def frames(self, layer: Layer | None) -> int:
        """Return how many frames of the current series a layer has labels for; 0 if not all."""
        series = self._images.series
        if not isinstance(layer, Labels) or series is None or series.image is None:
            return 0
        shape = layer_shape(layer)
        wanted = 1 + series.image.ndim
        return series.frames if len(shape) == wanted and shape[0] == series.frames else 0

    def use(self, layer: Labels) -> None:
        """Copy the objects of all frames of a layer to where they lie; hide that layer.

        Raises
        ------
        InputError
            If it covers other pixels, or is turned against the image. What is found out later is a
            message.
        """
        if self.busy:
            return
        strokes, series = self._actions.begin(), self._images.series
        if series is None or not self.frames(layer):
            raise InputError(f"{layer.name} does not have a frame for each of the time series")
        order_labels(layer)
        array = layer.data[0] if layer.multiscale else layer.data
        one = frame_layer(layer, series.frame)
        target = frame_layer(strokes.layer, series.frame)
        box, read = place_on(target, one, tuple(one.data.shape))
        self._start(strokes, series, _Source(array, box, read, layer.name), layer)

    def use_labels(self, labels: NDArray[np.int32], classes: Mapping[int, str], name: str) -> None:
        """Add labels of all frames that were read from a file.

        Parameters
        ----------
        labels : int32 (T, *S)
        classes : mapping
            Class of each label that has one.
        name : str
            Of the file.

        Raises
        ------
        InputError
            If no image can be annotated. What is found out later is a message.
        """
        if self.busy:
            return
        strokes, series = self._actions.begin(), self._images.series
        if series is not None:
            whole = tuple(slice(0, n) for n in labels.shape[1:])
            self._annotation.learn_classes(tuple(dict.fromkeys(classes.values())))
            self._start(strokes, series, _Source(labels, whole, np.asarray, name, classes), None)

    def _start(
        self, strokes: Strokes, series: Series, source: _Source, layer: Labels | None
    ) -> None:
        target, t = strokes.layer, series.frame
        tag = tag_of(target)
        kept = {} if tag is None else tag.kept
        request = AnnotatedFrames(
            target.data,
            {**{k: dict(x.classes) for k, x in kept.items()}, t: dict(strokes.classes)},
            {**{k: x.scribbled for k, x in kept.items()}, t: tag is not None and tag.scribbled},
            source.labels,
            source.box,
            source.read,
            source.name,
            strokes.class_name,
            source.classes,
        )
        default = self._session.classes[0]
        self._target, self._frames, self._objects = (series, target, layer, source.name), 0, 0
        self._counts = {}
        self._session.say("Looking through the objects …", holds=lambda: self.busy)
        self._worker = worker = Worker(lambda: add_to_frames(request, default), self)
        worker.reported.connect(self._add)
        worker.ended.connect(self._end)
        worker.failed.connect(self._fail)
        worker.start()

    def _add(self, found: FrameAddition) -> None:
        if self.sender() is not self._worker or self._target is None:
            return
        series, target = self._target[:2]
        record, new = self._images.frame(series, found.frame), found.addition
        strokes = self._annotation.strokes(record.key)
        labels = target.data[found.frame]
        if tag_of(target) is None or (labels[new.box] != new.before).any():
            return  # painted meanwhile
        if strokes is not None:
            strokes.add(new.box, new.before, new.after, new.classes)
        else:
            add_to_frame(target, found.frame, new.box, new.before, new.after, new.classes)
            record.edited = True
            record.revision += 1
            self._counts[record.key] = found.annotated
            self._autosave.schedule()
        self._frames += 1
        self._objects += len(new.classes)

    def _end(self, _last: object) -> None:
        if self.sender() is not self._worker or self._target is None:
            return
        layer, name = self._target[2:]
        self._worker = self._target = None
        self._autosave.save_pending()  # which may create the project, whose counts are empty
        for key, counted in self._counts.items():
            self._annotation.project_counts.set_count(key, counted, False)
        if layer is not None:
            layer.visible = False  # it would lie over what is painted from now on
        self._session.say(
            f"{plural(self._objects, 'object')} of {name} copied to"
            f" {plural(self._frames, 'frame')}; what was annotated already stays"
        )

    def _fail(self, problem: str) -> None:
        if self.sender() is self._worker:
            self._worker = self._target = None
            self._session.say(problem, "error")
