"""Scores, against hand-made cases and against trying every matching."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from builders import capsules
from napari_spatial_embeddings.core.metrics import (
    THRESHOLDS,
    Scores,
    mean_ap,
    overlaps,
    pooled,
    score,
)

Labels = NDArray[np.int32]
Ints = NDArray[np.int64]
MEASURES = ("ap", "precision", "recall", "f1", "panoptic_quality")

small_labels = arrays(np.int32, (3, 5), elements=st.integers(0, 4))


def line(*runs: tuple[int, int]) -> Labels:
    """Return a row of pixels, written as (label, length)."""
    return np.concatenate([np.full(n, label, np.int32) for label, n in runs])[None]


def table(truth: Labels, guess: Labels) -> Ints:
    """Return how many pixels each annotated and each predicted object share, (N, M)."""
    found = overlaps(truth, guess)
    out = np.zeros((len(found.truth_ids), len(found.predicted_ids)), np.int64)
    out[found.truth, found.predicted] = found.shared
    return out


@pytest.mark.parametrize("shape", [(40, 50), (9, 20, 20)])
def test_a_perfect_prediction_scores_one(shape: tuple[int, ...]) -> None:
    labels = capsules(shape, 1, radius=3)
    found = score(labels, labels)
    n = int(labels.max())
    assert n > 1
    assert found.thresholds == THRESHOLDS
    assert found.tp.tolist() == [n] * 10
    assert not found.fp.any()
    assert not found.fn.any()
    for measure in (*MEASURES, "matched_iou"):
        np.testing.assert_allclose(getattr(found, measure), 1)


def test_empty_against_empty_is_one_and_against_objects_nothing() -> None:
    labels = capsules((40, 40), 2)
    empty = np.zeros_like(labels)
    both, missed, spurious = score(empty, empty), score(labels, empty), score(empty, labels)
    for measure in MEASURES:
        np.testing.assert_array_equal(getattr(both, measure), 1)
    for measure in MEASURES:
        assert getattr(missed, measure).tolist() == getattr(spurious, measure).tolist() == [0] * 10
    assert missed.fn.tolist() == spurious.fp.tolist() == [labels.max()] * 10


def test_known_figures() -> None:
    # IoU 6/8 = .75; the second object is split into halves of IoU .5; the third is missed.
    truth = line((0, 2), (1, 8), (0, 2), (2, 8), (0, 2), (3, 4))
    guess = line((0, 2), (5, 6), (0, 4), (6, 4), (7, 4), (0, 6))
    found = score(truth, guess, (0.3, 0.5, 0.75, 0.8))
    assert found.tp.tolist() == [2, 2, 1, 0]
    assert found.fp.tolist() == [1, 1, 2, 3]
    assert found.fn.tolist() == [1, 1, 2, 3]
    np.testing.assert_allclose(found.iou, [1.25, 1.25, 0.75, 0])
    np.testing.assert_allclose(found.ap, [2 / 4, 2 / 4, 1 / 5, 0])
    np.testing.assert_allclose(found.precision, [2 / 3, 2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(found.recall, [2 / 3, 2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(found.f1, [2 / 3, 2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(found.panoptic_quality, [1.25 / 3, 1.25 / 3, 0.75 / 3, 0])
    np.testing.assert_allclose(found.matched_iou, [1.25 / 2, 1.25 / 2, 0.75, 0])


def test_more_matches_go_before_more_overlap() -> None:
    # Greedy by IoU would pair 1 with 5 (.5) and leave 2 alone: 5 and 2 share 3 of 11 pixels.
    truth = line((1, 6), (2, 8))
    guess = line((6, 2), (5, 7), (0, 5))
    iou = {(1, 6): 2 / 6, (1, 5): 4 / 9, (2, 5): 3 / 12}
    assert score(truth, guess, (0.25,)).tp.tolist() == [2]
    np.testing.assert_allclose(score(truth, guess, (0.25,)).iou, iou[1, 6] + iou[2, 5])
    np.testing.assert_allclose(score(truth, guess, (0.4,)).iou, iou[1, 5])


@hypothesis_settings(max_examples=200)
@given(small_labels, small_labels, st.sampled_from([0.1, 0.3, 0.5, 0.8]))
def test_matching_is_the_best_of_all(truth: Labels, guess: Labels, threshold: float) -> None:
    shared, sizes = (
        table(truth, guess),
        [np.unique(x[x > 0], return_counts=True)[1] for x in (truth, guess)],
    )
    iou = shared / (sizes[0][:, None] + sizes[1] - shared)
    n, m = iou.shape
    if n > m:
        iou = iou.T
    best = (0, 0.0)
    for columns in itertools.permutations(range(max(n, m)), min(n, m)):
        chosen = [float(iou[i, j]) for i, j in enumerate(columns)]
        matched = [v for v in chosen if v >= threshold]
        best = max(best, (len(matched), sum(matched)))
    found = score(truth, guess, (threshold,))
    tp, fp, fn = int(found.tp[0]), int(found.fp[0]), int(found.fn[0])
    assert (tp, tp + fn, tp + fp) == (best[0], n, m)
    assert float(found.iou[0]) == pytest.approx(best[1])
    assert float(found.ap[0]) == (tp / (tp + fp + fn) if n + m else 1)


@given(small_labels, small_labels, st.permutations(range(5)), st.permutations(range(5)))
def test_ids_are_only_names(truth: Labels, guess: Labels, p: list[int], q: list[int]) -> None:
    def renamed(labels: Labels, order: list[int]) -> Ints:
        names = np.array([0, *(1 + 10_000_000 * (o + 1) for o in order)])
        return np.asarray(names[labels])

    before, after = score(truth, guess), score(renamed(truth, p), renamed(guess, q))
    for name in ("tp", "fp", "fn"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    np.testing.assert_allclose(before.iou, after.iou)


@given(small_labels, small_labels)
def test_swapping_truth_and_prediction_swaps_precision_and_recall(a: Labels, b: Labels) -> None:
    there, back = score(a, b), score(b, a)
    np.testing.assert_array_equal(there.precision, back.recall)
    np.testing.assert_array_equal(there.ap, back.ap)


@given(small_labels, small_labels)
def test_overlap_counts_every_pixel_once(truth: Labels, guess: Labels) -> None:
    found, shared = overlaps(truth, guess), table(truth, guess)
    ids = found.truth_ids, found.predicted_ids
    for labels, own, sizes in zip(
        (truth, guess), ids, (found.truth_sizes, found.predicted_sizes), strict=True
    ):
        assert own.tolist() == np.unique(labels[labels > 0]).tolist()
        assert sizes.tolist() == [(labels == label).sum() for label in own]
    for (i, a), (j, b) in itertools.product(*map(enumerate, ids)):
        assert shared[i, j] == ((truth == a) & (guess == b)).sum()


def test_many_objects_are_compared_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of so many that a table of all pairs would not fit into memory, pairs are counted."""
    truth = capsules((60, 60), 2)
    guess = np.roll(truth, 3, 1)
    before = table(truth, guess)
    monkeypatch.setattr("napari_spatial_embeddings.core.metrics.MAX_TABLE", 1)
    np.testing.assert_array_equal(table(truth, guess), before)
    assert before.any()


def divided(truth: Labels, guess: Labels) -> tuple[int, int]:
    """Return the numbers of split and of merged objects."""
    found = score(truth, guess)
    return found.split, found.merged


def test_pieces_of_an_object_are_a_split_and_an_object_over_several_is_a_merge() -> None:
    whole, halves = line((0, 2), (1, 8), (0, 2)), line((0, 2), (3, 4), (5, 4), (0, 2))
    assert divided(whole, halves) == (1, 0)
    assert divided(halves, whole) == (0, 1)
    parts = overlaps(whole, halves).split[1]
    assert parts.tolist() == [True, True]
    assert divided(whole, whole) == divided(halves, halves) == (0, 0)
    # One piece matches: it is right, and the object is in pieces all the same.
    most = score(whole, line((0, 2), (3, 6), (5, 2), (0, 2)))
    assert (most.tp[0], most.fp[0], most.split) == (1, 1, 1)


def test_what_lies_elsewhere_by_half_is_no_piece_and_pieces_fill_more_than_half() -> None:
    whole = line((0, 4), (1, 8), (0, 4))
    half = line((0, 2), (3, 4), (5, 6), (0, 4))  # the first has two of its four pixels in there
    more = line((0, 3), (3, 3), (5, 6), (0, 4))
    assert divided(whole, half) == (0, 0)
    assert divided(whole, more) == (1, 0)
    assert divided(whole, line((0, 4), (3, 2), (5, 2), (0, 8))) == (0, 0)
    assert divided(whole, line((0, 4), (3, 3), (5, 2), (0, 7))) == (1, 0)


@given(small_labels, small_labels)
def test_splits_and_merges_are_those_of_the_definition(truth: Labels, guess: Labels) -> None:
    def in_parts(wholes: Labels, parts: Labels) -> int:
        count = 0
        for label in np.unique(wholes[wholes > 0]):
            own = wholes == label
            found = [
                p
                for p in np.unique(parts[own])
                if p and 2 * own[parts == p].sum() > (parts == p).sum()
            ]
            count += len(found) > 1 and 2 * np.isin(parts[own], found).sum() > own.sum()
        return count

    assert divided(truth, guess) == (in_parts(truth, guess), in_parts(guess, truth))
    assert divided(guess, truth) == divided(truth, guess)[::-1]


def test_unknown_pixels_do_not_count() -> None:
    truth = line((1, 8), (0, 12))
    ignore = np.arange(20)[None] >= 8
    # The first object spills into the unknown; the second lies there by five pixels in nine,
    # and the third by half, so that it counts.
    spilled = line((1, 12), (0, 8))
    assert score(truth, spilled, ignore=ignore).ap.tolist() == [1] * 10
    away = line((0, 4), (2, 9), (0, 7))
    assert score(truth, away, (0.5,), ignore).fp.tolist() == [0]
    half = line((0, 4), (2, 8), (0, 8))
    assert score(truth, half, (0.55,), ignore).fp.tolist() == [1]
    assert score(truth, half, (0.5,), ignore).tp.tolist() == [1]
    # Where nothing is unknown, a mask changes nothing.
    nowhere = np.zeros_like(ignore)
    assert score(truth, half, (0.5,), nowhere).fp.tolist() == [1]


def test_nothing_known_means_nothing_wrong() -> None:
    empty, guess = np.zeros((5, 5), np.int32), np.ones((5, 5), np.int32)
    assert score(empty, guess, ignore=np.ones((5, 5), bool)).ap.tolist() == [1] * 10


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"truth has shape \(3, 4\), the prediction \(4, 3\)"):
        score(np.zeros((3, 4), np.int32), np.zeros((4, 3), np.int32))


def test_pooled_counts_and_mean_ap_over_a_set() -> None:
    one, many = line((1, 5), (0, 25)), line((1, 5), (2, 5), (3, 5), (0, 15))
    nothing = np.zeros_like(one)
    scores = [score(one, one), score(many, nothing), score(nothing, nothing)]
    together = pooled(scores)
    assert isinstance(together, Scores)
    assert together.tp.tolist() == [1] * 10
    assert together.fn.tolist() == [3] * 10
    halves = score(one, line((1, 2), (2, 3), (0, 25)))
    assert pooled([halves, halves, score(many, one)]).split == 2
    np.testing.assert_allclose(together.ap, 1 / 4)
    np.testing.assert_allclose(mean_ap(scores), 2 / 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.uint32])
def test_any_integer_type(dtype: type[np.integer]) -> None:
    labels = capsules((30, 30), 3)
    assert score(labels.astype(dtype), labels).ap.tolist() == [1] * 10
