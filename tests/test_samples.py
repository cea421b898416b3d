"""The generated image of the first steps: a shipped model finds most of it, and settings matter."""

from __future__ import annotations

import re

import numpy as np
import pytest

from doc_scripts import DOCS
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.samples import crowded_nuclei, nuclei

FIELDS = {
    "Seed threshold": "seed_threshold",
    "Foreground threshold": "foreground_threshold",
    "Margin factor": "margin_factor",
    "Minimum size": "min_size",
    "Free fraction": "min_free_fraction",
}
"""Settings by the names of their sliders."""


def test_every_setting_changes_the_objects_of_the_crowded_nuclei() -> None:
    sample, model = crowded_nuclei(), find_model("nuclei-2d")
    clustering, own = Clustering(model.predict_maps(sample.image)), model.clustering

    def objects(**changes: float) -> Instances:
        return clustering(own.updated(**changes))

    def area(**changes: float) -> int:
        return int((objects(**changes).labels > 0).sum())

    truth = len(np.unique(sample.labels)) - 1
    assert abs(len(objects()) - truth) < 0.1 * truth
    # As the first steps describe them, but for what other processors round differently.
    page = (DOCS / "first-steps.md").read_text("utf-8")
    (count,) = re.findall(r"sliders counts (\d+)", page)
    assert len(objects()) == pytest.approx(int(count), abs=1)
    rows = re.findall(r"^\| \*\*(.+)\*\* \| ([\d.]+) \| (\d+) \|", page, re.MULTILINE)
    assert {name for name, _, _ in rows} == {*FIELDS}
    for name, value, count in rows:
        found = objects(**{FIELDS[name]: float(value)})
        assert len(found) == pytest.approx(int(count), abs=2), name
    assert area(foreground_threshold=0.8) == pytest.approx(0.89 * area(), rel=0.02)


def test_a_sample_that_is_asked_for_again_is_a_copy() -> None:
    first = nuclei(5, 64)
    first.image[:] = 0
    again, other = nuclei(5, 64), nuclei(6, 64)
    assert again.image.any()
    assert (again.labels != other.labels).any()
