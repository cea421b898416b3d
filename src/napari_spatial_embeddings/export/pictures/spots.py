"""Places of the objects' ids in pictures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.outlines.masks import ObjectMask

MAX_EDGE = 128
"""Edge of the box in which the middle of an object is searched; larger ones are thinned out."""

SHARE, LARGEST = 0.4, 1 / 32
"""Height of an id: of an object's diameter, and at most of the picture's longer side."""


def spot_of(one: ObjectMask) -> tuple[float, float]:
    """Return the point (x, y) of an object in a plane that is farthest from its outline.

    So it lies within the object, whatever its shape. The middle of the first pixel is at 0.5.
    """
    from scipy import ndimage as ndi

    step = math.ceil(max(one.mask.shape) / MAX_EDGE)
    thin = one.mask[::step, ::step]
    if thin.any():
        deep = ndi.distance_transform_edt(np.pad(thin, 1))
        y, x = (step * (n - 1) for n in np.unravel_index(int(deep.argmax()), deep.shape))
    else:  # a thin one that is between the pixels that are left
        inside = np.flatnonzero(one.mask)
        y, x = np.unravel_index(inside[len(inside) // 2], one.mask.shape)
    return float(x + one.start[1]) + 0.5, float(y + one.start[0]) + 0.5


def typical_diameter(areas: NDArray[np.integer[Any]]) -> float:
    """Return the diameter of a disk of the median area, in pixels; 0 if there are no areas."""
    return 2 * math.sqrt(float(np.median(areas)) / math.pi) if len(areas) else 0.0


def id_size(diameter: float, shape: tuple[float, ...]) -> float:
    """Return the height of ids that fit into objects of a diameter in an image, in pixels."""
    largest = LARGEST * max(shape)
    return min(largest, SHARE * diameter) if diameter else largest
