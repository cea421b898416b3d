"""Updates of Labels layers at the cost of what changed."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.state.open_image import Box
from napari_spatial_embeddings.plugin.tasks.changed_labels import blocks, changed_box

from .frames import in_layer, pixels
from .napari_compat import add_to_paint_history, clear_paint_history, draw_part


def copied(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return a copy that needs memory only where there are labels; those below 0 are left out.

    So it takes no time to copy the labels of what is in view of a large image.
    """
    out = np.zeros(labels.shape, np.int32)
    for block in blocks(labels.shape):
        part = labels[block]
        if part.any():
            np.maximum(part, 0, out=out[block])
    return out


def update_labels(layer: Labels, labels: NDArray[np.int32], box: Box | None = None) -> bool:
    """Put labels into a layer of the same shape, and draw what changed, but for the thumbnail.

    The layer's array stays its own: what the user paints on it is painted nowhere else.

    Parameters
    ----------
    layer : Labels
        With int32 data; of a time series, its frame in view is meant.
    labels : int32 (*S)
        Those of the box, if one is given; below 0 they count as none.
    box : Box, optional
        The part that is replaced; all of it if not given.

    Returns
    -------
    bool
        Whether anything changed.
    """
    clear_paint_history(layer)
    array = pixels(layer)
    outer = box or tuple(slice(0, n) for n in array.shape)
    inner = changed_box(array[outer], labels)
    if inner is None:
        return False
    at = tuple(
        slice(o.start + i.start, o.start + i.stop) for o, i in zip(outer, inner, strict=True)
    )
    np.maximum(labels[inner], 0, out=array[at])
    _draw(layer, at)
    return True


def replace_labels(
    layer: Labels, box: Box, before: NDArray[np.int32], after: NDArray[np.int32]
) -> None:
    """Replace the labels of a part of a layer as a stroke does, so that napari can undo it.

    Parameters
    ----------
    layer : Labels
        With int32 data; of a time series, its frame in view is meant.
    box : Box
    before, after : int32 (*box)
    """
    add_to_paint_history(layer, in_layer(layer, box), before, after)
    pixels(layer)[box] = after
    _draw(layer, box)


def _draw(layer: Labels, box: Box) -> None:
    array = pixels(layer)
    small = 2 * np.prod([s.stop - s.start for s in box]) < array.size
    if not (small and array.ndim == 2 and draw_part(layer, in_layer(layer, box))):
        layer.refresh(extent=False, highlight=False, thumbnail=False)
