"""Dots of a layer of points, one on each object, that become annotations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from napari.layers import Points
from qtpy.QtCore import QObject

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.annotation_actions import AnnotationActions
from napari_spatial_embeddings.plugin.layers.frames import frame_of, in_frame
from napari_spatial_embeddings.plugin.layers.strokes import Strokes
from napari_spatial_embeddings.plugin.layers.tags import role_of, tag_of
from napari_spatial_embeddings.plugin.layers.world import to_pixels, to_world
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.proposing.dots import DotsRequest, FoundDots, Pixel

from .start_maps import StartMaps

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.maps import EmbeddingMaps


@dataclass(frozen=True, slots=True, eq=False)
class _Dots:
    """Dots to be added."""

    strokes: Strokes
    source: Points
    pixels: tuple[Pixel, ...]
    numbers: tuple[int, ...]
    painted: bool


class DotImport(QObject):
    """Adds an object for each dot of a layer of points: the one that the chosen model sees there.

    The objects count as proposed by a model, until someone paints on them: a training learns from
    them, and no score is taken of them. Dots without an object stay dots where the annotation is
    scribbles; else they stay in their layer, where they are selected.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    annotation : AnnotationController
    actions : AnnotationActions
    start : StartMaps
    """

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        annotation: AnnotationController,
        actions: AnnotationActions,
        start: StartMaps,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._annotation, self._actions, self._start = annotation, actions, start
        self._newest: _Dots | None = None
        self._worker = LatestWorker(DotsRequest.run, self)
        self._worker.done.connect(self._add)
        self._worker.failed.connect(partial(session.say, kind="error"))

    def close(self) -> None:
        """Drop what is under way."""
        self._worker.close()

    @property
    def busy(self) -> bool:
        """Whether dots are being added."""
        return self._worker.busy

    def layers(self) -> list[Points]:
        """Return the layers of points that can be used: the user's own."""
        return [x for x in self._viewer.layers if isinstance(x, Points) and role_of(x) is None]

    def use(self, layer: Points) -> None:
        """Add the objects at the dots of a layer; of a time series, at those of the frame in view.

        Where nothing is known of the image, the model is run on it first. Where no model takes the
        image, the dots are scribbles, if nothing but scribbles is annotated.

        Raises
        ------
        InputError
            If no dot lies on the image, or there is no model for whole objects.
        """
        strokes = self._actions.begin()
        pixels, numbers = self._pixels(layer, strokes)
        tag = tag_of(strokes.layer)
        scribbled = tag is not None and tag.scribbled
        maps, problem = self._start.maps(), self._start.problem
        if maps is None and problem and not scribbled:
            if strokes.labels.any():
                raise InputError(f"there is no model that outlines the objects of dots: {problem}")
            self._actions.set_scribbled(True)
            scribbled = True
        self._newest = dots = _Dots(strokes, layer, pixels, numbers, scribbled)
        if maps is None and problem:
            self._add_objects(dots, None)
        else:
            self._start.when_known(pixels, partial(self._add_objects, dots), in_view=False)

    def _pixels(self, layer: Points, strokes: Strokes) -> tuple[tuple[Pixel, ...], tuple[int, ...]]:
        """Return the pixels that the dots on the image lie in, and their numbers."""
        target = strokes.layer
        t = frame_of(target)
        wanted = strokes.labels.ndim
        if layer.ndim not in (target.ndim, wanted):
            raise InputError(
                f"the points of {layer.name} have {layer.ndim} coordinates, and the image"
                f" {wanted} axes: each point must have one for each axis"
            )
        found: dict[Pixel, int] = {}
        for k in np.flatnonzero(np.broadcast_to(layer.shown, len(layer.data))):
            world = to_world(self._viewer, layer, layer.data[k])
            if t is not None and layer.ndim == wanted:  # points of no frame are on each
                world = np.insert(world, 0, to_world(self._viewer, target, [t] + [0] * wanted)[0])
            at = tuple(int(i) for i in np.round(to_pixels(self._viewer, target, world)))
            if t is not None and at[0] != t:
                continue
            if all(0 <= i < n for i, n in zip(at, target.data.shape, strict=True)):
                found.setdefault(in_frame(target, at), int(k))
        if not found:
            where = "this frame" if t is not None else "the image"
            raise InputError(f"no point of {layer.name} lies on {where}")
        return tuple(found), tuple(found.values())

    def _add_objects(self, dots: _Dots, maps: EmbeddingMaps | None) -> None:
        """Find the objects of dots, or paint dots where there are no maps; in a thread."""
        if dots is not self._newest:
            return  # they were used again while they waited
        strokes, classes = dots.strokes, self._start.classes
        several = len(classes) > 1 and classes == self._session.classes
        request = DotsRequest(
            strokes,
            dots,
            strokes.labels,
            strokes.next,
            dots.pixels,
            dots.numbers,
            strokes.class_name,
            classes if several else (),
            self._session.clustering,
            maps,
            dots.painted,
        )
        self._worker.request(request)

    def _is_current(self, strokes: Strokes) -> bool:
        return self._annotation.strokes(self._session.image) is strokes

    def _add(self, request: DotsRequest, found: FoundDots) -> None:
        dots = request.source
        assert isinstance(dots, _Dots)
        strokes = dots.strokes
        if not self._is_current(strokes):
            return  # the annotation was closed, or another image is chosen
        unused = strokes.next <= request.next
        if not unused or not np.array_equal(strokes.labels[found.box], found.before):
            self._add_objects(dots, request.maps)  # something was painted meanwhile
            return
        strokes.add(found.box, found.before, found.after, found.classes)
        strokes.mark_proposed(found.proposed)
        left = () if dots.painted else found.missed
        if dots.source in self._viewer.layers:
            dots.source.selected_data = set(left)
            dots.source.visible = bool(left)
        self._session.say(f"{found.text}. Ctrl+Z takes it back.")
