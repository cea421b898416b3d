"""Sizes in images of a kind: one where they agree, and one for each where they differ."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatial_embeddings.inference.sizes.agreement import LARGER, Evidence
from napari_spatial_embeddings.inference.sizes.pooling import SAMPLE, pooled, sample
from napari_spatial_embeddings.inference.sizes.search import FoundSize, chosen

KNOWN = 36.0
DIAMETERS = tuple(10 * 1.3**k for k in range(9))


def searched(at: float, objects: int = 200, sureness: float = 0.8, sizes: int = 9) -> FoundSize:
    """Return what a search finds where objects agree best at one size, counted in steps."""
    same = np.exp(-0.5 * (np.arange(sizes - 1) + 0.5 - at) ** 2)
    seen = Evidence(2 * objects * same, np.full(sizes - 1, 2.0 * objects), np.full(sizes, sureness))
    return chosen(DIAMETERS[:sizes], [seen], KNOWN)


def size(at: float) -> float:
    return float(LARGER * 10 * 1.3**at)


NOTHING = searched(4.0, objects=0, sureness=0.0)


def test_images_that_agree_have_one_size() -> None:
    found = [searched(at) for at in (3.9, 4.0, 4.1, 4.0)]
    pool = pooled(found, KNOWN)
    assert pool.common == pytest.approx(size(4.0), rel=0.03)
    more = pooled([*found, NOTHING], KNOWN)
    assert (more.common, more.count) == (pool.common, 4)


def test_images_that_differ_have_sizes_of_their_own() -> None:
    found = [searched(at) for at in (1.0, 4.0, 7.0)]
    pool = pooled(found, KNOWN)
    assert pool.common is None
    for one, at in zip(found, (1.0, 4.0, 7.0), strict=True):
        assert pool.again(one, KNOWN).diameter == pytest.approx(size(at), rel=0.2)


def test_the_others_decide_where_there_are_few_objects() -> None:
    stray = searched(7.0, objects=3)
    assert stray.diameter == pytest.approx(size(7.0), rel=0.2)
    pool = pooled([*(searched(at) for at in (3.0, 4.0, 4.0, 5.0)), stray], KNOWN)
    assert pool.common is None
    assert pool.again(stray, KNOWN).diameter == pytest.approx(size(4.0), rel=0.15)


def test_one_image_alone_says_nothing_of_others() -> None:
    for found in ([NOTHING, NOTHING], [searched(4.0)], [searched(4.0), NOTHING]):
        pool = pooled(found, KNOWN)
        assert pool.diameter is pool.common is None
        assert pool.again(found[0], KNOWN).diameter == found[0].diameter


def test_small_images_have_fewer_sizes() -> None:
    small = searched(2.0, sizes=6)
    pool = pooled([searched(2.0), small], KNOWN)
    assert pool.common == pytest.approx(size(2.0), rel=0.05)
    assert pool.again(small, KNOWN).diameter == pool.common


@pytest.mark.parametrize("count", [1, 2, 6, 7, 100])
def test_images_of_a_set_are_spread_evenly(count: int) -> None:
    chosen = sample(count)
    assert len(set(chosen)) == len(chosen) == min(SAMPLE, count)
    assert 0 <= min(chosen) <= max(chosen) < count
    assert max(np.diff([-1, *chosen, count])) <= count / len(chosen) + 1
