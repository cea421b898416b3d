"""Order of the objects to review: the least sure first, each with its reason and its box."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders import capsules
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.editing import corrections as edit
from napari_spatial_embeddings.editing.reviewing import box_around, middle_of, objects_to_review
from napari_spatial_embeddings.editing.uncertainty import UNSURE, uncertainty

SETTINGS = ClusteringSettings(seed_threshold=0.7, min_size=3)


@pytest.mark.parametrize("shape", [(60, 70), (12, 40, 50)], ids=["image", "volume"])
def test_the_least_sure_come_first_with_their_reason_and_place(shape: tuple[int, ...]) -> None:
    labels = capsules(shape, count=9)
    ideal = ideal_maps(labels, sigma=4.0)
    sure = (1 - 0.03 * np.arange(labels.max() + 1)).astype(np.float32)
    maps = replace(ideal, seed=ideal.seed * sure[labels])
    instances = Clustering(maps)(SETTINGS)
    found = uncertainty(maps, instances, SETTINGS)
    items = objects_to_review(found, instances)
    assert sorted(x.label for x in items) == sorted(instances.ids.tolist())
    unsure = [x.uncertainty for x in items]
    assert unsure == sorted(unsure, reverse=True)
    assert all(bool(x.reason) == (x.uncertainty >= UNSURE) for x in items)
    assert items[0].reason == "its score is low"
    for item in items:
        own = instances.labels == item.label
        assert own[item.box].sum() == own.sum()
        box = box_around(instances, item)
        assert box is not None
        assert own[box].sum() == own.sum()
        assert own[middle_of(instances, item)]
    # What is locked was looked at, and what is gone has no place any more.
    first, second = items[0].label, items[1].label
    changed = edit.accept(Corrections.none(shape), instances, [first])
    changed = edit.delete(changed, instances, second)
    after = Clustering(maps, corrections=changed)(SETTINGS, like=instances)
    left = objects_to_review(uncertainty(maps, after, SETTINGS, changed), after)
    assert {x.label for x in left} == {x.label for x in items} - {first, second}
    assert box_around(after, items[1]) is None
