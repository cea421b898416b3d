"""Choice of the best model: what is taken, what ends a training, and what does neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_spatial_embeddings.training.choice import (
    FALL,
    FALLS,
    START_SHARE,
    TOLERANCE,
    Choice,
    Verdict,
)
from napari_spatial_embeddings.training.held_out import MOST

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def course(choice: Choice, scores: list[float]) -> list[bool]:
    """Judge the start model and what follows it, as a training does."""
    choice.judge(scores[0], 0)
    choice.start_ap = scores[0]
    return [choice.judge(score, step) for step, score in enumerate(scores[1:], 1)]


@given(scores=SCORES, objects=st.integers(1, 500), held_out=st.booleans())
def test_nothing_that_scores_less_than_the_start_model_is_taken(
    scores: list[float], objects: int, held_out: bool
) -> None:
    choice = Choice(held_out, objects)
    for score, taken in zip(scores[1:], course(choice, scores), strict=True):
        assert not (taken and score < scores[0])
    assert scores[choice.best_step] >= scores[0]


@given(scores=SCORES, objects=st.integers(1, 500))
def test_what_is_taken_is_the_latest_that_is_about_as_good_as_the_best(
    scores: list[float], objects: int
) -> None:
    choice = Choice(True, objects)
    course(choice, scores)
    assert choice.best_ap == max(scores)
    assert scores[choice.best_step] >= max(scores[: choice.best_step + 1]) - TOLERANCE / objects
    for later in scores[choice.best_step + 1 :]:
        assert later < max(scores[0], max(scores) - TOLERANCE / objects)


@given(scores=SCORES, objects=st.integers(1, 500))
def test_only_plain_falls_in_a_row_end_a_training(scores: list[float], objects: int) -> None:
    choice, plain = Choice(True, objects), max(FALL, TOLERANCE / objects)
    for step, score in enumerate(scores):
        choice.judge(score, step)
        last = scores[max(0, step + 1 - FALLS) : step + 1]
        if choice.fallen:
            assert len(last) == FALLS
            assert all(value < choice.best_ap - plain for value in last)
        elif len(last) == FALLS:
            assert any(value >= max(scores[:step]) - plain for value in last)


@pytest.mark.parametrize("later", [[0.5] * 9, [0.4, 0.2, 0.4, 0.2, 0.45] * 2, [0.6, 0.52] * 3])
def test_standing_still_or_swinging_ends_nothing(later: list[float]) -> None:
    """Some kinds of images gain late: 0.43 after a quarter of the time, 0.57 in the end."""
    choice = Choice(True, 3)
    for step, score in enumerate([0.5, *later]):
        choice.judge(score, step)
        assert not choice.fallen


def test_the_fit_alone_ends_nothing_and_the_latest_is_kept() -> None:
    choice = Choice(False, 5)
    assert course(choice, [0.3, 0.9, 0.4, 0.5, 0.3, 0.31]) == [True] * 5
    assert not choice.judge(0.29, 6)
    assert (choice.verdict, choice.best_step) == (Verdict.FITS_LESS, 5)
    assert not choice.fallen


@given(start=st.floats(0, 1), objects=st.integers(1, MOST), held_out=st.booleans())
def test_the_better_the_start_model_the_more_of_it_is_kept(
    start: float, objects: int, held_out: bool
) -> None:
    share = Choice(held_out, objects, start_ap=start).start_share
    assert 0 <= share <= min(START_SHARE, start)
    assert share <= Choice(held_out, objects, start_ap=min(1.0, start + 0.1)).start_share
    assert Choice(held_out, objects).start_share == 0, "it was not validated"
    of_scribbles = Choice(held_out, objects, whole=False, start_ap=start)
    assert of_scribbles.start_share == START_SHARE, "their scores are of no use"


def test_many_held_out_objects_show_by_themselves_what_is_forgotten() -> None:
    assert Choice(True, MOST, start_ap=1.0).start_share == START_SHARE
    assert Choice(True, MOST + 1, start_ap=1.0).start_share == 0
    assert Choice(False, MOST + 1, start_ap=1.0).start_share == START_SHARE
