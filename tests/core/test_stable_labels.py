"""Labels stay while settings change, and locked objects stay as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import textbook
from builders import random_maps
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering, cluster
from napari_spatial_embeddings.core.instances import NOTHING, Corrections, Instances, unused_ids
from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.errors import InputError
from strategies import any_maps, any_settings, relaxed

EASY = ClusteringSettings(seed_threshold=0.3, foreground_threshold=0.1, min_size=1)
HIGHER = 10_000
"""What locked labels are raised by: more than there are objects, so that none is in use."""

ROWS = ("ids", "class_index", "score", "centre", "sigma", "size", "seed_pixel")


def rows(found: Instances) -> dict[int, list[list[Any]]]:
    """Return what is known about each object, by its label."""
    return {
        int(label): [np.asarray(getattr(found, name)[k]).tolist() for name in ROWS]
        for k, label in enumerate(found.ids)
    }


def locked(found: Instances, chosen: NDArray[np.bool_], empty: NDArray[np.bool_]) -> Corrections:
    """Lock some objects as they are, under labels much higher, and clear an area."""
    pixels = np.where(np.isin(found.labels, found.ids[chosen]), found.labels + HIGHER, 0)
    pixels[empty] = NOTHING
    chosen &= np.isin(found.ids + HIGHER, pixels)
    columns = ("class_index", "score", "centre", "sigma", "seed_pixel")
    parts = (getattr(found, name)[chosen] for name in columns)
    return Corrections(pixels.astype(np.int32), found.ids[chosen] + HIGHER, *parts)


@st.composite
def corrected(draw: st.DrawFn) -> tuple[EmbeddingMaps, Corrections]:
    """Maps, some of whose objects are locked, and some of whose pixels are to stay empty."""
    maps = draw(any_maps())
    found = cluster(maps, draw(any_settings))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    chosen = rng.random(len(found)) < draw(st.sampled_from([0.2, 0.7, 1.0]))
    empty = rng.random(maps.shape) < draw(st.sampled_from([0.0, 0.1, 0.6]))
    return maps, locked(found, chosen, empty)


@relaxed
@given(any_maps(), any_settings, st.integers(0, 10), st.booleans())
def test_a_higher_seed_threshold_keeps_every_label(
    maps: EmbeddingMaps, settings: ClusteringSettings, tenths: int, as_array: bool
) -> None:
    clustering = Clustering(maps)
    # Labels that are not 1 to N at first.
    before = clustering(settings, like=clustering(EASY))
    higher = settings.updated(seed_threshold=max(settings.seed_threshold, tenths / 10))
    after = clustering(higher, like=before.labels if as_array else before)
    stayed = np.isin(before.ids, after.ids)
    np.testing.assert_array_equal(after.ids, before.ids[stayed])
    kept = np.where(np.isin(before.labels, after.ids), before.labels, 0)
    np.testing.assert_array_equal(after.labels, kept)


@relaxed
@given(any_maps(), st.lists(any_settings, min_size=2, max_size=6))
def test_objects_keep_the_label_under_their_seed_pixel(
    maps: EmbeddingMaps, moves: list[ClusteringSettings]
) -> None:
    clustering = Clustering(maps)
    before = clustering(moves[0])
    for settings in moves[1:]:
        after = clustering(settings, like=before)
        there = before.labels[tuple(after.seed_pixel.T)]
        seen: set[int] = {0}
        for label, wanted in zip(after.ids.tolist(), there.tolist(), strict=True):
            assert label == wanted if wanted not in seen else label not in before.ids
            seen.add(wanted)
        assert len(np.unique(after.ids)) == len(after)
        # The names aside, it is what it would be without a past.
        plain = clustering(settings)
        table = np.zeros(len(plain) + 1, np.int32)
        table[1:] = after.ids
        np.testing.assert_array_equal(after.labels, table[plain.labels])
        before = after


@relaxed
@given(corrected(), st.lists(any_settings, min_size=1, max_size=4))
def test_what_is_settled_stays_under_any_settings(
    given_: tuple[EmbeddingMaps, Corrections], moves: list[ClusteringSettings]
) -> None:
    maps, corrections = given_
    clustering = Clustering(maps, corrections=corrections)
    free, n = corrections.labels == 0, len(corrections)
    like = None
    for settings in moves:
        found = clustering(settings, like)
        np.testing.assert_array_equal(found.labels[~free], corrections.labels[~free].clip(0))
        assert found.locked.tolist() == [True] * n + [False] * (len(found) - n)
        for name in ("ids", "class_index", "score", "centre", "sigma", "seed_pixel"):
            np.testing.assert_array_equal(getattr(found, name)[:n], getattr(corrections, name))
        inside = np.unique(found.labels[free])
        assert not np.isin(inside, corrections.ids).any()
        assert {*np.unique(found.labels)} - {0} == {*found.ids}
        counted = [(found.labels == label).sum() for label in found.ids]
        assert found.size.tolist() == counted
        # The rest is what the textbook finds where these pixels are not free.
        expected = textbook.cluster(maps, settings, ~free)
        order = np.zeros(int(found.ids.max(initial=0)) + 1, np.int32)
        order[found.ids[n:]] = np.arange(1, len(found) - n + 1)
        np.testing.assert_array_equal(order[np.where(free, found.labels, 0)], expected)
        like = found


@relaxed
@given(corrected(), any_settings)
def test_corrections_may_come_later_and_go_again(
    given_: tuple[EmbeddingMaps, Corrections], settings: ClusteringSettings
) -> None:
    maps, corrections = given_
    clustering = Clustering(maps)
    plain = clustering(settings)
    later = clustering.corrected(corrections)(settings)
    at_once = Clustering(maps, corrections=corrections)(settings)
    np.testing.assert_array_equal(later.labels, at_once.labels)
    assert rows(later) == rows(at_once)
    again = clustering.corrected(corrections).corrected(None)(settings)
    np.testing.assert_array_equal(again.labels, plain.labels)
    np.testing.assert_array_equal(clustering(settings).labels, plain.labels)


@relaxed
@given(any_maps(), any_settings, st.integers(0, 10**6))
def test_settling_objects_as_they_are_changes_no_other(
    maps: EmbeddingMaps, settings: ClusteringSettings, seed: int
) -> None:
    """Locked or deleted, they still stand in the way of crumbs that they stood in before."""
    clustering = Clustering(maps)
    before = clustering(settings)
    fate = np.random.default_rng(seed).choice(["free", "locked", "deleted"], len(before))
    gone = np.isin(before.labels, before.ids[fate == "deleted"])
    corrections = locked(before, fate == "locked", gone)
    after = clustering.corrected(corrections)(settings, like=before)
    expected = {
        label + HIGHER if what == "locked" else label: row[1:]
        for (label, row), what in zip(rows(before).items(), fate, strict=True)
        if what != "deleted"
    }
    assert {label: row[1:] for label, row in rows(after).items()} == expected


def test_the_label_of_a_locked_object_is_given_to_no_other() -> None:
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 5:15], labels[5:15, 25:35] = 1, 2
    maps = ideal_maps(labels, sigma=0.5)
    found = cluster(maps)
    assert found.ids.tolist() == [1, 2]
    parts = ([0], [1.0], [[9.5, 9.5]], [[0.5, 0.5]], [[5, 5]])
    dtypes = (np.int64, np.float32, np.float32, np.float32, np.int64)
    rest = [np.array(part, dtype) for part, dtype in zip(parts, dtypes, strict=True)]
    corner = np.where(labels == 1, 2, 0).astype(np.int32)
    locked = Corrections(corner, np.array([2], np.int32), *rest)
    clustering = Clustering(maps, corrections=locked)
    assert clustering(ClusteringSettings()).ids.tolist() == [2, 1]
    assert clustering(ClusteringSettings(), like=found).ids.tolist() == [2, 3]


def test_fresh_labels_fill_gaps() -> None:
    assert unused_ids(np.array([2, 3, 7, -1, 0]), 4).tolist() == [1, 4, 5, 6]
    assert unused_ids(np.array([], np.int32), 2).tolist() == [1, 2]
    assert unused_ids(np.array([1]), 0).tolist() == []


def test_corrections_and_labels_of_another_image_are_refused() -> None:
    maps = random_maps((8, 9), np.random.default_rng(0))
    with pytest.raises(InputError, match="those of an image of shape"):
        Clustering(maps, corrections=Corrections.none((9, 8)))
    with pytest.raises(InputError, match=r"\(9, 8\)"):
        Clustering(maps).corrected(Corrections.none((9, 8)))
    with pytest.raises(ValueError, match="like has shape"):
        Clustering(maps)(EASY, like=np.zeros((3, 3), np.int32))
    none = Corrections.none((8, 9))
    with pytest.raises(ValueError, match="index has shape"):
        replace(none, class_index=np.zeros(2, np.int64))
