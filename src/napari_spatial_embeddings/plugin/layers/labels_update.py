"""Updates of Labels layers at the cost of what changed."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.state.open_image import Box

from .napari_compat import clear_paint_history, draw_part


def changed_box(old: NDArray[np.integer], new: NDArray[np.integer]) -> Box | None:
    """Return the smallest box that holds all that differs; None if nothing does."""
    differs = old != new
    box = []
    for axis in range(old.ndim):
        others = tuple(a for a in range(old.ndim) if a != axis)
        found = np.flatnonzero(differs.any(others))
        if not len(found):
            return None
        box.append(slice(int(found[0]), int(found[-1]) + 1))
    return tuple(box)


def update_labels(layer: Labels, labels: NDArray[np.int32], box: Box | None = None) -> bool:
    """Put labels into a layer of the same shape, and draw what changed, but for the thumbnail.

    The layer's array stays its own: what the user paints on it is painted nowhere else.

    Parameters
    ----------
    layer : Labels
        With int32 data.
    labels : int32 (*S)
        Those of the box, if one is given.
    box : Box, optional
        The part of the layer that is replaced; all of it if not given.

    Returns
    -------
    bool
        Whether anything changed.
    """
    clear_paint_history(layer)
    outer = box or tuple(slice(0, n) for n in layer.data.shape)
    inner = changed_box(layer.data[outer], labels)
    if inner is None:
        return False
    at = tuple(
        slice(o.start + i.start, o.start + i.stop) for o, i in zip(outer, inner, strict=True)
    )
    layer.data[at] = labels[inner]
    small = 2 * np.prod([s.stop - s.start for s in at]) < layer.data.size
    if not (small and draw_part(layer, at)):
        layer.refresh(extent=False, highlight=False, thumbnail=False)
    return True
