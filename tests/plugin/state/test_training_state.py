"""The sentence about what became of a model, without terms that few users know."""

from __future__ import annotations

from typing import Any

import pytest

from napari_spatial_embeddings.plugin.state.training_state import TrainingState


def report(step: int, ap50: float, mean_ap: float = 0.5, **facts: Any) -> dict[str, Any]:
    validation = {"ap50": ap50, "mean_ap": mean_ap, "held_out": True} | facts
    return {"step": step, "improved": True, "validation": validation}


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
            "It did not become better on the held-out objects: the model before is kept.",
        ),
        (
            [report(4, 0.2, held_out=False), report(9, 1.0, held_out=False)],
            "100% of the annotated objects are right. It was trained on these: look at others.",
        ),
    ],
    ids=["better", "outlines", "same", "not better", "from scratch"],
)
def test_gain_is_in_words(reports: list[dict[str, Any]], sentence: str) -> None:
    assert TrainingState("done", tuple(reports)).outcome == sentence
