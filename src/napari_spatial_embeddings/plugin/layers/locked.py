"""White outlines of the locked objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.open_image import Box, OpenImage
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.changed_labels import blocks, changed_box

from .frames import empty_labels, pixels
from .image import transform
from .labels_update import update_labels
from .napari_compat import insert
from .tags import LayerTag, find_layer

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Corrections


@dataclass(frozen=True, slots=True)
class _Request:
    """Outlines to be found.

    Parameters
    ----------
    key : str
        Of the image.
    shown : Corrections, optional
        Those whose outlines are in the layer; None if there is no layer.
    known : Corrections
    """

    key: str
    shown: Corrections | None
    known: Corrections

    def run(self) -> tuple[Box, NDArray[np.int32]] | None:
        """Return what is to be replaced in the layer, and its new labels; None if nothing is."""
        return changed_outlines(
            None if self.shown is None else self.shown.labels, self.known.labels
        )


class LockedOutlines(QObject):
    """Keeps a layer of outlines equal to the corrections of each image.

    There is none while nothing is locked. Whether it is visible is up to the user. The outlines are
    found in a thread, image by image: each search starts from what the layer shows by then.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
        Of its images, ``outlined`` is set here.
    """

    def __init__(
        self, viewer: ViewerModel, session: Session, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._waiting: dict[str, None] = {}
        self._worker = LatestWorker(_Request.run, self)
        self._worker.done.connect(self._found)
        self._worker.failed.connect(self._fail)
        self._connections = Connections()
        self._connections.add(session.result_changed, self.show)

    def close(self) -> None:
        """Disconnect from the session, and drop what is under way."""
        self._connections.close()
        self._waiting.clear()
        self._worker.close()

    @property
    def busy(self) -> bool:
        """Whether outlines are still to be found."""
        return self._worker.busy or bool(self._waiting)

    def show(self, key: str) -> None:
        """Show the locked objects of an image."""
        self._waiting[key] = None
        self._next()

    def _next(self) -> None:
        while self._waiting and not self._worker.busy:
            key = next(iter(self._waiting))
            del self._waiting[key]
            request = self._request(key)
            if request is not None:
                self._worker.request(request)

    def _request(self, key: str) -> _Request | None:
        """Return what is to be found for an image; None once its layer is as it should be."""
        image = self._session.images.get(key)
        if image is None:
            return None
        known = None if image.result is None else image.result.corrections
        layer = find_layer(self._viewer, "locked", image.layers_key)
        if known is image.outlined and (known is None or layer is not None):
            return None
        objects = find_layer(self._viewer, "instances", image.layers_key)
        if known is None or not len(known) or objects is None:
            image.outlined = known
            if layer is not None and image.series is not None:
                self._draw(image, layer, np.zeros_like(layer.data[image.frame]))
            elif layer is not None:
                self._viewer.layers.remove(layer)
            return None
        fits = layer is not None and pixels(layer).shape == known.labels.shape
        return _Request(key, image.outlined if fits else None, known)

    def _found(self, request: _Request, found: tuple[Box, NDArray[np.int32]] | None) -> None:
        key = request.key
        image = self._session.images.get(key)
        result = None if image is None else image.result
        layer = find_layer(self._viewer, "locked", key if image is None else image.layers_key)
        current = result is not None and result.corrections is request.known
        if current and (request.shown is None or layer is not None):
            assert image is not None
            image.outlined = request.known
            if request.shown is None and (image.series is None or layer is None):
                if layer is not None:
                    self._viewer.layers.remove(layer)
                self._add(image, found)
            elif found is not None and layer is not None:
                self._draw(image, layer, found[1], found[0])
            self._next()
        else:
            self.show(key)

    def _draw(
        self,
        image: OpenImage,
        layer: Labels,
        drawn: NDArray[np.int32],
        box: Box | None = None,
    ) -> None:
        """Put outlines into the layer of an image, or of the series that it is a frame of."""
        if image.in_view:
            update_labels(layer, drawn, box)
        else:
            layer.data[image.frame][box or ()] = drawn

    def _add(self, image: OpenImage, found: tuple[Box, NDArray[np.int32]] | None) -> None:
        key, series = image.layers_key, image.series
        objects = find_layer(self._viewer, "instances", key)
        if objects is None or found is None:
            return
        array, frame = found[1], None
        if series is not None:
            array, frame = empty_labels((series.frames, *array.shape)), series.frame
            array[image.frame] = found[1]
        layer = Labels(
            array,
            name=f"{objects.name.removesuffix(' · instances')} · locked",
            colormap=CyclicLabelColormap(colors=np.ones((2, 4))),  # direct ones are slow
            opacity=1,
            metadata=LayerTag("locked", key, frame).metadata(),
            **transform(self._viewer, key, frames=series is not None),
        )
        insert(self._viewer, self._viewer.layers.index(objects) + 1, layer)

    def _fail(self, problem: str) -> None:
        self._session.say(problem, "error")
        self._next()


def changed_outlines(
    shown: NDArray[np.int32] | None, labels: NDArray[np.int32]
) -> tuple[Box, NDArray[np.int32]] | None:
    """Return where the outlines of new labels differ from those of the shown ones, and how.

    Parameters
    ----------
    shown, labels : int32 (*S)
        Below 0 they count as none; all is returned if nothing is shown.

    Returns
    -------
    box : Box
    outlines : int32 (*box)
        None in the stead of both if no label changed.
    """
    if shown is None:
        return tuple(slice(0, n) for n in labels.shape), outlines(labels)
    changed = changed_box(shown, labels)
    if changed is None:
        return None
    # A pixel's outline depends on its neighbours' labels, so on those up to two pixels away.
    box, around = (_grown(changed, by, labels.shape) for by in (1, 2))
    inner = tuple(
        slice(b.start - a.start, b.stop - a.start) for b, a in zip(box, around, strict=True)
    )
    return box, outlines(labels[around])[inner]


def _grown(box: Box, pixels: int, shape: tuple[int, ...]) -> Box:
    return tuple(
        slice(max(0, part.start - pixels), min(n, part.stop + pixels))
        for part, n in zip(box, shape, strict=True)
    )


def outlines(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return only the pixels that have another label beside them along the last two axes.

    napari draws such outlines itself, but it takes 30 ns for each pixel of the image whenever it
    draws the layer, and shows whole objects in 3D. scikit-image's `find_boundaries` gives the same
    of a plane, but takes seven times as long.

    Parameters
    ----------
    labels : int32 (*S)
        Below 0 they count as none.

    Returns
    -------
    int32 (*S)
        It needs memory only where there are labels.
    """
    out, last = np.zeros(labels.shape, np.int32), labels.ndim - 1
    for block in blocks(labels.shape):
        if not labels[block].any():
            continue
        more = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in block)
        part = labels[more]
        border = np.zeros(part.shape, bool)
        for axis in (last - 1, last):
            before = tuple(slice(None, -1 if a == axis else None) for a in range(part.ndim))
            after = tuple(slice(a == axis, None) for a in range(part.ndim))
            differs = part[before] != part[after]
            border[before] |= differs
            border[after] |= differs
        own = tuple(
            slice(s.start - m.start, s.stop - m.start) for s, m in zip(block, more, strict=True)
        )
        np.multiply(np.maximum(part[own], 0), border[own], out=out[block])
    return out
