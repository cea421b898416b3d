"""Compiled loops of the Lovasz hinge of all objects, with its gradient.

One object after the other: its own pixels, those of others in its reach, both sorted by their
errors, then their shares in the loss. The pixels in reach are found by a grid of cells over each
crop's embeddings, which has three axes; an image is a volume of one slice.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.compiled import compiled
from napari_spatial_embeddings.core.grid_kernels import cell_of

Floats: TypeAlias = NDArray[np.floating[Any]]
Ints: TypeAlias = NDArray[np.int64]
Int: TypeAlias = Any
Real: TypeAlias = Any
"""Numbers whose width numba finds when it compiles a function for them."""

CELLS_PER_REACH = 3
"""Cells that the mean object's reach spans along each axis."""

DIGIT = 11
"""Bits by which errors are sorted at a time; three times."""


class Pairs(NamedTuple):
    """Pairs of one object with a pixel, and room for sorting them.

    Parameters
    ----------
    pixel : int64 (n,)
    phi : floats (n,)
    rank : uint32 (n,)
        2 - error, in steps of 4.7e-10.
    order, spare : int64 (n,)
    start : int64 (2**DIGIT,)
        Where the next of each digit goes.
    """

    pixel: Ints
    phi: Floats
    rank: NDArray[np.uint32]
    order: Ints
    spare: Ints
    start: Ints


class Cells(NamedTuple):
    """The known pixels of a crop, sorted by the cells of their embeddings.

    Parameters
    ----------
    low, scale : floats (3,)
        Start of the first cell along each axis, in pixels, and cells per pixel.
    shape : int64 (3,)
        Number of cells along each axis.
    first : int64 (cells + 1,)
        Where each cell's pixels start in ``pixel``.
    pixel : int64 (n,)
    """

    low: Floats
    scale: Floats
    shape: Ints
    first: Ints
    pixel: Ints


@compiled()
def hinge(
    e: Floats,
    centre: Floats,
    sigma: Floats,
    owner: Ints,
    own: Ints,
    crop: Ints,
    weight: Floats,
    crops: Int,
    smallest: Real,
) -> tuple[Real, Floats, Floats, Floats, Floats]:
    """Return the weighted sum of hinges, phi of the own pixels, and the sum's gradient.

    Parameters
    ----------
    e : (D, N), pixels
    centre, sigma : (D, K), pixels
    owner : int64 (N,)
    own : int64 (M,)
    crop : int64 (K,), ascending
    weight : (K,)
        As in `loss.Targets`.
    crops : int
    smallest : float
        Errors below that are left out.

    Returns
    -------
    value : float
    phi : (M,)
        In the order of ``own``.
    e_gradient : (D, N)
    centre_gradient, sigma_gradient : (D, K)
    """
    count, pixels = len(crop), e.shape[1] // crops
    phi = np.empty(len(own), e.dtype)
    gradient = np.zeros_like(e), np.zeros_like(centre), np.zeros_like(sigma)
    value = 0.0
    first, order = _by_object(owner, own, count)
    reach = np.empty(count, e.dtype)
    for k in range(count):
        best = 0.0
        for j in range(first[k], first[k + 1]):
            i = order[j]
            phi[i] = np.exp(-squared_distance(e, centre, sigma, own[i], k) / 2)
            best = max(best, phi[i])
        # Pixels of less error than any of the object's own come last in its order, where nothing
        # of the union is missed any more and the Jaccard loss has no more to gain.
        reach[k] = np.sqrt(-2 * np.log(max(0.999 * (1 - best), smallest / 2)))
    room = pixels + 1
    pairs = Pairs(
        np.empty(room, np.int64),
        np.empty(room, e.dtype),
        np.empty(room, np.uint32),
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(1 << DIGIT, np.int64),
    )
    start = 0
    for b in range(crops):
        stop = start
        while stop < count and crop[stop] == b:
            stop += 1
        if start == stop:
            continue
        radius = sigma[:, start:stop] * reach[start:stop]
        cells = _sorted_by_cell(e, centre[:, start:stop], radius, owner, count, b * pixels, pixels)
        for k in range(start, stop):
            size = first[k + 1] - first[k]
            for j in range(size):
                i = order[first[k] + j]
                pairs.pixel[j], pairs.phi[j] = own[i], phi[i]
                pairs.rank[j] = _rank(2 - 2 * phi[i])
            total = _add_others(e, centre, sigma, owner, k, reach[k], cells, pairs, size)
            _sort(pairs, total)
            value += weight[k] * _share(
                e, centre, sigma, k, weight[k], pairs, size, total, gradient
            )
        start = stop
    return value, phi, gradient[0], gradient[1], gradient[2]


@compiled(inline=True)
def squared_distance(e: Floats, centre: Floats, sigma: Floats, pixel: Int, k: Int) -> Real:
    """Return a pixel's squared distance from an object's centre, as `maps.squared_distance`."""
    square = e[0, 0] * 0
    for d in range(len(e)):
        square += ((e[d, pixel] - centre[d, k]) / sigma[d, k]) ** 2
    return square


@compiled()
def _by_object(owner: Ints, own: Ints, count: Int) -> tuple[Ints, Ints]:
    """Return where the own pixels of each object start, and their places in ``own``."""
    first = np.zeros(count + 1, np.int64)
    for i in range(len(own)):
        first[owner[own[i]] + 1] += 1
    for k in range(count):
        first[k + 1] += first[k]
    following, order = first.copy(), np.empty(len(own), np.int64)
    for i in range(len(own)):
        k = owner[own[i]]
        order[following[k]] = i
        following[k] += 1
    return first, order


@compiled(inline=True)
def _rank(error: Real) -> Any:
    """Return an integer that falls as an error rises; 0 for one that is not a number."""
    left = 2.0 - error
    return np.uint32(left * 2147483647.0) if left > 0 else np.uint32(0)


@compiled()
def _sorted_by_cell(
    e: Floats, centre: Floats, radius: Floats, owner: Ints, count: Int, at: Int, pixels: Int
) -> Cells:
    """Sort those known pixels of a crop that some object may reach by the cells of a grid."""
    ndim = len(e)
    missing = 3 - ndim
    low, high = np.zeros(3, e.dtype), np.zeros(3, e.dtype)
    scale, shape = np.zeros(3, e.dtype), np.ones(3, np.int64)
    volume = 1.0
    for d in range(ndim):
        low[missing + d] = (centre[d] - radius[d]).min()
        high[missing + d] = (centre[d] + radius[d]).max()
        volume *= max(1.0, high[missing + d] - low[missing + d])
    fair = (volume / pixels) ** (1 / ndim)
    for d in range(ndim):
        cell = max(radius[d].mean() / CELLS_PER_REACH, fair)
        cells = (high[missing + d] - low[missing + d]) / cell
        if cells < pixels:  # otherwise something is not a number, or endless: all in one cell
            scale[missing + d], shape[missing + d] = 1 / cell, int(cells) + 1
    first = np.zeros(shape.prod() + 1, np.int64)
    cell_of_pixel = np.empty(pixels, np.int64)
    for i in range(pixels):
        p = at + i
        cell_of_pixel[i] = -1
        if owner[p] > count:
            continue
        c, inside = 0, True
        for d in range(ndim):
            x, a = e[d, p], missing + d
            inside &= low[a] <= x <= high[a]
            c = c * shape[a] + cell_of(x, low[a], scale[a], shape[a])
        if inside:
            cell_of_pixel[i] = c
            first[c + 1] += 1
    for c in range(len(first) - 1):
        first[c + 1] += first[c]
    following, pixel = first.copy(), np.empty(first[-1], np.int64)
    for i in range(pixels):
        c = cell_of_pixel[i]
        if c >= 0:
            pixel[following[c]] = at + i
            following[c] += 1
    return Cells(low, scale, shape, first, pixel)


@compiled()
def _add_others(
    e: Floats,
    centre: Floats,
    sigma: Floats,
    owner: Ints,
    k: Int,
    reach: Real,
    cells: Cells,
    pairs: Pairs,
    size: Int,
) -> Int:
    """List the pixels in an object's reach that are not its own; return the number of its pairs."""
    start, stop = np.zeros(3, np.int64), np.ones(3, np.int64)
    for d in range(len(e)):
        a, radius = 3 - len(e) + d, sigma[d, k] * reach
        low, scale, n = cells.low[a], cells.scale[a], cells.shape[a]
        start[a] = cell_of(centre[d, k] - radius, low, scale, n)
        stop[a] = cell_of(centre[d, k] + radius, low, scale, n) + 1
    total, square = size, reach * reach
    shape = cells.shape
    for z in range(start[0], stop[0]):
        for y in range(start[1], stop[1]):
            row = (z * shape[1] + y) * shape[2]
            for j in range(cells.first[row + start[2]], cells.first[row + stop[2]]):
                p = cells.pixel[j]
                if owner[p] == k:
                    continue
                far = squared_distance(e, centre, sigma, p, k)
                if far < square:
                    phi = np.exp(-far / 2)
                    pairs.pixel[total], pairs.phi[total] = p, phi
                    pairs.rank[total] = _rank(2 * phi)
                    total += 1
    return total


@compiled()
def _sort(pairs: Pairs, total: Int) -> None:
    """Order pairs by falling error; those of equal error stay as they were listed."""
    mask = (1 << DIGIT) - 1
    now, then = pairs.spare, pairs.order
    for i in range(total):
        now[i] = i
    for turn in range(3):
        shift = turn * DIGIT
        pairs.start[:] = 0
        for i in range(total):
            pairs.start[(np.int64(pairs.rank[i]) >> shift) & mask] += 1
        before = np.int64(0)
        for digit in range(mask + 1):
            n = pairs.start[digit]
            pairs.start[digit] = before
            before += n
        for j in range(total):
            i = now[j]
            place = (np.int64(pairs.rank[i]) >> shift) & mask
            then[pairs.start[place]] = i
            pairs.start[place] += 1
        now, then = then, now


@compiled()
def _share(
    e: Floats,
    centre: Floats,
    sigma: Floats,
    k: Int,
    weight: Real,
    pairs: Pairs,
    size: Int,
    total: Int,
    gradient: tuple[Floats, Floats, Floats],
) -> Real:
    """Return the hinge of an object whose pairs are sorted, and add to the gradients.

    Berman et al. (CVPR 2018), alg. 1: errors in descending order, each times the increase of the
    Jaccard loss.
    """
    e_gradient, centre_gradient, sigma_gradient = gradient
    value, left, union = 0.0, size, size
    for j in range(total):
        i = pairs.order[j]
        phi, p = pairs.phi[i], pairs.pixel[i]
        if i < size:
            left -= 1
            gain = 1 / union
            value += (2 - 2 * phi) * gain
            slope = -2 * gain * weight * phi
        else:
            union += 1
            gain = left / (union - 1) / union
            value += 2 * phi * gain
            slope = 2 * gain * weight * phi
        for d in range(len(e)):
            away = (e[d, p] - centre[d, k]) / sigma[d, k]
            change = slope * away / sigma[d, k]
            e_gradient[d, p] -= change
            centre_gradient[d, k] += change
            sigma_gradient[d, k] += change * away
    return value
