"""Overlaps that are summed up block by block are those of the whole images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from builders import capsules
from napari_spatial_embeddings.core.metrics import overlaps
from napari_spatial_embeddings.core.quality import block_overlaps
from napari_spatial_embeddings.core.quality.block_overlaps import BlockOverlaps

FIELDS = ("truth_ids", "predicted_ids", "truth_sizes", "predicted_sizes")


@pytest.mark.parametrize(
    ("seed", "edge", "waiting"), [(0, 16, True), (1, 23, False), (2, 60, True)]
)
def test_blocks_give_what_the_whole_gives(seed: int, edge: int, waiting: bool) -> None:
    rng = np.random.default_rng(seed)
    truth = capsules((50, 60), count=12, seed=seed)
    found = np.roll(truth, rng.integers(-6, 7, 2), (0, 1)) * np.int32(100)
    found[20:25] = 77
    unknown = rng.random(truth.shape) < 0.05
    unknown[:, : rng.integers(0, 30)] = True
    truth[unknown] = 0
    sums = BlockOverlaps()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_overlaps, "MOST_ROWS", 2**20 if waiting else 0)
        for row, column in itertools.product(range(0, 50, edge), range(0, 60, edge)):
            part = slice(row, row + edge), slice(column, column + edge)
            sums.add(truth[part], found[part], unknown[part])
    one, other = sums.result(), overlaps(truth, found, unknown)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    pairs = [
        sorted(zip(x.truth.tolist(), x.predicted.tolist(), x.shared.tolist(), strict=True))
        for x in (one, other)
    ]
    assert pairs[0] == pairs[1]


def test_nothing_overlaps_in_no_block() -> None:
    empty = BlockOverlaps().result()
    assert [len(getattr(empty, name)) for name in FIELDS] == [0] * 4
