"""Masks of outlines: the way back from rings to pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def filled(
    rings: Iterable[NDArray[np.floating]], shape: Sequence[int], start: Sequence[int] = (0, 0)
) -> NDArray[np.bool_]:
    """Return the pixels whose middles lie within an odd number of rings.

    So holes are holes, whatever way their rings run; a middle that lies on a ring counts if the
    inside is to its right or, on a horizontal part, below it.

    Parameters
    ----------
    rings : iterable of (n, 2)
        Corners as (x, y), in pixels, the middle of the first pixel at (0.5, 0.5); closed or not.
        What lies outside of the picture is cut off.
    shape : Y, X
        Of the mask.
    start : y, x
        Index of its first pixel.

    Returns
    -------
    mask : bool (Y, X)
    """
    high, wide = shape
    crossed = np.zeros((high, wide + 1), np.bool_)
    for ring in rings:
        # Relative to the middle of the first pixel.
        a = np.asarray(ring, np.float64) - (start[1] + 0.5, start[0] + 0.5)
        b = np.roll(a, -1, 0)
        upper, lower = np.where(a[:, 1:] <= b[:, 1:], (a, b), (b, a))
        # The rows whose middles an edge crosses: from `first` up to, but without, `end`.
        first = np.ceil(upper[:, 1]).clip(0, high).astype(np.intp)
        end = np.ceil(lower[:, 1]).clip(0, high).astype(np.intp)
        count = np.maximum(end - first, 0)
        edge = np.repeat(np.arange(len(a)), count)
        row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[edge]
        along = (row - upper[edge, 1]) / (lower[edge, 1] - upper[edge, 1])
        x = upper[edge, 0] + along * (lower[edge, 0] - upper[edge, 0])
        np.logical_xor.at(crossed, (row, np.ceil(x).clip(0, wide).astype(np.intp)), True)
    mask: NDArray[np.bool_] = np.logical_xor.accumulate(crossed, axis=1)[:, :wide]
    return mask
