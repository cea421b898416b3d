"""Pairs of pixels and objects within reach: the same as by comparing all with all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor

from napari_spatial_embeddings.core.hinge.pairs import others_near

Case = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw embeddings, objects of all sizes, unknown pixels, and now and then an outlier."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    ndim, crops = draw(st.sampled_from([2, 3])), draw(st.integers(1, 3))
    pixels, objects = draw(st.sampled_from([1, 50, 400])), draw(st.integers(1, 12))
    e = rng.uniform(0, 30, (ndim, crops * pixels))
    if draw(st.booleans()):
        e[:, rng.integers(e.shape[1])] = draw(st.sampled_from([-1e6, 1e6]))
    reach = 10 ** rng.uniform(*draw(st.sampled_from([(-2, 0), (0, 1), (-1, 3)])), (ndim, objects))
    return (
        torch.from_numpy(e.astype(np.float32)),
        torch.from_numpy(rng.uniform(-5, 35, (ndim, objects)).astype(np.float32)),
        torch.from_numpy(reach.astype(np.float32)),
        torch.from_numpy(rng.integers(0, objects + 2, crops * pixels)),
        torch.from_numpy(rng.integers(0, crops, objects)),
        crops,
    )


def by_asking_all(case: Case, factor: float) -> set[tuple[int, int]]:
    e, centre, reach, owner, crop, crops = case
    t = (e[:, :, None] - centre[:, None]).double() / (factor * reach[:, None])
    near = (t**2).sum(0) < 1
    near &= (torch.arange(len(owner)) // (len(owner) // crops))[:, None] == crop
    near &= (owner[:, None] != torch.arange(len(crop))) & (owner <= len(crop))[:, None]
    return {(int(p), int(k)) for p, k in near.nonzero()}


@given(cases())
@hypothesis_settings(deadline=None, max_examples=60)
def test_finds_the_pairs_that_asking_all_about_all_finds(case: Case) -> None:
    pixel, obj = others_near(*case)
    found = list(zip(pixel.tolist(), obj.tolist(), strict=True))
    assert len(found) == len(set(found))
    # On the edge, rounding may decide.
    assert by_asking_all(case, 0.9999) <= set(found) <= by_asking_all(case, 1.0001)
    assert obj.tolist() == sorted(obj.tolist())


@pytest.mark.parametrize("owner", [0, 2])
def test_without_others_there_are_no_pairs(owner: int) -> None:
    e, one = torch.zeros(2, 8), torch.ones(2, 1)
    owners, crop = torch.full((8,), owner), torch.zeros(1, dtype=torch.long)
    for found in others_near(e, 0 * one, one, owners, crop, 1):
        assert found.tolist() == []
