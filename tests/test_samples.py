"""The generated image of the first steps: a shipped model finds most of it, and settings matter."""

from __future__ import annotations

import numpy as np

from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.samples import crowded_nuclei


def test_every_setting_changes_the_objects_of_the_crowded_nuclei() -> None:
    sample, model = crowded_nuclei(), find_model("nuclei-2d")
    clustering, own = Clustering(model.predict_maps(sample.image)), model.clustering

    def objects(**changes: float) -> Instances:
        return clustering(own.updated(**changes))

    def area(**changes: float) -> int:
        return int((objects(**changes).labels > 0).sum())

    truth = len(np.unique(sample.labels)) - 1
    assert abs(len(objects()) - truth) < 0.1 * truth
    # As the first steps describe them.
    assert len(objects(seed_threshold=0.5)) > len(objects()) + 5
    assert len(objects(seed_threshold=0.95)) < len(objects()) - 5
    assert len(objects(margin_factor=0.5)) > len(objects()) + 5, "objects in pieces"
    assert len(objects(margin_factor=1.5)) < len(objects()), "pieces merge"
    assert len(objects(min_size=100)) < len(objects()), "specks are gone"
    assert area(foreground_threshold=0.7) < 0.97 * area() < area(foreground_threshold=0.1)
