"""Interpolation of the current image's annotation between painted slices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.layers.strokes import Strokes
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.session import Session

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.interpolation import Filling


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    strokes: Strokes
    labels: NDArray[np.int32]
    axis: int
    without: tuple[int, ...]

    def run(self) -> Filling:
        from napari_spatial_embeddings.editing.interpolation import interpolated

        return interpolated(np.array(self.labels), self.axis, self.without)


class Interpolation(QObject):
    """Fills the slices between those that an object is painted in.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    annotation : AnnotationController
    """

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        annotation: AnnotationController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._annotation = viewer, session, annotation
        self._worker = LatestWorker(_Request.run, self)
        self._worker.done.connect(self._fill)
        self._worker.failed.connect(partial(session.say, kind="error"))

    def close(self) -> None:
        """Drop what is under way."""
        self._worker.close()

    @property
    def busy(self) -> bool:
        """Whether slices are being filled."""
        return self._worker.busy

    def start(self) -> None:
        """Fill the slices of all objects, across the axis that the slider moves along.

        Raises
        ------
        InputError
            If the current image is no volume with annotations, or is shown in 3D.
        """
        strokes = self._annotation.strokes(self._session.image)
        if strokes is None or strokes.labels.ndim < 3:
            raise InputError("interpolation is for volumes: paint an object in some of its slices")
        dims = self._viewer.dims
        before = dims.ndim - strokes.labels.ndim
        across = [axis - before for axis in dims.not_displayed if axis >= before]
        if len(across) != 1:
            raise InputError("switch to the 2D view to interpolate: the square button")
        background = () if strokes.background is None else (strokes.background,)
        self._worker.request(_Request(strokes, strokes.labels, across[0], background))

    def _fill(self, request: _Request, filling: Filling) -> None:
        strokes = self._annotation.strokes(self._session.image)
        if strokes is None or strokes is not request.strokes:
            return  # another image is chosen meanwhile
        free = strokes.labels[filling.where] == 0
        if not free.any():
            self._session.say(
                "Nothing to fill: paint the same object in slices apart (pick it with key L).",
                "warning",
                lambda: self._annotation.strokes(self._session.image) is strokes,
            )
            return
        where = tuple(indices[free] for indices in filling.where)
        strokes.paste(where, filling.labels[free])
        slices = len(np.unique(where[request.axis]))
        what = f"{plural(filling.objects, 'object')} filled in {plural(slices, 'slice')}"
        self._session.say(f"{what}. Ctrl+Z takes it back.")
