"""White outlines of the locked objects."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

from .image import transform
from .labels_update import blocks, update_labels
from .napari_compat import insert
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
        drawn = outlines(known.labels)
        if layer is not None and layer.data.shape == drawn.shape:
            update_labels(layer, drawn)
            return
        if layer is not None:
            self._viewer.layers.remove(layer)
        layer = Labels(
            drawn,
            name=f"{objects.name.removesuffix(' · instances')} · locked",
            colormap=CyclicLabelColormap(colors=np.ones((2, 4))),  # direct ones are slow
            opacity=1,
            metadata=LayerTag("locked", key).metadata(),
            **transform(self._viewer, key),
        )
        insert(self._viewer, self._viewer.layers.index(objects) + 1, layer)


def outlines(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return only the pixels that have another label beside them along the last two axes.

    napari draws such outlines itself, but it takes 30 ns for each pixel of the image whenever it
    draws the layer, and shows whole objects in 3D. scikit-image's `find_boundaries` gives the same
    of a plane, but takes seven times as long, while the main thread waits.

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
