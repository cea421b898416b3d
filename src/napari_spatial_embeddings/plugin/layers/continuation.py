"""Continuation of an object by a stroke that starts on it, or within its outline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.plugin.state.open_image import Box


def continued_label(
    labels: NDArray[np.integer[Any]],
    pixel: tuple[int, ...],
    flat: tuple[int, ...],
    last: int = 0,
    without: frozenset[int] = frozenset(),
    within: Box | None = None,
) -> int:
    """Return the label of the object that a stroke adds to; 0 if it is a new one.

    Parameters
    ----------
    labels : integers (*S)
    pixel : tuple of D ints
        Where the stroke starts.
    flat : tuple of ints
        The axes along which a single slice is in view: none in an image.
    last : int
        Label of the object that was painted last, if there is one.
    without : set of ints
        Labels that are no objects.
    within : Box, optional
        Holds all of that object, if it is known.
    """
    planes = list(_planes(labels.shape, pixel, flat))
    for plane in planes:
        label = int(labels[plane][tuple(p for a, p in enumerate(pixel) if a not in flat)])
        if label > 0 and label not in without:
            return label
    if last <= 0:
        return 0
    seen = [a for a in range(labels.ndim) if a not in flat]
    box = tuple(slice(0, labels.shape[a]) if within is None else within[a] for a in seen)
    if not all(part.start <= pixel[a] < part.stop for a, part in zip(seen, box, strict=True)):
        return 0
    point = np.array([pixel[a] - part.start for a, part in zip(seen, box, strict=True)], float)
    for plane in planes:
        if _encloses(np.argwhere(labels[plane][box] == last), point):
            return last
    return 0


def _planes(
    shape: tuple[int, ...], pixel: tuple[int, ...], flat: tuple[int, ...]
) -> Iterator[tuple[int | slice, ...]]:
    """Yield the slice that a pixel lies in, and then those beside it."""
    steps = [(0, 0)] + [(axis, step) for axis in flat for step in (-1, 1)]
    for axis, step in steps:
        at = [p if a in flat else slice(None) for a, p in enumerate(pixel)]
        if step:
            moved = pixel[axis] + step
            if not 0 <= moved < shape[axis]:
                continue
            at[axis] = moved
        yield tuple(at)


def _encloses(pixels: NDArray[np.intp], point: NDArray[np.float64]) -> bool:
    """Return whether a point lies in the convex hull of pixels."""
    if len(pixels) < 3 or (point < pixels.min(0)).any() or (point > pixels.max(0)).any():
        return False
    from scipy.spatial import ConvexHull, QhullError

    try:
        sides = ConvexHull(pixels).equations
    except QhullError:  # they lie on a line
        return False
    return bool((sides[:, :-1] @ point + sides[:, -1] <= 1e-9).all())
