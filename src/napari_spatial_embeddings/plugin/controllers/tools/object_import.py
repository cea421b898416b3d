"""Import of objects into annotations: of another layer, of the result, of the frame before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Shapes
from qtpy.QtCore import QObject

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.annotations.target import Target
from napari_spatial_embeddings.files.regions import Region
from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.annotation_actions import AnnotationActions
from napari_spatial_embeddings.plugin.layers.annotation import regions_of
from napari_spatial_embeddings.plugin.layers.axes import order_labels
from napari_spatial_embeddings.plugin.layers.frames import frame_layer, frame_of
from napari_spatial_embeddings.plugin.layers.outlined.shapes import outlines_of
from napari_spatial_embeddings.plugin.layers.placement import labels_on, layer_shape
from napari_spatial_embeddings.plugin.layers.strokes import Strokes
from napari_spatial_embeddings.plugin.layers.tags import role_of, tag_of
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.added_objects import (
    Addition,
    AnnotationState,
    Work,
    adopted,
    adopted_corrections,
    copied,
)
from napari_spatial_embeddings.plugin.tasks.carried_objects import carried, nothing_annotated
from napari_spatial_embeddings.plugin.tasks.importing.annotation import from_outlines

MAX_PIXELS_AT_ONCE = 2**18
"""Pixels of an image up to which a thread would take longer than the work."""


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """Work on an annotation.

    Parameters
    ----------
    strokes : Strokes
    state : AnnotationState
        Its labels are the layer's own array.
    work : callable
    names : sequence of str
        Classes that the annotation knows afterwards.
    source : napari.layers.Labels or Shapes, optional
        The layer that is copied.
    added : callable, optional
        Called once the labels are added.
    """

    strokes: Strokes
    state: AnnotationState
    work: Work
    names: Sequence[str] = ()
    source: Labels | Shapes | None = None
    added: Callable[[], None] | None = None

    def run(self) -> Addition:
        """Return the labels to be added to the annotation as it is now."""
        labels = np.array(self.state.labels)
        unused = max(self.state.next, int(labels.max(initial=0)) + 1)  # painted until now
        return self.work(AnnotationState(labels, unused, self.state.background))


class ObjectImport(QObject):
    """Adds objects that are elsewhere to the annotation; that of a large image in a thread.

    What is painted meanwhile is respected: pixels that are annotated stay as they are.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    annotation : AnnotationController
    actions : AnnotationActions
        Makes the annotation layer, if there is none yet.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        annotation: AnnotationController,
        actions: AnnotationActions,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._annotation, self._actions = annotation, actions
        self._worker = LatestWorker(_Request.run, self)
        self._worker.done.connect(self._add)
        self._worker.failed.connect(partial(session.say, kind="error"))

    def close(self) -> None:
        """Drop what is under way."""
        self._worker.close()

    @property
    def busy(self) -> bool:
        """Whether objects are being added."""
        return self._worker.busy

    def layers(self) -> list[Labels | Shapes]:
        """Return the layers whose objects can be added: the user's own, of labels or of shapes."""
        layers = self._viewer.layers
        return [x for x in layers if isinstance(x, Labels | Shapes) and role_of(x) is None]

    def add_from_elsewhere(
        self, strokes: Strokes, work: Work, added: Callable[[], None] | None = None
    ) -> None:
        """Add labels that were read from a file, with their classes.

        Raises
        ------
        InputError
            As the work does; of a large image this is a message.
        """
        self._start(strokes, work, added=added)

    def _use_shapes(self, layer: Shapes) -> None:
        strokes, image = self._actions.begin(), self._session.current
        tag = tag_of(strokes.layer)
        if tag is not None and tag.scribbled and strokes.labels.any():
            raise InputError(
                "the image is annotated with scribbles, and shapes outline whole objects: an image"
                " can't have both"
            )
        name = "the image" if image is None or image.image is None else image.image.name
        work = partial(
            from_outlines,
            outlines=outlines_of(layer, strokes.layer),
            target=Target(name, strokes.labels.shape),
            name=layer.name,
            class_name=strokes.class_name,
        )
        self._start(strokes, work, source=layer)

    def use_layer(self, layer: Labels | Shapes) -> None:
        """Copy the objects of another layer to where they lie on the image; hide that layer.

        Shapes are objects: polygons, rectangles and ellipses.

        Of a layer that has all frames of a time series, those of the frame in view; it stays.

        Raises
        ------
        InputError
            If it covers other pixels, is turned against the image, or holds no object, or values
            that are no objects; of a large image this is a message.
        """
        if isinstance(layer, Shapes):
            self._use_shapes(layer)
            return
        strokes = self._actions.begin()
        tag = tag_of(strokes.layer)
        scribbled = tag is not None and tag.scribbled
        order_labels(layer)
        target, source, t = strokes.layer, layer, frame_of(strokes.layer)
        if t is not None:  # a layer of all frames has those of this one in it
            target = frame_layer(target, t)
            if layer.ndim == strokes.layer.ndim and layer_shape(layer)[0] > t:
                source = frame_layer(layer, t)
        box, read = labels_on(target, source)
        name, class_name = layer.name, strokes.class_name
        work = partial(
            copied, box=box, read=read, name=name, class_name=class_name, scribbled=scribbled
        )
        self._start(strokes, work, source=layer if source is layer else None)

    def use_corrections(self) -> None:
        """Add the corrections of the current image's result, also what was deleted.

        Raises
        ------
        InputError
            If there are none, or all of them are in there; of a large image this is a message.
        """
        result = self._session.result
        if result is not None:
            names = self._names(result.classes)
            work = partial(
                adopted_corrections,
                instances=result.instances,
                corrections=result.corrections,
                names=names,
            )
            self._start(self._actions.strokes_in_background(), work, names)

    def use_regions(self, regions: Sequence[Region] | None = None) -> None:
        """Add the objects that were found in regions: those of complete annotation, or others.

        Raises
        ------
        InputError
            If there is no such object; of a large image this is a message.
        """
        result, image = self._session.result, self._session.current
        if result is not None and image is not None:
            names = self._names(result.classes)
            regions = regions_of(image.regions) if regions is None else regions
            if not regions:
                raise InputError("there is no region yet: press Mark region under Annotate")
            work = partial(adopted, result=result, regions=regions, names=names)
            self._start(self._actions.strokes_in_background(), work, names)

    def copy_to_next_frame(self) -> None:
        """Copy the annotated objects of the frame in view to the next frame, and go there.

        What is annotated there stays as it is.

        Raises
        ------
        InputError
            If there is no next frame, no object, or no place for any; of a large image the last is
            a message.
        """
        image, strokes = self._session.current, self._annotation.strokes(self._session.image)
        if problem := no_next_frame(image):
            raise InputError(problem)
        assert image is not None
        drawn = strokes is not None and (strokes.labels > 0) & (
            strokes.labels != strokes.background
        )
        if strokes is None or not np.any(drawn):
            raise InputError(nothing_annotated(image.frame))
        labels, classes, source = np.array(strokes.labels), dict(strokes.classes), image.frame
        tag, names = tag_of(strokes.layer), self._session.classes
        target = self._actions.begin_on_frame(source + 1)
        own, scribbled = tag_of(target.layer), tag is not None and tag.scribbled
        if own is not None and own.scribbled != scribbled:
            if target.labels.any():
                kinds = ("whole objects", "scribbles")
                raise InputError(
                    f"frame {source} has {kinds[scribbled]} and frame {source + 1}"
                    f" {kinds[not scribbled]}: a frame can't have both"
                )
            self._actions.set_scribbled(scribbled)
        work = partial(carried, labels=labels, classes=classes, source=source, target=source + 1)
        self._start(target, work, names)

    def _names(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        return classes if len(classes) > 1 else self._session.classes

    def _start(
        self,
        strokes: Strokes,
        work: Work,
        names: Sequence[str] = (),
        source: Labels | Shapes | None = None,
        added: Callable[[], None] | None = None,
    ) -> None:
        state = AnnotationState(strokes.labels, strokes.next, strokes.background)
        request = _Request(strokes, state, work, names, source, added)
        if state.labels.size <= MAX_PIXELS_AT_ONCE:
            self._add(request, request.run())
        else:
            self._session.say(
                "Looking through the objects …", holds=lambda: self._is_current(strokes)
            )
            self._worker.request(request)

    def _is_current(self, strokes: Strokes) -> bool:
        record = self._session.current
        return record is not None and record.strokes is strokes

    def _add(self, request: _Request, new: Addition) -> None:
        strokes, source = request.strokes, request.source
        if not self._is_current(strokes):
            return  # the annotation was closed, or another image is chosen
        if not new.fits(strokes.labels, strokes.next):
            self._start(strokes, request.work, request.names, source, request.added)
            return
        # Classes of other programs come with the labels.
        own = [name for name in new.classes.values() if name != BACKGROUND]
        self._annotation.learn_classes(request.names or tuple(dict.fromkeys(own)))
        strokes.add(new.box, new.before, new.after, new.classes)
        if source is not None:
            source.visible = False  # it would lie over what is painted from now on
        if request.added is not None:
            request.added()
        self._session.say(new.message)


def no_next_frame(image: OpenImage | None) -> str:
    """Return why there is no next frame to go to; empty if there is one."""
    if image is None or image.series is None:
        return "the image is no time series: see Axes, under Data"
    if image.frame + 1 >= image.series.frames:
        return f"frame {image.frame} is the last one: there is no next frame"
    return ""
