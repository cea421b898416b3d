"""Calibration of scores: never falling, near the truth with many objects, steady with few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from builders import capsules
from napari_spatial_embeddings.core.metrics import overlaps
from napari_spatial_embeddings.core.quality.calibration import (
    ENOUGH,
    MANY,
    Calibration,
    expected_error,
    fitted,
    of_card,
)

Floats = NDArray[np.float64]


def objects(n: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Return scores, and IoUs that grow with them, from bad to good."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.5, 1, n)
    return scores, (2 * scores - 1.1 + rng.normal(0, 0.1, n)).clip(0, 1)


def table(**changes: object) -> Calibration:
    facts = {"scores": (0.5, 0.9), "ious": (0.2, 0.8), "right": (0.1, 1.0), "objects": 9}
    return Calibration.model_validate({**facts, **changes})


@given(st.integers(ENOUGH, 300), st.integers(0, 2**16))
def test_neither_ever_falls_and_both_stay_within_bounds(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, ious = rng.uniform(0, 1, n).round(2), rng.uniform(0, 1, n)
    known = fitted(scores, ious, "noise")
    assert known is not None
    at = np.linspace(-0.2, 1.2, 50)
    for values in (known.predicted_iou(at), known.probability(at)):
        assert values.dtype == np.float32
        assert (np.diff(values) >= 0).all()
        assert ((values >= 0) & (values <= 1)).all()
    assert Calibration.model_validate_json(known.model_dump_json()) == known


def test_many_objects_are_predicted_as_others_come_out() -> None:
    known = fitted(*objects(2000), "many")
    assert known is not None
    scores, ious = objects(3000, seed=1)
    assert expected_error(known.predicted_iou(scores), ious) < 0.02
    assert expected_error(known.probability(scores), (ious >= 0.5).astype(float)) < 0.04
    assert expected_error(scores, ious) > 0.15, "the scores themselves promise more"


def test_few_objects_move_an_earlier_calibration_and_make_none() -> None:
    scores, ious = objects(ENOUGH - 1)
    assert fitted(scores, ious, "few") is None
    assert fitted(scores[:0], ious[:0], "none", table()) == table()
    places = np.array([0.5, 0.7, 0.9])
    before, moved = table().predicted_iou(places), []
    for count in (2, 5, 50):
        known = fitted(np.full(count, 0.7), np.full(count, 0.95), "good ones", table())
        assert known is not None
        assert known.objects == table().objects + count
        assert known.scores == table().scores, "few objects do not show its shape"
        moved.append(known.predicted_iou(places))
    assert (before < moved[0]).all()
    assert (moved[0] < moved[1]).all()
    assert (moved[1] < moved[2]).all()
    assert before[1] < moved[0][1] < 0.6, "two objects say little"
    assert 0.7 < moved[2][1] < 0.95


def test_what_an_earlier_calibration_expects_leaves_it_where_it_is() -> None:
    scores = np.linspace(0.5, 0.9, 30)
    known = fitted(scores, table().predicted_iou(scores), "the same", table())
    assert known is not None
    np.testing.assert_allclose(known.ious, table().ious, atol=0.01)


def test_many_objects_make_a_table_of_their_own() -> None:
    many = objects(MANY)
    assert fitted(*many, "many", table()) == fitted(*many, "many")


def test_a_table_that_is_none_is_refused() -> None:
    for changes in ({"ious": (0.2,)}, {"scores": (0.9, 0.5)}, {"right": (0.5, 0.1)}):
        with pytest.raises(ValidationError):
            table(**changes)
    with pytest.raises(ValidationError):
        table(scores=(), ious=(), right=())
    assert of_card({}) is None
    assert of_card({"calibration": None}) is None
    assert of_card({"calibration": table().model_dump(mode="json")}) == table()


def test_the_iou_of_an_object_is_that_with_what_it_overlaps_most() -> None:
    truth = capsules((60, 70), count=6)
    found = np.roll(truth, 2, 1)
    both = overlaps(truth, found)
    for label, iou in zip(both.predicted_ids, both.best_iou, strict=True):
        own = found == label
        every = [(own & (truth == k)).sum() / (own | (truth == k)).sum() for k in both.truth_ids]
        assert iou == pytest.approx(max(every))
    assert overlaps(np.zeros_like(truth), found).best_iou.tolist() == [0] * len(both.predicted_ids)


def test_the_error_is_the_distance_of_predictions_from_what_came_out() -> None:
    assert expected_error(np.zeros(0), np.zeros(0)) == 0
    assert expected_error(np.array([0.95, 0.95]), np.array([1.0, 0.9])) == pytest.approx(0)
    assert expected_error(np.array([0.2, 0.9, 1.0]), np.array([0.4, 0.5, 0.6])) == pytest.approx(
        (0.2 + 0.4 + 0.4) / 3
    )
