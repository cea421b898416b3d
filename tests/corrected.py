"""A clustering that is corrected, and the check that its corrections last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.instances import NOTHING, Corrections, Instances
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from strategies import any_maps, any_settings

ALL = ClusteringSettings(seed_threshold=0.5, foreground_threshold=0.3, min_size=1)
STRICT = ALL.updated(seed_threshold=1.0, min_size=10**6)
"""Settings under which nothing is found."""


class Person:
    """A clustering and its corrections, as a session would keep them."""

    def __init__(self, maps: EmbeddingMaps, settings: ClusteringSettings = ALL) -> None:
        self.maps, self.settings = maps, settings
        self.clustering = Clustering(maps)
        self.made = Corrections.none(maps.shape)
        self.found = self.clustering(settings)

    def says(self, change: Callable[..., Corrections], *args: Any) -> Instances:
        """Correct, and see what becomes of it."""
        before = [np.array(getattr(self.made, n)) for n in Corrections.__slots__]
        labels = self.found.labels.copy()
        made = change(self.made, self.found, *args)
        for name, value in zip(Corrections.__slots__, before, strict=True):
            np.testing.assert_array_equal(getattr(self.made, name), value)
        np.testing.assert_array_equal(self.found.labels, labels)
        assert {*np.unique(made.labels)} - {0, NOTHING} == {*made.ids}
        assert len({*made.ids}) == len(made)
        self.made = made
        self.found = self.clustering.corrected(made)(self.settings, like=self.found)
        return self.found


crowds = st.builds(Person, any_maps(), any_settings)


def some(person: Person, data: st.DataObject, count: int) -> list[int]:
    """Draw objects."""
    labels = person.found.ids.tolist()
    if len(labels) < count:
        return []
    return data.draw(st.lists(st.sampled_from(labels), min_size=count, max_size=count, unique=True))


def lasts(person: Person) -> None:
    """Corrections hold under any settings."""
    said = person.made.labels
    for settings in (
        STRICT,
        ALL,
        ALL.updated(margin_factor=3.0),
        ALL.updated(foreground_threshold=0.0),
    ):
        found = person.clustering.corrected(person.made)(settings, like=person.found)
        np.testing.assert_array_equal(found.labels[said != 0], said[said != 0].clip(0))
        assert found.ids[found.locked].tolist() == person.made.ids.tolist()
        assert not np.isin(found.labels[said == 0], person.made.ids).any()
