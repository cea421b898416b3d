"""The clustering does what the textbook does, only faster, and forgets nothing between calls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import textbook
from builders import capsules, random_maps
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering, cluster
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.maps import EmbeddingMaps, coordinates, ideal_maps
from strategies import any_maps, any_settings, relaxed

ALL = ClusteringSettings(seed_threshold=0.5, foreground_threshold=0.5, min_size=1)


def same_partition(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two label images differ in nothing but the numbers."""
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    ids = len(np.unique(a)), len(np.unique(b))
    return ids == (pairs.shape[1],) * 2 and bool((((pairs == 0).sum(0)) != 1).all())


def transformed(
    maps: EmbeddingMaps, flips: tuple[int, ...], order: tuple[int, ...]
) -> EmbeddingMaps:
    """Flip axes and then permute them, directions included."""

    def move(a: NDArray[np.float32]) -> NDArray[np.float32]:
        a = np.flip(a, tuple(f + 1 for f in flips))
        return np.ascontiguousarray(a.transpose(0, *[o + 1 for o in order]))

    sign = np.ones(maps.ndim, np.float32)
    sign[list(flips)] = -1
    offsets = maps.offsets * sign.reshape(-1, *[1] * maps.ndim)
    sigma = move(maps.sigma)
    return EmbeddingMaps(
        move(offsets)[list(order)],
        sigma if len(sigma) == 1 else sigma[list(order)],
        move(maps.seed),
        tuple(maps.spacing[o] for o in order),
    )


@st.composite
def label_images(draw: st.DrawFn) -> NDArray[np.int32]:
    shape = draw(st.sampled_from([(1, 1), (1, 50), (40, 33), (64, 64), (1, 20, 20), (9, 20, 18)]))
    return capsules(
        shape,
        draw(st.integers(0, 10**6)),
        count=draw(st.integers(0, 12)),
        radius=draw(st.floats(1, 6)),
        length=draw(st.sampled_from([0.0, 12.0])),
    )


@relaxed
@given(label_images())
def test_the_maps_of_a_label_image_give_it_back(labels: NDArray[np.int32]) -> None:
    found = cluster(ideal_maps(labels, sigma=0.5), ALL)
    assert found.labels.dtype == np.int32
    assert same_partition(found.labels, labels)


@relaxed
@given(any_maps(), st.lists(any_settings, min_size=1, max_size=5))
def test_labels_are_the_textbooks_however_the_settings_move(
    maps: EmbeddingMaps, moves: list[ClusteringSettings]
) -> None:
    clustering = Clustering(maps, threads=2)
    for settings in moves:
        expected = textbook.cluster(maps, settings)
        np.testing.assert_array_equal(clustering(settings).labels, expected)
        np.testing.assert_array_equal(cluster(maps, settings).labels, expected)


@relaxed
@given(any_maps(), st.integers(0, 10**6), any_settings)
def test_values_that_are_no_numbers_belong_to_nothing(
    maps: EmbeddingMaps, seed: int, settings: ClusteringSettings
) -> None:
    rng = np.random.default_rng(seed)
    for values, strange in (
        (maps.offsets, (np.nan, np.inf, -np.inf, -1e30)),
        (maps.sigma, (np.nan, np.inf, 0, 1e-40, 1e30)),
    ):
        bad = rng.random(values.shape) < 0.05
        values[bad] = rng.choice(strange, bad.sum())
    maps.seed[rng.random(maps.seed.shape) < 0.05] = np.nan
    found = cluster(maps, settings)
    np.testing.assert_array_equal(found.labels, textbook.cluster(maps, settings))


@relaxed
@given(any_maps(), any_settings)
def test_instances_agree_with_their_labels(
    maps: EmbeddingMaps, settings: ClusteringSettings
) -> None:
    found = cluster(maps, settings)
    n = len(found)
    np.testing.assert_array_equal(found.ids, np.arange(1, n + 1))
    assert not found.locked.any()
    assert found.labels.max() == n
    counted = np.bincount(found.labels.ravel(), minlength=n + 1)[1:]
    np.testing.assert_array_equal(found.size, counted)
    assert bool((found.size >= settings.min_size).all())
    assert bool((np.diff(found.score) <= 0).all())
    assert bool((found.score >= np.float32(settings.seed_threshold)).all())
    at = tuple(found.seed_pixel.T)
    np.testing.assert_array_equal(found.labels[at], np.arange(1, n + 1))
    seeds = maps.seed[(slice(None), *at)]
    np.testing.assert_array_equal(found.score, seeds.max(0))
    np.testing.assert_array_equal(found.class_index, seeds.argmax(0))
    np.testing.assert_array_equal(found.centre, maps.embeddings()[(slice(None), *at)].T)
    sigma = np.broadcast_to(maps.sigma, maps.offsets.shape)
    np.testing.assert_array_equal(found.sigma, sigma[(slice(None), *at)].T)


@relaxed
@given(any_maps(), any_settings, st.data())
def test_flipping_and_turning_commute(
    maps: EmbeddingMaps, settings: ClusteringSettings, data: st.DataObject
) -> None:
    # No two seeds alike: among equals the first pixel wins, and another pixel is first now.
    order = np.random.default_rng(0).permutation(maps.seed.size).reshape(maps.seed.shape)
    seed = (order / maps.seed.size).astype(np.float32)
    maps = EmbeddingMaps(maps.offsets, maps.sigma, seed, maps.spacing)
    axes = tuple(range(maps.ndim))
    flips = tuple(data.draw(st.sets(st.sampled_from(axes))))
    turn = tuple(data.draw(st.permutations(axes)))
    # The mirror image's coordinates start at the other end, on the same 64ths of a pixel.
    ours = cluster(transformed(maps, flips, turn), settings).labels
    expected = np.flip(cluster(maps, settings).labels, flips).transpose(turn)
    np.testing.assert_array_equal(ours, expected)


@relaxed
@given(any_maps(), any_settings, st.integers(0, 5), st.integers(0, 5))
def test_translating_commutes(
    maps: EmbeddingMaps, settings: ClusteringSettings, before: int, after: int
) -> None:
    pad = [(0, 0)] + [(before, after)] * maps.ndim
    offsets, seed = (np.pad(a, pad) for a in (maps.offsets, maps.seed))
    sigma = np.pad(maps.sigma, pad, constant_values=1)
    ours = cluster(EmbeddingMaps(offsets, sigma, seed, maps.spacing), settings)
    theirs = cluster(maps, settings)
    np.testing.assert_array_equal(ours.labels, np.pad(theirs.labels, pad[1:]))
    moved = theirs.centre + before * np.array(maps.spacing, np.float32)
    np.testing.assert_array_equal(ours.centre, moved)


@pytest.mark.parametrize("pitch", [26, 3])  # 23 x 23 and 200 x 200 objects
def test_more_objects_than_a_byte_or_a_short_can_number(pitch: int) -> None:
    y, x = np.indices((600, 600))
    per_row = -(-600 // pitch)
    labels = (y // pitch) * per_row + x // pitch + 1
    labels[(y % pitch == 0) | (x % pitch == 0)] = 0
    found = cluster(ideal_maps(labels, sigma=0.5), ALL)
    assert len(found) == len(np.unique(labels)) - 1 == per_row**2
    assert same_partition(found.labels, labels)


@pytest.mark.parametrize("shape", [(5, 3000), (3000, 5), (1100, 1030), (2, 3, 2500)])
def test_images_larger_than_any_grid(shape: tuple[int, ...]) -> None:
    labels = np.zeros(shape, np.int32)
    for k, at in enumerate(np.linspace(0, max(shape) - 6, 9).astype(int), 1):
        labels[tuple(slice(min(at, n - 5), at + 5) if n > 5 else slice(1, 5) for n in shape)] = k
    assert same_partition(cluster(ideal_maps(labels), ALL).labels, labels)


def two_discs() -> EmbeddingMaps:
    """A large sure object and a small doubtful one; only their middles have a high seed."""
    maps = ideal_maps(np.zeros((30, 60), np.int32))
    x = coordinates(maps.shape, maps.spacing)
    for centre, reach, rim, middle in (((15, 15), 9, 0.5, 0.9), ((15, 40), 4, 0.4, 0.6)):
        away = np.array(centre).reshape(2, 1, 1) - x
        disc = (away**2).sum(0) <= reach**2
        maps.offsets[:, disc] = 0.5 * away[:, disc]
        maps.sigma[0, disc] = reach / 3
        maps.seed[0, disc] = rim
        maps.seed[0][centre] = middle
    return maps


def test_each_setting_does_what_it_says() -> None:
    maps = two_discs()
    clustering = Clustering(maps)
    settings = ALL.updated(seed_threshold=0.55, foreground_threshold=0.35)

    def sizes(**changes: float) -> list[int]:
        found: list[int] = clustering(settings.updated(**changes)).size.tolist()
        return found

    large, small = sizes()
    assert sizes(seed_threshold=0.7) == [large]
    assert sizes(seed_threshold=0.95) == []
    assert sizes(foreground_threshold=0.45) == [large, 1]
    assert sizes(foreground_threshold=0.7) == [1]
    assert sizes(min_size=small) == [large, small]
    assert sizes(min_size=small + 1) == [large]
    narrow, wide = sizes(margin_factor=0.8), sizes(margin_factor=1.2)
    assert narrow[0] < large < wide[0]
    assert narrow[1] < small < wide[1]
    assert sizes(margin_factor=10) == [sum(sizes(margin_factor=2))]


def test_the_free_fraction_decides_about_overlapping_proposals() -> None:
    maps = ideal_maps(np.zeros((1, 40), np.int32), sigma=5 / np.sqrt(2 * np.log(2)))
    maps.seed[:] = 0.4
    maps.seed[0, 0, 10], maps.seed[0, 0, 17] = 0.9, 0.8
    settings = ALL.updated(foreground_threshold=0.3, seed_threshold=0.7)
    # Pixels 6 to 14 go first; the second proposes 13 to 21, of which 7 in 9 are free.
    for fraction, sizes in ((0.7, [9, 7]), (0.77, [9, 7]), (0.78, [9])):
        found = cluster(maps, settings.updated(min_free_fraction=fraction))
        assert found.size.tolist() == sizes
    # Nothing is more than all of itself.
    assert not len(cluster(maps, settings.updated(min_free_fraction=1.0)))


def test_a_pixel_claimed_twice_stays_with_the_higher_score() -> None:
    maps = ideal_maps(np.zeros((1, 40), np.int32), sigma=5 / np.sqrt(2 * np.log(2)))
    maps.seed[:] = 0.4
    maps.seed[0, 0, 10], maps.seed[0, 0, 17] = 0.8, 0.9
    found = cluster(maps, ALL.updated(foreground_threshold=0.3, seed_threshold=0.7))
    assert found.labels[0, 12:15].tolist() == [2, 1, 1]


def test_nothing_above_the_threshold_is_no_object() -> None:
    found = cluster(ideal_maps(np.zeros((7, 9), np.int32)))
    assert len(found) == 0
    assert not found.labels.any()
    assert found.centre.shape == found.sigma.shape == found.seed_pixel.shape == (0, 2)


def test_an_image_is_a_volume_of_one_slice() -> None:
    maps = random_maps((37, 41), np.random.default_rng(0), sigma_components=1)
    volume = EmbeddingMaps(
        np.concatenate([np.zeros_like(maps.offsets[:1]), maps.offsets])[:, None],
        maps.sigma[:, None],
        maps.seed[:, None],
        (1.0, *maps.spacing),
    )
    np.testing.assert_array_equal(cluster(volume, ALL).labels[0], cluster(maps, ALL).labels)


def test_large_maps_shared_among_threads_are_the_textbooks() -> None:
    maps = random_maps((300, 350), np.random.default_rng(4))  # five blocks of 20,000 pixels
    settings = ALL.updated(foreground_threshold=0.2, seed_threshold=0.85)
    expected = textbook.cluster(maps, settings)
    for threads in (1, 3, 8):
        np.testing.assert_array_equal(Clustering(maps, threads)(settings).labels, expected)


@pytest.mark.parametrize("shape", [(260, 240), (20, 60, 50)])
def test_wide_margins_swallow_whole_cells_as_the_textbook_does(shape: tuple[int, ...]) -> None:
    maps = random_maps(shape, np.random.default_rng(7), sigma_components=len(shape))
    maps.offsets[:] += 1000 * (np.random.default_rng(8).random(shape) < 0.01)  # far outliers
    clustering = Clustering(maps)
    settings = ALL.updated(foreground_threshold=0.2, seed_threshold=0.7)
    for changes in (
        {"margin_factor": 3.0},
        {"margin_factor": 8.0},
        {"foreground_threshold": 0.6},
        {},
    ):
        moved = settings.updated(**changes)
        np.testing.assert_array_equal(clustering(moved).labels, textbook.cluster(maps, moved))


def test_calls_from_many_threads_do_not_disturb_each_other() -> None:
    maps = random_maps((120, 130), np.random.default_rng(5))
    moves = [
        ALL.updated(seed_threshold=s, foreground_threshold=f, margin_factor=m)
        for s in (0.4, 0.6, 0.9)
        for f in (0.2, 0.5)
        for m in (0.8, 1.2)
    ] * 4
    shared = Clustering(maps)
    with ThreadPoolExecutor(8) as pool:
        found: list[Instances] = list(pool.map(shared, moves))
    for settings, instances in zip(moves[:12], found[:12], strict=True):
        np.testing.assert_array_equal(instances.labels, cluster(maps, settings).labels)
    for first, again in zip(found[:12], found[-12:], strict=True):
        np.testing.assert_array_equal(first.labels, again.labels)


def test_the_maps_are_left_alone_and_results_are_independent() -> None:
    maps = random_maps((50, 60), np.random.default_rng(6), classes=2)
    before = [a.copy() for a in (maps.offsets, maps.sigma, maps.seed)]
    clustering = Clustering(maps)
    first = clustering(ALL)
    kept = first.labels.copy()
    clustering(ALL.updated(margin_factor=2.0, foreground_threshold=0.1))
    np.testing.assert_array_equal(first.labels, kept)
    first.labels[:] = 7
    np.testing.assert_array_equal(clustering(ALL).labels, kept)
    for a, b in zip(before, (maps.offsets, maps.sigma, maps.seed), strict=True):
        np.testing.assert_array_equal(a, b)
