"""The box around what changed in a label image is the smallest, whatever its blocks."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatial_embeddings.plugin.tasks.changed_labels import BLOCK_PIXELS, blocks, changed_box


def test_the_box_of_a_change_is_the_smallest() -> None:
    rng = np.random.default_rng(0)
    for shape in ((20, 30), (5, 20, 30)):
        old = rng.integers(0, 5, shape).astype(np.int32)
        assert changed_box(old, old.copy()) is None
        new = old.copy()
        points = rng.integers(1, [n - 1 for n in shape], (3, len(shape)))
        new[tuple(points.T)] += 1
        box = changed_box(old, new)
        assert box is not None
        for axis, part in enumerate(box):
            assert (part.start, part.stop) == (points[:, axis].min(), points[:, axis].max() + 1)


@pytest.mark.parametrize("shape", [(2500, 700), (700, 2500), (3, 1300, 900), (1, 1, 7), (0, 5)])
def test_blocks_cover_an_array_once(shape: tuple[int, ...]) -> None:
    times = np.zeros(shape, np.uint8)
    for block in blocks(shape):
        times[block] += 1
        assert times[block].size <= BLOCK_PIXELS + max(shape) ** 2
    assert (times == 1).all()


def test_changes_in_several_blocks_are_one_box() -> None:
    old = np.zeros((2500, 700), np.int32)
    new = old.copy()
    new[30, 600] = new[2400, 20] = 5
    assert changed_box(old, new) == (slice(30, 2401), slice(20, 601))
    new[30, 600] = 0
    assert changed_box(old, new) == (slice(2400, 2401), slice(20, 21))
