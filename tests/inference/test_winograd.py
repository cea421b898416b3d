"""Convolution by fewer multiplications: what the definition gives, at edges and in slices alike."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_spatial_embeddings.inference.cpu import winograd
from napari_spatial_embeddings.inference.cpu.kernels import Floats


def made(
    x: Floats, weight: Floats, gain: Floats, bias: Floats, other: Floats, parts: int = 1
) -> Floats:
    """Return the convolution by `winograd`, in so many calls."""
    out = np.full((*x.shape[:-1], len(weight)), np.nan, np.float32)
    rows = x.shape[0] * winograd.rows_of(x.shape[1])
    ends = [rows * k // parts for k in range(parts + 1)]
    factors = winograd.transformed(weight).reshape(-1)
    for start, stop in pairwise(ends):
        winograd.convolve(
            x.reshape(-1),
            x.shape[:-1],
            factors,
            weight.shape[2],
            gain,
            bias,
            other.reshape(-1),
            out.reshape(-1),
            start,
            stop,
        )
    return out


def defined(x: Floats, weight: Floats, gain: Floats, bias: Floats, other: Floats) -> Floats:
    """Return the same by the definition, in double precision."""
    image, kernel, scale, shift, more = (
        torch.from_numpy(values).double() for values in (x, weight, gain, bias, other)
    )
    y = F.conv3d(image.movedim(-1, 0)[None], kernel, padding=(weight.shape[2] // 2, 1, 1))
    y = F.layer_norm(y[0].movedim(0, -1), (len(weight),), scale, shift)
    return F.relu(y + more if more.numel() else y).numpy()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 4, 4), (1, 13, 118), (3, 6, 9), (2, 21, 5)])
@pytest.mark.parametrize(("before", "after", "depth"), [(24, 24, 1), (48, 24, 3), (8, 72, 1)])
@pytest.mark.parametrize("added", [True, False])
def test_it_is_the_convolution_of_the_definition(
    shape: tuple[int, int, int], before: int, after: int, depth: int, added: bool
) -> None:
    rng = np.random.default_rng(0)

    def drawn(*edges: int) -> Floats:
        return rng.normal(size=edges).astype(np.float32)

    x = np.maximum(drawn(*shape, before), 0)
    weight = drawn(after, before, depth, 3, 3) / np.float32(np.sqrt(9 * before * depth))
    others = drawn(after), drawn(after), drawn(*shape, after) if added else drawn(0)
    found, expected = made(x, weight, *others), defined(x, weight, *others)
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-5)
    # However rows are divided among threads, the last bit is the same.
    np.testing.assert_array_equal(made(x, weight, *others, parts=3), found)


def test_rounding_is_about_that_of_the_definition() -> None:
    rng = np.random.default_rng(1)
    x = np.maximum(rng.normal(size=(1, 40, 40, 96)), 0).astype(np.float32)
    weight = (rng.normal(size=(96, 96, 1, 3, 3)) / np.sqrt(9 * 96)).astype(np.float32)
    plain = np.ones(96, np.float32), np.zeros(96, np.float32), np.empty(0, np.float32)
    off = made(x, weight, *plain) - defined(x, weight, *plain)
    assert np.sqrt(np.mean(off**2)) < 2e-6
