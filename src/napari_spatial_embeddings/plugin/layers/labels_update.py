"""Changing what a Labels layer shows, at the cost of what changed."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from .viewport import Box, whole


def changed(old: NDArray[np.integer], new: NDArray[np.integer]) -> Box | None:
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


def redraw(layer: Labels, labels: NDArray[np.int32], box: Box | None = None) -> bool:
    """Put labels into a layer of the same shape, and draw what changed, but for the thumbnail.

    The layer's array stays its own: what a person paints on it is painted nowhere else.

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
    with suppress(AttributeError):  # no public name either
        layer._reset_history()  # undoing a stroke would bring back what was there before
    outer = box or whole(layer.data.shape)
    inner = changed(layer.data[outer], labels)
    if inner is None:
        return False
    at = tuple(
        slice(o.start + i.start, o.start + i.stop) for o, i in zip(outer, inner, strict=True)
    )
    layer.data[at] = labels[inner]
    _draw(layer, at)
    return True


def _draw(layer: Labels, box: Box) -> None:
    """Bring a part of a layer's data to the canvas."""
    small = 2 * np.prod([s.stop - s.start for s in box]) < layer.data.size
    if small and layer.visible and layer.ndim == 2:
        # What napari does after a stroke of the brush. It has no public name, so it may go.
        with suppress(AttributeError):
            if list(layer._slice_input.displayed) == [0, 1]:
                shown = layer._slice.image.view
                shown[box] = layer.colormap._data_to_texture(layer.data[box])
                layer._accumulate_updated_slice(box)
                layer._partial_labels_refresh()
                return
    layer.refresh(extent=False, highlight=False, thumbnail=False)
