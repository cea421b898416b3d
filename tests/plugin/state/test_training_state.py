"""What became of a training, in a sentence without terms that few know; which model is used."""

from __future__ import annotations

from typing import Any

import pytest

from napari_spatial_embeddings.plugin.state.training_state import TrainingState

START = {"start": "nuclei-2d"}


def report(step: int, ap50: float, mean_ap: float = 0.5, **facts: Any) -> dict[str, Any]:
    validation = {"ap50": ap50, "mean_ap": mean_ap, "held_out": True} | facts
    return {"step": step, "improved": True, "validation": validation}


def plain(step: int) -> dict[str, Any]:
    return {"step": step, "validation": None, "improved": False}


@pytest.mark.parametrize(
    ("reports", "sentence"),
    [
        (
            [report(0, 0.627), report(9, 0.875)],
            "Of the held-out objects, 63% were right before, and 88% are now.",
        ),
        (
            [report(0, 0.876, 0.4), report(9, 0.882)],
            "Outlines of the held-out objects fit better; 88% are right, as before.",
        ),
        (
            [report(0, 0.876), report(9, 0.882)],
            "Of the held-out objects, 88% are right, as before.",
        ),
        (
            [report(0, 0.9), report(9, 0.5) | {"improved": False}],
            "No better on the held-out objects: the model before is kept.",
        ),
        (
            [report(4, 0.2, held_out=False), report(9, 1.0, held_out=False)],
            "100% of the annotated objects are right. It was trained on these: look at others.",
        ),
        (
            [report(0, 0.5, scribbles=True), report(9, 1.0, scribbles=True)],
            "Of the held-out scribbles, 50% were right before, and 100% are now.",
        ),
    ],
    ids=["better", "outlines", "same", "not better", "nothing held out", "scribbles"],
)
def test_gain_is_in_words(reports: list[dict[str, Any]], sentence: str) -> None:
    assert TrainingState("done", tuple(reports)).outcome == sentence


def test_not_better_yet_is_said_once_it_is_known() -> None:
    start, worse = report(0, 0.9), report(9, 0.5) | {"improved": False}
    assert TrainingState("running", (start, plain(1)), used=START).outcome == ""
    state = TrainingState("running", (start, worse), used=START)
    assert state.outcome == "Not better than the model before yet, which is kept until one is."
    assert TrainingState("running", (start, worse, report(20, 0.95)), used=START).outcome == ""
    assert TrainingState("running", (plain(1), worse), used={}).outcome == "", "from scratch"


def test_a_time_that_is_too_short_is_said_with_what_to_do() -> None:
    def at(step: int, left: float, seconds: float = 60.0) -> dict[str, Any]:
        return {**report(step, 0.6), "seconds": seconds, "seconds_left": left}

    start = report(0, 0.5)
    assert TrainingState("running", (start, at(30, 60)), used=START).outcome == (
        "This will be about 60 steps in this time, and a model needs some 100: end other programs,"
        " or stop, and set 4 min."
    )
    assert TrainingState("running", (start, at(60, 60)), used=START).outcome == ""
    assert "some 600: " in TrainingState("running", (at(60, 60),), used={}).outcome
    assert TrainingState("running", (start, at(3, 60, 5)), used=START).outcome == "", (
        "not known yet"
    )
    ended = {**at(40, 0), "done": True}
    text = TrainingState("done", (start, ended), used=START).outcome
    assert text == (
        "Only 40 steps, and a model needs some 100: train on for 2 min."
        " Of the held-out objects, 50% were right before, and 60% are now."
    )
    stopped = at(40, 60)
    assert "Only" not in TrainingState("done", (start, stopped), used=START).outcome, "as asked"


def test_a_project_that_is_opened_again_tells_the_gain_of_a_training_that_ended() -> None:
    reports = report(0, 0.4), report(9, 0.6)
    assert TrainingState("idle", reports, used=START).outcome == "", "its window was closed"
    ended = (*reports[:-1], {**reports[-1], "done": True})
    assert "40% were right before" in TrainingState("idle", ended, used=START).outcome


def test_an_early_end_is_told_with_what_became_of_the_model() -> None:
    last = {**report(9, 0.5), "improved": False, "done": True}
    last["message"] = "ended early, as more training only made it worse on held-out objects"
    assert TrainingState("done", (report(0, 0.9), last), used=START).outcome == (
        "Ended early, as more training only made it worse on held-out objects."
        " No better on the held-out objects: the model before is kept."
    )


def test_which_model_is_used_is_said_after_going_back() -> None:
    state = TrainingState("done", (report(0, 0.4), report(9, 0.6)), wrote=True, back=True)
    assert state.outcome == "The model from before this training is used again."


@pytest.mark.parametrize(
    ("state", "replaced"),
    [
        (TrainingState("done", (report(0, 0.4), report(9, 0.6)), used=START, wrote=True), True),
        (TrainingState("running", (report(0, 0.4), report(9, 0.6)), used=START, wrote=True), False),
        # The start model itself is written again, with its history.
        (TrainingState("done", (report(0, 0.4),), used=START, wrote=True), False),
        (TrainingState("done", (report(0, 0.4), report(9, 0.6)), used=START), False),
        # From scratch, any model is another one.
        (TrainingState("done", (plain(1),), wrote=True), True),
        (TrainingState("failed", (plain(1),), wrote=True), True),
    ],
)
def test_only_another_model_can_be_taken_back(state: TrainingState, replaced: bool) -> None:
    assert state.replaced == replaced
