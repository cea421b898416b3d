"""Scores of whole images are those of arrays in memory, and a mask is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from builders import capsules
from napari_spatial_embeddings.core.metrics import score
from napari_spatial_embeddings.plugin.tasks.checks import whole_scores
from napari_spatial_embeddings.plugin.tasks.checks.scores import ScoreReport, Truth
from napari_spatial_embeddings.plugin.tasks.checks.whole_scores import WholeRequest, score_whole
from plugin.scored import assert_same

SHAPE = (70, 90)
BOX = slice(8, 61), slice(20, 77)


def scored(
    found: NDArray[np.int32], truth: NDArray[np.int32], monkeypatch: pytest.MonkeyPatch
) -> list[ScoreReport]:
    """Score against ground truth that covers `BOX`."""
    monkeypatch.setattr(whole_scores, "EDGE", {2: 32})
    inside: Any = truth[BOX].astype(np.float32)
    known = Truth("masks", SHAPE, BOX, lambda part: inside[part])
    return list(score_whole(WholeRequest(found, known), lambda: False))


def test_all_blocks_are_scored_where_ground_truth_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth = capsules(SHAPE, count=20)
    found = np.roll(truth, 3, 1)
    truth[40:, 50:] = -1
    *steps, last = scored(found, truth, monkeypatch)
    assert [step.problem for step in steps][-1] == "Scoring the whole image: 8 of 9 blocks."
    assert last.partial
    assert last.scores is not None
    unknown = np.ones(SHAPE, bool)
    unknown[BOX] = truth[BOX] < 0
    only = np.where(unknown, 0, np.maximum(truth, 0))
    assert_same(last.scores, score(only, found, ignore=unknown))


def test_a_mask_and_no_object_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = capsules(SHAPE, count=20)
    mask = np.where(found > 0, np.int32(255), np.int32(0))
    assert "each object needs a number" in scored(found, mask, monkeypatch)[-1].problem
    assert "has no object" in scored(found, np.zeros_like(mask), monkeypatch)[-1].problem
