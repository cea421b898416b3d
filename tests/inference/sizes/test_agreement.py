"""Agreement of neighbouring sizes: what it counts, and which size it chooses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from builders import capsules
from napari_spatial_embeddings.inference.sizes.agreement import (
    BY_CHANCE,
    FEW,
    LARGER,
    SEEN,
    Found,
    best_diameter,
    evidence,
)

Labels = NDArray[np.int32]


def found(
    labels: Labels,
    diameter: float = 8.0,
    start: tuple[int, ...] = (0, 0),
    score: float = 0.95,
    width: float = 0.9 * 8.0,
) -> Found:
    ends = zip(start, labels.shape, strict=True)
    window = tuple(slice(a, a + n) for a, n in ends)
    count = len(np.unique(labels[labels > 0]))
    return Found(diameter, window, labels, score if count else 0.0, count, width)


def agreement(one: Found, other: Found) -> float:
    return float(evidence([one, other]).f1[0])


def worth(results: list[Found]) -> NDArray[np.float64]:
    return evidence(results).worth()


def f1_of(matched: int, count: int) -> float:
    """Return the F1 of some matched pairs among all objects of both, with those that are added."""
    return (2 * matched + FEW * BY_CHANCE) / (count + FEW)


@pytest.mark.parametrize("shape", [(90, 100), (6, 60, 70)], ids=["image", "volume"])
def test_the_same_objects_agree_whatever_their_labels(shape: tuple[int, ...]) -> None:
    labels = capsules(shape, count=12)
    start = (0,) * len(shape)
    other = found(np.where(labels > 0, 500 - labels, 0).astype(np.int32), 11.0, start)
    none, count = found(0 * labels, start=start), len(np.unique(labels)) - 1
    assert agreement(found(labels, start=start), other) == pytest.approx(f1_of(count, 2 * count))
    assert agreement(found(labels, start=start), none) == pytest.approx(f1_of(0, count))
    assert agreement(none, none) == pytest.approx(BY_CHANCE)


def test_missed_cut_and_merged_objects_count() -> None:
    labels = np.zeros((40, 80), np.int32)
    for k in range(4):
        labels[10:30, 20 * k + 2 : 20 * k + 18] = k + 1
    missed = np.where(labels == 1, 0, labels)
    cut = np.where(labels == 1, 9 + np.arange(80) // 7, labels).astype(np.int32)  # in three
    merged = np.where(labels > 1, 2, labels)  # three of them
    assert agreement(found(labels), found(missed)) == pytest.approx(f1_of(3, 7))
    assert agreement(found(labels), found(cut)) == pytest.approx(f1_of(3, 10))
    assert agreement(found(labels), found(merged)) == pytest.approx(f1_of(1, 6))


def test_only_what_was_looked_at_twice_is_compared() -> None:
    labels = capsules((90, 100), count=12)
    inside = labels[20:70, 30:80]
    count = len(np.unique(inside)) - 1
    same = pytest.approx(f1_of(count, 2 * count))
    assert agreement(found(labels), found(inside, start=(20, 30))) == same
    other = labels.copy()
    other[:20] = other[70:] = 0
    assert agreement(found(inside, start=(20, 30)), found(other)) == same


def test_the_size_whose_neighbours_agree_is_worth_most() -> None:
    labels = capsules((90, 100), count=12)
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 9, labels.shape).astype(np.int32) for _ in range(6)]
    values = worth([found(x) for x in (*noise[:3], labels, labels, labels, *noise[3:])])
    assert np.argmax(values) == 4
    assert 0 < values.max() < 1
    assert np.allclose(worth([found(labels)] * 7), worth([found(labels)] * 2)[0])
    assert not worth([found(0 * labels)] * 5).any()
    assert worth([found(labels, score=1.0)]) == pytest.approx(BY_CHANCE)


def test_of_two_sizes_that_agree_as_well_the_surer_one_is_worth_more() -> None:
    labels = capsules((90, 100), count=12)
    values = worth([found(labels, score=x) for x in (0.9, 0.9, 0.9, 0.93, 0.9, 0.9)])
    assert np.argmax(values) == 3


def test_of_two_sizes_that_agree_as_well_that_of_the_found_objects_is_worth_more() -> None:
    labels = capsules((90, 100), count=12)
    values = worth([found(labels, width=x) for x in (24.0, 14.0, 7.2, 4.0, 2.0)])
    assert np.argmax(values) == 2
    alone = np.where(labels == 1, 1, 0).astype(np.int32)
    least = worth([found(alone, width=x) for x in (24.0, 14.0, 7.2, 4.0, 2.0)])
    assert min(least) / max(least) > min(values) / max(values)  # one object shows less


def test_a_single_object_that_stays_is_worth_less_than_many_most_of_which_stay() -> None:
    many = capsules((90, 100), count=12)
    missed = np.where(many <= 2, 0, many).astype(np.int32)
    one = np.zeros_like(many)
    one[20:60, 20:70] = 1
    values = worth([found(x) for x in (one, one, one, 0 * many, missed, many, missed)])
    assert values[5] > values[1] > 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_the_best_size_lies_beside_the_best_value(values: list[float]) -> None:
    diameters = [8.0 * 1.3**k for k in range(len(values))]
    best = best_diameter(diameters, np.array(values), 21.0)
    if max(values) == 0:
        assert best is None
        return
    at = diameters[int(np.argmax(values))]
    assert best is not None
    assert at / 1.3**0.52 <= best <= LARGER * at * 1.3**0.52
    assert best <= diameters[-1] + 0.05


def test_a_size_a_little_larger_than_the_best_one_is_proposed() -> None:
    diameters = [8.0 * 1.3**k for k in range(5)]
    values = np.array([0.1, 0.3, 0.5, 0.3, 0.1])
    best = best_diameter(diameters, values, 21.0)
    assert best == pytest.approx(LARGER * diameters[2], abs=0.05)


def test_objects_that_the_model_sees_in_few_points_are_not_seen_smaller() -> None:
    diameters = [8.0 * 1.3**k for k in range(5)]
    values = np.array([0.1, 0.3, 0.5, 0.3, 0.1])
    for working in (6.0, SEEN):
        assert best_diameter(diameters, values, working) == pytest.approx(diameters[2], abs=0.05)
