"""Compiled loops between the convolutions of a network: each passes once over its features.

Features have their channels last, (Z, Y, X, C); an image is a volume of one slice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.compiled import compiled
from napari_spatial_embeddings.core.grid_kernels import Int

Floats = NDArray[np.float32]

EPSILON = np.float32(1e-5)
"""Added to variances, as in `torch.nn.LayerNorm`."""


@compiled(inline=True, reorder=True)
def _moments(row: Floats) -> tuple[np.float32, np.float32]:
    """Return the mean of a pixel's channels, and one by their standard deviation."""
    share = np.float32(1) / np.float32(len(row))
    total = np.float32(0)
    for c in range(len(row)):
        total += row[c]
    mean = total * share
    squares = np.float32(0)
    for c in range(len(row)):
        squares += (row[c] - mean) * (row[c] - mean)
    return mean, np.float32(1) / np.sqrt(squares * share + EPSILON)


@compiled(reorder=True)
def normalise(x: Floats, weight: Floats, bias: Floats) -> None:
    """Normalise pixels (N, C) over their channels, then cut below 0; in place."""
    for i in range(len(x)):
        row = x[i]
        mean, gain = _moments(row)
        for c in range(len(row)):
            row[c] = max((row[c] - mean) * gain * weight[c] + bias[c], np.float32(0))


@compiled(reorder=True)
def normalise_and_add(x: Floats, weight: Floats, bias: Floats, other: Floats) -> None:
    """Do the same, but for other pixels (N, C) that are added before values are cut."""
    for i in range(len(x)):
        row, more = x[i], other[i]
        mean, gain = _moments(row)
        for c in range(len(row)):
            value = (row[c] - mean) * gain * weight[c] + bias[c] + more[c]
            row[c] = max(value, np.float32(0))


@compiled(reorder=True)
def join_pooled(
    small: Floats, large: Floats, weight: Floats, bias: Floats, out: Floats, start: Int, stop: Int
) -> None:
    """Write rows of features with the maxima of larger ones behind them, normalised, then cut.

    Parameters
    ----------
    small : (Z, Y, X, A)
    large : (Z * i, Y * j, X * k, B)
        Not looked at if ``out`` has no room for it.
    weight, bias : (A + B,)
        Or (0,): nothing is normalised.
    out : (Z, Y, X, A + B) or (Z, Y, X, A)
    start, stop : int
        Rows are counted through all slices.
    """
    _, height, width, first = small.shape
    pooled = out.shape[3] - first
    steps_z, steps_y = large.shape[0] // small.shape[0], large.shape[1] // height
    steps_x = large.shape[2] // width
    for at in range(start, stop):
        z, y = at // height, at % height
        for x in range(width):
            row = out[z, y, x]
            for c in range(first):
                row[c] = small[z, y, x, c]
            for c in range(pooled):
                row[first + c] = large[z * steps_z, y * steps_y, x * steps_x, c]
            for i in range(steps_z):
                for j in range(steps_y):
                    for k in range(steps_x):
                        for c in range(pooled):
                            more = large[z * steps_z + i, y * steps_y + j, x * steps_x + k, c]
                            row[first + c] = max(row[first + c], more)
            if len(weight):
                mean, gain = _moments(row)
                for c in range(len(row)):
                    row[c] = (row[c] - mean) * gain * weight[c] + bias[c]
            for c in range(len(row)):
                row[c] = max(row[c], np.float32(0))


@compiled()
def add_enlarged(
    deep: Floats,
    deep_first: tuple[int, int, int],
    step: tuple[int, int, int],
    skip: Floats,
    first: tuple[int, int, int],
    out: Floats,
    start: Int,
    stop: Int,
) -> None:
    """Write rows of features plus deeper ones, each of which is repeated ``step`` times.

    Parameters
    ----------
    deep : (Z', Y', X', C)
        From the pixel ``deep_first`` of its level on.
    skip : (Z'', Y'', X'', C)
        From the first pixel of its level on.
    out : (Z, Y, X, C)
        From the pixel ``first`` of the same level on.
    start, stop : int
        Rows are counted through all slices.
    """
    _, height, width, channels = out.shape
    for at in range(start, stop):
        z, y = at // height + first[0], at % height + first[1]
        below = deep[z // step[0] - deep_first[0], y // step[1] - deep_first[1]]
        beside, row = skip[z, y], out[z - first[0], y - first[1]]
        for x in range(width):
            low, high = below[(x + first[2]) // step[2] - deep_first[2]], beside[x + first[2]]
            pixel = row[x]
            for c in range(channels):
                pixel[c] = low[c] + high[c]
