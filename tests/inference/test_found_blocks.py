"""Pixels that objects of two blocks claim go to one of them, by the rule of the clustering."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.inference.blocks import Blocks, OwnedObjects
from napari_spatial_embeddings.inference.found_blocks import FoundBlocks

Labels = NDArray[np.int32]


def objects(
    core: Labels, rim: list[tuple[int, int]], score: list[float], size: list[int]
) -> OwnedObjects:
    n = len(score)
    return OwnedObjects(
        core=core,
        rim_pixels=np.array([pixel for pixel, _ in rim], np.int64),
        rim_labels=np.array([label for _, label in rim], np.int32),
        class_index=np.zeros(n, np.int64),
        score=np.array(score, np.float32),
        centre=np.zeros((n, 2)),
        sigma=np.ones((n, 2), np.float32),
        size=np.array(size),
        seed_pixel=np.zeros((n, 2), np.int64),
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.9, 0.8), [1, 1, 1, 1, 1, 0, 0, 0]),  # 1 of 3 is left of the second: it is none
        ((0.8, 0.9), [1, 1, 1, 2, 2, 2, 0, 0]),  # 3 of 5 are left of the first
        ((0.8, 0.8), [1, 1, 1, 1, 1, 0, 0, 0]),  # a tie: the first block's
    ],
)
def test_the_higher_score_wins_what_two_blocks_claim(
    tmp_path: Path, order: tuple[int, int], scores: tuple[float, float], expected: list[int]
) -> None:
    found = FoundBlocks(Blocks((1, 8), (1, 4)), (1.0, 1.0), tmp_path)
    both = [
        objects(np.array([[1, 1, 1, 1]], np.int32), [(4, 1)], [scores[0]], [5]),
        objects(np.array([[1, 1, 0, 0]], np.int32), [(3, 1)], [scores[1]], [3]),
    ]
    for k in order:
        found.add(k, found.write(k, both[k]))
    list(found.resolve(ClusteringSettings(min_size=1)))
    assert np.concatenate([found.labels(k) for k in range(2)], 1).tolist() == [expected]
    assert found.contested == 2
    assert len(found) == max(expected)
    rows = [found.instances(k) for k in range(2)]
    sizes = [n for row in rows if row is not None for n in row[0].size.tolist()]
    assert sizes == [expected.count(i) for i in range(1, len(found) + 1)]
