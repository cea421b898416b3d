"""Consistency of maps: full where seed values are phi, less where not; of few pixels, too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders import capsules
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.core.quality import consistency as module
from napari_spatial_embeddings.core.quality.calibration import (
    Calibration,
    consistency_for,
    predicted_iou_of,
)
from napari_spatial_embeddings.core.quality.consistency import OWN, consistency
from napari_spatial_embeddings.core.quality.scored import scored_against


def test_it_falls_where_seed_values_are_not_what_the_embeddings_say() -> None:
    maps = ideal_maps(capsules((60, 70), count=6), sigma=4.0)
    found = cluster(maps)
    assert (consistency(maps, found) > 0.99).all()
    bad = found.ids[2]
    seed = np.where((found.labels == bad) & (np.arange(70) % 2 == 0), 0.2, maps.seed)
    less = consistency(replace(maps, seed=seed.astype(np.float32)), found)
    gap = float(np.abs(1 - seed[0][found.labels == bad]).mean())
    others = np.delete(less, 2)
    assert others == pytest.approx(1 - (1 - OWN) * gap / len(found), abs=0.01)
    assert less[2] == pytest.approx(others[0] - OWN * gap, abs=0.01)


def test_of_many_pixels_a_sample_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = ideal_maps(capsules((10, 40, 50), count=5), sigma=4.0)
    found = cluster(maps)
    rng = np.random.default_rng(0)
    noisy = replace(maps, seed=(maps.seed - rng.uniform(0, 0.2, maps.seed.shape)).astype("f4"))
    every = consistency(noisy, found)
    monkeypatch.setattr(module, "SAMPLED", int(found.size.sum()) // 10)
    np.testing.assert_allclose(consistency(noisy, found), every, atol=0.03)
    monkeypatch.setattr(module, "SAMPLED", 1)
    assert len(consistency(noisy, found)) == len(found), "objects that no pixel was seen of"
    none = cluster(replace(maps, seed=np.zeros_like(maps.seed)))
    assert consistency(maps, none).shape == (0,)


def test_a_card_says_what_counts() -> None:
    labels = capsules((60, 70), count=6)
    maps = ideal_maps(labels, sigma=4.0)
    found = cluster(maps)
    known = Calibration(scores=(0.5,), ious=(0.25,), right=(0.25,), objects=30)
    both = known.updated(consistency=known.updated(ious=(0.75,)))
    for one, with_maps, without in ((known, 0.25, 0.25), (both, 0.75, 0.25)):
        card = {"calibration": one.model_dump(mode="json")}
        np.testing.assert_array_equal(predicted_iou_of(card, maps, found), with_maps)
        np.testing.assert_array_equal(predicted_iou_of(card, None, found), without)
        assert (consistency_for(card, maps, found) is None) == (one is known)
    assert predicted_iou_of({}, maps, found) is None


def test_objects_are_scored_where_the_truth_is_known() -> None:
    labels = capsules((60, 70), count=6)
    maps = ideal_maps(labels, sigma=4.0)
    found = cluster(maps)
    scored = scored_against(maps, found, np.where(labels == 2, -1, labels))
    assert len(scored) == len(found) - 1
    assert (scored.ious == 1).all()
    made = scored.calibration("some", None)
    assert made is None, "five objects are too few"
