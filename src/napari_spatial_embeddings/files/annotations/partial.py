"""Labels of which some objects alone are marked: the rest is unknown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.core.object_size import ring


def with_unknown(labels: NDArray[np.int32], spacing: tuple[float, ...]) -> NDArray[np.int32]:
    """Return labels in which pixels without one are unknown, but for a ring around each object.

    The ring is background, as `training.annotation.annotate` takes it to be where unlabelled pixels
    are unknown, so that a training needs no flag to learn from these labels.

    Parameters
    ----------
    labels : int32 (*S) or (T, *S)
        Frames without an object stay as they are: nothing is learned from them.
    spacing : tuple of D floats
        Size of a pixel along each axis, in those of the finest.
    """
    if labels.ndim > len(spacing):
        return np.stack([with_unknown(frame, spacing) for frame in labels])
    if not (labels > 0).any():
        return labels
    return np.where((labels == 0) & ~ring(labels, spacing), np.int32(IGNORE), labels)
