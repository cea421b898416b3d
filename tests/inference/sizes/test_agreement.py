"""Agreement of neighbouring sizes: what it counts, and which size it chooses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from builders import capsules
from napari_spatial_embeddings.inference.sizes.agreement import (
    Found,
    agreement,
    best_diameter,
    worth,
)

Labels = NDArray[np.int32]


def found(labels: Labels, diameter: float = 8.0, start: tuple[int, ...] = (0, 0)) -> Found:
    ends = zip(start, labels.shape, strict=True)
    return Found(diameter, tuple(slice(a, a + n) for a, n in ends), labels)


@pytest.mark.parametrize("shape", [(90, 100), (6, 60, 70)], ids=["image", "volume"])
def test_the_same_objects_agree_whatever_their_labels(shape: tuple[int, ...]) -> None:
    labels = capsules(shape, count=12)
    start = (0,) * len(shape)
    other = found(np.where(labels > 0, 500 - labels, 0).astype(np.int32), 11.0, start)
    assert agreement(found(labels, start=start), other) == 1
    assert agreement(found(labels, start=start), found(0 * labels, start=start)) == 0
    assert agreement(found(0 * labels, start=start), found(0 * labels, start=start)) == 0


def test_missed_cut_and_merged_objects_count() -> None:
    labels = np.zeros((40, 80), np.int32)
    for k in range(4):
        labels[10:30, 20 * k + 2 : 20 * k + 18] = k + 1
    missed = np.where(labels == 1, 0, labels)
    cut = np.where((labels == 1) & (np.arange(80) < 10), 9, labels).astype(np.int32)
    merged = np.where(labels == 2, 1, labels)
    assert agreement(found(labels), found(missed)) == pytest.approx(6 / 7)
    assert agreement(found(labels), found(cut)) == pytest.approx(6 / 9)
    assert agreement(found(labels), found(merged)) == pytest.approx(4 / 7)


def test_only_what_was_looked_at_twice_is_compared() -> None:
    labels = capsules((90, 100), count=12)
    inside = labels[20:70, 30:80]
    assert agreement(found(labels), found(inside, start=(20, 30))) == 1
    other = labels.copy()
    other[:20] = other[70:] = 0
    assert agreement(found(inside, start=(20, 30)), found(other)) == 1


def test_the_size_whose_neighbours_agree_is_worth_most() -> None:
    labels = capsules((90, 100), count=12)
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 9, labels.shape).astype(np.int32) for _ in range(6)]
    values = worth([found(x) for x in (*noise[:3], labels, labels, labels, *noise[3:])])
    assert np.argmax(values) == 4
    assert 0 < values.max() < 1
    assert worth([found(labels)] * 7).max() == pytest.approx(1)
    assert not worth([found(0 * labels)] * 5).any()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_the_best_size_lies_beside_the_best_value(values: list[float]) -> None:
    diameters = [8.0 * 1.3**k for k in range(len(values))]
    best = best_diameter(diameters, np.array(values))
    if max(values) == 0:
        assert best is None
        return
    at = diameters[int(np.argmax(values))]
    assert best is not None
    assert at / 1.3**0.51 <= best <= at * 1.3**0.51
