"""Convolution with kernels of 3 x 3 pixels by fewer multiplications, with what follows it.

Winograd's F(4 x 4, 3 x 3) (Lavin and Gray 2016, arXiv 1509.09308): 4 x 4 pixels of the result are
made of 36 products of transformed pixels and transformed weights, where the definition needs 144.
The products of many such squares are matrix products over the channels. While a square is in the
processor's cache, it is normalised, added to what goes around the convolution, and cut below 0.

A kernel that is three slices deep is three kernels whose products are added.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.compiled import compiled
from napari_spatial_embeddings.core.grid_kernels import Int

from .kernels import EPSILON, Floats
from .lanes import (
    LANES,
    combinations,
    filled,
    load,
    positive,
    product_added,
    root,
    spread,
    store,
    totals,
)

PANEL = 24
"""Channels of the result come in multiples of it: as many as registers hold at once."""

STEP = 4
"""Edge of a square of the result, in pixels."""

EDGE = STEP + 2
"""Edge of what it is made of."""

PRODUCTS = EDGE * EDGE

SQUARES = 24
"""Squares whose products are made together; a multiple of 4. More do not fit into the cache."""

POINTS = 0.0, 0.75, -0.75, 1.5, -1.5
"""Where polynomials are evaluated, beside infinity. With these, rounding is a quarter of what it is
with the usual 0, 1, -1, 2 and -2."""


def _matrices() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return what takes 3 weights to 6 factors, 6 pixels to 6 others, and 6 products to 4 pixels.

    Lines are polynomials; a convolution is a product of such, known by its values at the points.
    """
    weights, pixels, back = np.zeros((EDGE, 3)), np.zeros((EDGE, EDGE)), np.zeros((STEP, EDGE))
    for i, p in enumerate(POINTS):
        others = [q for q in POINTS if q != p]
        weights[i] = p ** np.arange(3) / np.prod([p - q for q in others])
        pixels[i, :-1] = np.poly(others)[::-1]
        back[:, i] = p ** np.arange(STEP)
    weights[-1, -1] = back[-1, -1] = 1
    pixels[-1] = np.poly(POINTS)[::-1]
    return weights, pixels, back


_WEIGHTS, _PIXELS, _BACK = _matrices()
_transform_line, _transform_line_back = combinations(_PIXELS), combinations(_BACK)


def transformed(weight: NDArray[np.floating]) -> Floats:
    """Return transformed weights, float32 (36, depth * I, O).

    Parameters
    ----------
    weight : (O, I, depth, 3, 3)
    """
    both = np.kron(_WEIGHTS, _WEIGHTS)
    after, before, depth = weight.shape[:3]
    pixels = weight.transpose(2, 1, 0, 3, 4).reshape(-1, both.shape[1]).astype(np.float64)
    return (both @ pixels.T).reshape(PRODUCTS, depth * before, after).astype(np.float32)


@compiled()
def rows_of(edge: Int) -> Int:
    """Return how many squares an edge has."""
    return (edge + STEP - 1) // STEP


@compiled()
def convolve(
    x: Floats,
    shape: tuple[int, int, int],
    u: Floats,
    depth: Int,
    weight: Floats,
    bias: Floats,
    other: Floats,
    out: Floats,
    start: Int,
    stop: Int,
) -> None:
    """Write rows of squares of a convolution, normalised and cut below 0; outside x are zeros.

    Parameters
    ----------
    x : (Z * Y * X * I,)
    shape : Z, Y, X
    u : (36 * depth * I * O,)
        From `transformed`.
    depth : 1 or 3
    weight, bias : (O,)
        Of the normalisation.
    other : (Z * Y * X * O,) or (0,)
        Added after it.
    out : (Z * Y * X * O,)
    start, stop : int
        Rows of squares are counted through all slices.
    """
    slices, height, width = shape
    n = len(weight)
    k = len(u) // (PRODUCTS * n)
    channels = k // depth
    rows, columns = rows_of(height), rows_of(width)
    v = np.empty(PRODUCTS * SQUARES * k, np.float32)
    m = np.empty(PRODUCTS * SQUARES * n, np.float32)
    patch = np.empty(PRODUCTS * channels, np.float32)
    scratch = np.empty(PRODUCTS * LANES, np.float32)
    square = np.empty(STEP * STEP * n, np.float32)
    moments = np.empty(2 * STEP * STEP, np.float32)
    for at in range(start, stop):
        z, row = at // rows, at % rows
        for first in range(0, columns, SQUARES):
            count = min(SQUARES, columns - first)
            for d in range(depth):
                below = z + d - depth // 2
                for t in range(count):
                    y0, x0 = row * STEP - 1, (first + t) * STEP - 1
                    place = t * k + d * channels
                    if (
                        0 <= below < slices
                        and y0 >= 0
                        and y0 + EDGE <= height
                        and x0 >= 0
                        and x0 + EDGE <= width
                    ):
                        base = ((below * height + y0) * width + x0) * channels
                        _transform(x, base, width * channels, channels, scratch, v, place, k)
                    else:
                        _copy(x, shape, below, y0, x0, channels, patch)
                        _transform(patch, 0, EDGE * channels, channels, scratch, v, place, k)
            for i in range(PRODUCTS):
                _multiply(v, i * SQUARES * k, u, i * k * n, m, i * SQUARES * n, count, k, n)
            for t in range(count):
                _transform_back(m, t * n, n, scratch, square)
                _measure(square, n, moments)
                for dy in range(min(STEP, height - row * STEP)):
                    for dx in range(min(STEP, width - (first + t) * STEP)):
                        pixel = (z * height + row * STEP + dy) * width + (first + t) * STEP + dx
                        own = dy * STEP + dx
                        _finish(square, own, moments, weight, bias, other, out, pixel * n)


@compiled()
def _copy(
    x: Floats, shape: tuple[int, int, int], z: Int, y0: Int, x0: Int, channels: Int, patch: Floats
) -> None:
    """Copy what a square is made of, with zeros outside."""
    slices, height, width = shape
    for i in range(EDGE):
        for j in range(EDGE):
            to = (i * EDGE + j) * channels
            inside = 0 <= z < slices and 0 <= y0 + i < height and 0 <= x0 + j < width
            base = ((z * height + y0 + i) * width + x0 + j) * channels
            for c in range(channels):
                patch[to + c] = x[base + c] if inside else np.float32(0)


@compiled()
def _transform(
    x: Floats, base: Int, row: Int, channels: Int, scratch: Floats, v: Floats, place: Int, k: Int
) -> None:
    """Transform a square's pixels; ``base`` is the first's place, ``row`` that of the next row."""
    far = SQUARES * k
    for c in range(0, channels, LANES):
        for j in range(EDGE):
            at = base + j * channels + c
            _transform_line(x, at, row, scratch, j * LANES, EDGE * LANES)
        for i in range(EDGE):
            to = i * EDGE * far + place + c
            _transform_line(scratch, i * EDGE * LANES, LANES, v, to, far)


@compiled()
def _multiply(
    v: Floats, v0: Int, u: Floats, u0: Int, m: Floats, m0: Int, count: Int, k: Int, n: Int
) -> None:
    """Write the product of squares (count, k) and weights (k, n), by 4 squares x 24 channels."""
    zero = filled(np.float32(0))
    for first in range(0, n, PANEL):
        for t in range(0, count, 4):
            a0 = a1 = a2 = b0 = b1 = b2 = c0 = c1 = c2 = d0 = d1 = d2 = zero
            at, other = v0 + t * k, u0 + first
            for i in range(k):
                left, middle, right = load(u, other), load(u, other + 8), load(u, other + 16)
                one = spread(v, at + i)
                a0 = product_added(one, left, a0)
                a1 = product_added(one, middle, a1)
                a2 = product_added(one, right, a2)
                one = spread(v, at + k + i)
                b0 = product_added(one, left, b0)
                b1 = product_added(one, middle, b1)
                b2 = product_added(one, right, b2)
                one = spread(v, at + 2 * k + i)
                c0 = product_added(one, left, c0)
                c1 = product_added(one, middle, c1)
                c2 = product_added(one, right, c2)
                one = spread(v, at + 3 * k + i)
                d0 = product_added(one, left, d0)
                d1 = product_added(one, middle, d1)
                d2 = product_added(one, right, d2)
                other += n
            to = m0 + t * n + first
            store(m, to, a0)
            store(m, to + 8, a1)
            store(m, to + 16, a2)
            to += n
            store(m, to, b0)
            store(m, to + 8, b1)
            store(m, to + 16, b2)
            to += n
            store(m, to, c0)
            store(m, to + 8, c1)
            store(m, to + 16, c2)
            to += n
            store(m, to, d0)
            store(m, to + 8, d1)
            store(m, to + 16, d2)


@compiled()
def _transform_back(m: Floats, place: Int, n: Int, scratch: Floats, square: Floats) -> None:
    """Write a square's 4 x 4 pixels (4 * 4 * n,), which follow from its products."""
    far = SQUARES * n
    for c in range(0, n, LANES):
        for j in range(EDGE):
            at = j * far + place + c
            _transform_line_back(m, at, EDGE * far, scratch, j * LANES, EDGE * LANES)
        for i in range(STEP):
            to = i * STEP * n + c
            _transform_line_back(scratch, i * EDGE * LANES, LANES, square, to, n)


@compiled()
def _measure(square: Floats, n: Int, moments: Floats) -> None:
    """Write the means of a square's pixels, and one by their standard deviations (2 * 16,)."""
    zero, share = filled(np.float32(0)), filled(np.float32(1) / np.float32(n))
    one, epsilon = filled(np.float32(1)), filled(EPSILON)
    for first in range(0, STEP * STEP, LANES):
        at = first * n
        a = b = c = d = e = f = g = h = zero
        for k in range(at, at + n, LANES):
            a, b = a + load(square, k), b + load(square, k + n)
            c, d = c + load(square, k + 2 * n), d + load(square, k + 3 * n)
            e, f = e + load(square, k + 4 * n), f + load(square, k + 5 * n)
            g, h = g + load(square, k + 6 * n), h + load(square, k + 7 * n)
        store(moments, first, totals(a, b, c, d, e, f, g, h) * share)
        a = b = c = d = e = f = g = h = zero
        for k in range(at, at + n, LANES):
            far = load(square, k) - spread(moments, first)
            a = product_added(far, far, a)
            far = load(square, k + n) - spread(moments, first + 1)
            b = product_added(far, far, b)
            far = load(square, k + 2 * n) - spread(moments, first + 2)
            c = product_added(far, far, c)
            far = load(square, k + 3 * n) - spread(moments, first + 3)
            d = product_added(far, far, d)
            far = load(square, k + 4 * n) - spread(moments, first + 4)
            e = product_added(far, far, e)
            far = load(square, k + 5 * n) - spread(moments, first + 5)
            f = product_added(far, far, f)
            far = load(square, k + 6 * n) - spread(moments, first + 6)
            g = product_added(far, far, g)
            far = load(square, k + 7 * n) - spread(moments, first + 7)
            h = product_added(far, far, h)
        spread_ = root(product_added(totals(a, b, c, d, e, f, g, h), share, epsilon))
        store(moments, STEP * STEP + first, one / spread_)


@compiled()
def _finish(
    square: Floats,
    pixel: Int,
    moments: Floats,
    weight: Floats,
    bias: Floats,
    other: Floats,
    out: Floats,
    to: Int,
) -> None:
    """Normalise a pixel over its channels, add the other one, cut below 0, and write it."""
    n, mean = len(weight), spread(moments, pixel)
    gain = spread(moments, STEP * STEP + pixel)
    for c in range(0, n, LANES):
        scaled = (load(square, pixel * n + c) - mean) * gain
        value = product_added(scaled, load(weight, c), load(bias, c))
        if len(other):
            value = value + load(other, to + c)
        store(out, to + c, positive(value))
