"""A part clustered by itself shows what the whole shows there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from builders import capsules, random_maps
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.core.local_clustering import Window
from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.editing.corrections import accept, delete
from napari_spatial_embeddings.errors import InputError
from strategies import any_maps, relaxed

SETTINGS = ClusteringSettings(seed_threshold=0.5, foreground_threshold=0.3, min_size=3)


def noisy(shape: tuple[int, ...], seed: int, spacing: tuple[float, ...]) -> EmbeddingMaps:
    """Maps of capsules, as a trained network gives them."""
    labels = capsules(shape, seed, count=30, radius=4, length=5, spacing=spacing)
    maps, rng = ideal_maps(labels, spacing=spacing, sigma=2.0), np.random.default_rng(seed)
    maps.offsets[:] += np.where(labels > 0, rng.normal(0, 0.5, maps.offsets.shape), 0)
    maps.seed[:] *= rng.uniform(0.4, 1, maps.seed.shape)
    return maps


def parts(shape: tuple[int, ...], rng: np.random.Generator) -> list[slice]:
    """Draw a part of an image, perhaps a single slice."""
    ends = [np.sort(rng.choice(n + 1, 2, replace=False)) for n in shape]
    return [slice(int(a), int(b)) for a, b in ends]


@pytest.mark.parametrize(
    ("shape", "spacing"), [((120, 140), (1.0, 1.0)), ((16, 50, 60), (2.0, 1.0, 1.0))]
)
def test_the_part_is_as_in_the_whole(shape: tuple[int, ...], spacing: tuple[float, ...]) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        maps = noisy(shape, seed, spacing)
        whole = Clustering(maps)
        first = whole(SETTINGS)
        some = first.ids[::3].tolist()
        made = accept(Corrections.none(shape), first, some)
        made = delete(made, first, int(first.ids[1]))
        before = whole.corrected(made)(SETTINGS, like=first)
        window = Window.around(maps, parts(shape, rng), SETTINGS)
        nearby = window.clustering(maps, corrections=made)
        for changes in ({}, {"seed_threshold": 0.9}, {"margin_factor": 0.8}, {"min_size": 60}):
            settings = SETTINGS.updated(**changes)
            expected = whole.corrected(made)(settings, like=before)
            found = nearby(settings, like=window.of(before))
            inside = window.inside(found.labels)
            same = inside == expected.labels[window.inner]
            old = np.isin(expected.labels[window.inner], [0, *before.ids])
            assert same[old].all()
            if not changes:
                assert same.all()


@relaxed
@given(any_maps(), st.integers(0, 10**6))
def test_new_labels_are_new_in_the_whole_image(maps: EmbeddingMaps, seed: int) -> None:
    strict = SETTINGS.updated(seed_threshold=0.9)
    before = Clustering(maps)(strict)
    window = Window.around(maps, parts(maps.shape, np.random.default_rng(seed)), SETTINGS)
    found = window.clustering(maps)(SETTINGS, like=window.of(before))
    there = before.labels[window.outer][tuple(found.seed_pixel.T)]
    assert ((found.ids == there) | ~np.isin(found.ids, before.ids)).all()
    assert window.inside(found.labels).shape == before.labels[window.inner].shape


def test_crowded_objects_differ_little() -> None:
    maps = random_maps((200, 220), np.random.default_rng(3))
    whole = Clustering(maps)(SETTINGS)
    window = Window.around(maps, [slice(60, 140), slice(70, 150)], SETTINGS)
    assert window.outer != (slice(0, 200), slice(0, 220))
    found = window.clustering(maps)(SETTINGS, like=window.of(whole))
    same: NDArray[np.bool_] = window.inside(found.labels) == whole.labels[window.inner]
    assert same.mean() > 0.99


def test_parts_reach_beyond_the_image_or_hold_nothing() -> None:
    maps = ideal_maps(np.zeros((20, 30), np.int32))
    window = Window.around(maps, [slice(-5, 99), slice(None)], SETTINGS)
    assert window.inner == window.outer
    assert window.inner[1] == slice(0, 30)
    maps.offsets[:] = np.nan
    assert Window.around(maps, [slice(5, 6), slice(5, 6)], SETTINGS).outer[0] == slice(4, 7)
    with pytest.raises(InputError, match="holds no pixel"):
        Window.around(maps, [slice(20, 25), slice(0, 5)], SETTINGS)
