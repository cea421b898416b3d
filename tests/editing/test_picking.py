"""Objects of clicks and dots: whole ones, the same wherever one clicks, and no pixel twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from builders import capsules
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.editing.picking import Picked, known_at, object_at, objects_at
from napari_spatial_embeddings.errors import InputError

SETTINGS = ClusteringSettings(min_size=3)
SHAPES = {"image": (60, 70), "volume": (14, 40, 45), "slice": (1, 60, 70)}


def unsharp(labels: NDArray[np.int32], seed: int = 0) -> EmbeddingMaps:
    """Return maps that a good network might give: surest in the middle, a little off."""
    ideal = ideal_maps(labels, sigma=3.0)
    rng = np.random.default_rng(seed)
    sure = (1 - 0.05 * np.sqrt((ideal.offsets**2).sum(0))).clip(0.4, 1) - 0.001 * labels
    offsets = ideal.offsets + rng.normal(0, 0.2, ideal.offsets.shape).astype(np.float32)
    return EmbeddingMaps(
        offsets, ideal.sigma, (ideal.seed * sure).astype(np.float32), ideal.spacing
    )


def drawn(shape: tuple[int, ...], *found: Picked | None) -> NDArray[np.int32]:
    """Return the labels of objects, 1 and up."""
    labels = np.zeros(shape, np.int32)
    for k, one in enumerate(found, 1):
        if one is not None:
            assert not labels[one.box][one.mask].any(), "no two share a pixel"
            labels[one.box][one.mask] = k
    return labels


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_each_pixel_of_an_object_proposes_all_of_it(shape: tuple[int, ...]) -> None:
    labels = capsules(shape, count=9, length=6)
    maps = ideal_maps(labels, sigma=2.0)
    rng = np.random.default_rng(0)
    for label in range(1, labels.max() + 1):
        at = np.argwhere(labels == label)
        if len(at) < SETTINGS.min_size:
            continue
        for pixel in rng.choice(at, 3):
            found = object_at(maps, pixel, SETTINGS)
            assert np.array_equal(drawn(shape, found) > 0, labels == label)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_click_finds_what_the_clustering_finds(shape: tuple[int, ...]) -> None:
    maps = unsharp(capsules(shape, count=9, length=6))
    found = cluster(maps, SETTINGS)
    assert len(found) > 3
    for label, pixel in zip(found.ids, found.seed_pixel, strict=True):
        own = found.labels == label
        if pixel[0] in (0, shape[0] - 1) and shape[0] > 1:
            continue
        one = drawn(shape, object_at(maps, pixel, SETTINGS)) > 0
        assert (one & own).sum() >= 0.9 * (one | own).sum()


def test_a_longer_object_than_its_first_box_is_found_whole() -> None:
    labels = np.zeros((40, 300), np.int32)
    labels[10:20, 5:295] = 1
    found = object_at(ideal_maps(labels, sigma=1.0), (15, 8), SETTINGS)
    assert found.size == (labels > 0).sum()


def test_what_is_taken_and_what_is_cut_off_stay_out() -> None:
    labels = np.zeros((30, 60), np.int32)
    labels[10:20, 10:30] = labels[10:20, 35:55] = 1  # two pieces that point to one centre
    maps = ideal_maps(labels, sigma=4.0)
    assert object_at(maps, (15, 20), SETTINGS).size == 200
    taken = np.zeros(labels.shape, bool)
    taken[:, 20:] = True
    assert object_at(maps, (15, 12), SETTINGS, taken).size == 100
    with pytest.raises(InputError, match="annotated already"):
        object_at(maps, (15, 22), SETTINGS, taken)


def test_a_doubtful_object_is_found_and_background_is_not() -> None:
    labels = capsules((60, 70), count=6)
    ideal = ideal_maps(labels, sigma=3.0)
    faint = replace(ideal, seed=ideal.seed * np.float32(0.2))
    at = tuple(np.argwhere(labels == 2)[4])
    assert not len(cluster(faint, SETTINGS))
    assert object_at(faint, at, SETTINGS).size == (labels == 2).sum()
    empty = tuple(np.argwhere(labels == 0)[0])
    for maps in (faint, replace(faint, seed=np.full_like(faint.seed, np.nan))):
        with pytest.raises(InputError, match="no object here"):
            object_at(maps, empty, SETTINGS)
    with pytest.raises(InputError, match="minimum size"):
        object_at(faint, at, SETTINGS.updated(min_size=10_000))
    with pytest.raises(InputError, match="outside"):
        object_at(faint, (60, 3), SETTINGS)


def test_dots_find_their_objects_and_those_without_one_are_none() -> None:
    labels = capsules((80, 90), count=9, length=4)
    maps = unsharp(labels)
    ids = [k for k in range(1, labels.max() + 1) if (labels == k).sum() > 20]
    dots = [tuple(np.argwhere(labels == k).mean(0).round().astype(int)) for k in ids]
    empty = tuple(np.argwhere(labels == 0)[7])
    found = objects_at(maps, [*dots, empty], SETTINGS)
    assert found[-1] is None
    assert all(one is not None for one in found[:-1])
    new = drawn(labels.shape, *found)
    for k, dot in enumerate(dots, 1):
        assert new[dot] == k
        own = labels == labels[dot]
        assert ((new == k) & own).sum() >= 0.9 * ((new == k) | own).sum()
    again = objects_at(maps, dots, SETTINGS, new > 0)
    assert again == [None] * len(dots)


def test_two_dots_part_what_the_model_takes_for_one() -> None:
    labels = np.zeros((30, 50), np.int32)
    labels[10:20, 10:40] = 1
    maps = ideal_maps(labels, sigma=3.0)
    found = objects_at(maps, [(15, 16), (15, 33)], SETTINGS)
    new = drawn(labels.shape, *found)
    assert np.array_equal(new > 0, labels > 0)
    assert np.array_equal(new[15, 10:40], np.repeat([1, 2], 15))


def test_only_where_the_network_was_run_something_is_known() -> None:
    maps = ideal_maps(capsules((30, 40), count=3))
    assert not known_at(maps, tuple(np.argwhere(maps.seed[0] == 0)[0]))
    assert known_at(maps, tuple(np.argwhere(maps.seed[0] > 0)[0]))
