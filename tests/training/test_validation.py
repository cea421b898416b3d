"""Scores of clusterings on annotated images, and calibrated thresholds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from builders import capsules, network, training_image
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
from napari_spatial_embeddings.core.maps import IGNORE, EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.core.metrics import mean_ap
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.system.cancellation import run
from napari_spatial_embeddings.training.validation import (
    calibrate,
    choose_images,
    evaluate,
    predict_maps,
    smallest_size,
)

DEFAULT = ClusteringSettings(seed_threshold=0.5, foreground_threshold=0.5, min_size=2)


def faint(maps: EmbeddingMaps, high: float, low: float) -> EmbeddingMaps:
    """Return maps whose objects have the seed ``high`` and whose background has ``low``."""
    seed = np.where(maps.seed > 0, high, low).astype(np.float32)
    return EmbeddingMaps(maps.offsets, maps.sigma, seed, maps.spacing)


@pytest.mark.parametrize("shape", [(64, 64), (12, 30, 30)])
def test_ideal_maps_score_one_and_empty_ones_nothing(shape: tuple[int, ...]) -> None:
    images = [training_image(capsules(shape, k, radius=4), k) for k in range(2)]
    ideal = [ideal_maps(image.labels) for image in images]
    assert mean_ap(run(evaluate(ideal, images, DEFAULT))).tolist() == [1] * 10
    empty = [faint(maps, 0, 0) for maps in ideal]
    assert mean_ap(run(evaluate(empty, images, DEFAULT))).tolist() == [0] * 10


def test_what_is_found_where_nothing_is_known_does_not_count() -> None:
    labels = capsules((64, 64), 1)
    maps = ideal_maps(labels)
    half = labels.copy()
    half[np.isin(labels, (1, 2))] = IGNORE
    known = training_image(half)
    assert mean_ap(run(evaluate([maps], [known], DEFAULT))).tolist() == [1] * 10
    half[half == IGNORE] = 0
    assert mean_ap(run(evaluate([maps], [known], DEFAULT)))[0] < 1


@pytest.mark.parametrize(("high", "low"), [(0.42, 0.1), (0.95, 0.62)])
def test_calibrating_finds_thresholds_that_the_default_misses(high: float, low: float) -> None:
    images = [training_image(capsules((64, 64), k), k) for k in range(2)]
    maps = [faint(ideal_maps(image.labels), high, low) for image in images]
    assert mean_ap(run(evaluate(maps, images, DEFAULT))).mean() < 1
    found = run(calibrate(maps, images, [DEFAULT]))
    assert mean_ap(run(evaluate(maps, images, found))).mean() == 1
    assert found.min_size == DEFAULT.min_size
    assert low <= found.seed_threshold <= high


def test_among_equals_calibrating_keeps_the_default() -> None:
    images = [training_image(capsules((64, 64), 3))]
    assert run(calibrate([ideal_maps(images[0].labels)], images, [DEFAULT])) == DEFAULT


@pytest.mark.parametrize(("high", "first"), [(1.0, True), (0.85, False)])
def test_the_first_of_several_usual_thresholds_wins_unless_another_is_better(
    high: float, first: bool
) -> None:
    labels = capsules((64, 64), 3)
    strict = DEFAULT.updated(seed_threshold=0.88)
    maps = [faint(ideal_maps(labels), high, 0.1)]
    found = run(calibrate(maps, [training_image(labels)], [strict, DEFAULT]))
    assert found == (strict if first else DEFAULT)


@pytest.mark.parametrize(
    ("count", "others", "moves"), [(1, True, False), (30, True, True), (30, False, False)]
)
def test_few_objects_hardly_move_the_thresholds(count: int, others: bool, moves: bool) -> None:
    labels = capsules((200, 200), 1, count=count, radius=8.0)
    maps = ideal_maps(labels)
    # A low foreground threshold would bring back 7 % of each object: a tenth of the mean AP.
    faint = np.random.default_rng(0).random(labels.shape) < 0.07
    seed = np.where(faint, np.float32(0.25) * maps.seed, maps.seed)
    weak = EmbeddingMaps(maps.offsets, maps.sigma, seed, maps.spacing)
    found = run(calibrate([weak], [training_image(labels)], [DEFAULT], others))
    assert (found.foreground_threshold < 0.25) is moves


def test_a_few_images_are_chosen_evenly() -> None:
    images = [training_image(capsules((20, 20), k), k) for k in range(30)]
    few, many = choose_images(images[:3]), choose_images(images, most=6)
    assert [i.name for i in few] == ["image 0", "image 1", "image 2"]
    assert [i.name for i in many] == [f"image {k}" for k in (0, 5, 10, 15, 20, 25)]


def test_a_large_image_is_cut_where_its_objects_are() -> None:
    labels = np.zeros((900, 700), np.int32)
    labels[800:810, 600:640], labels[840:850, 600:640] = 1, 2
    cut = choose_images([training_image(labels)])[0]
    assert cut.labels.shape == (384, 384)
    assert cut.image.shape == (1, 384, 384)
    assert set(np.unique(cut.labels)) == {0, 1, 2}
    volume = choose_images([training_image(np.zeros((80, 40, 90), np.int32))])[0]
    assert volume.labels.shape == (53, 40, 53)


@pytest.mark.parametrize("shape", [(1500, 1200), (40, 300, 260)])
def test_few_objects_of_a_large_image_are_all_validated(shape: tuple[int, ...]) -> None:
    """Once each, as three held-out objects that lie apart."""
    rng = np.random.default_rng(0)
    labels = np.zeros(shape, np.int32)
    for k in range(1, 8):
        at = tuple(slice(int(i), int(i) + 6) for i in rng.integers(0, np.array(shape) - 6))
        labels[at] = k
    labels[tuple(slice(0, 9) for _ in shape)] = 8
    labels[tuple(slice(12, 20) for _ in shape)] = 9
    source = training_image(labels)
    parts = choose_images([source])
    assert sum(part.n_objects for part in parts) == source.n_objects
    assert len(parts) < source.n_objects, "those that are near are in one part"
    seen = sum(int((part.labels > 0).sum()) for part in parts)
    assert seen == (labels > 0).sum()
    edge = 384 if len(shape) == 2 else 53
    assert all(max(part.labels.shape) <= edge for part in parts)


def test_debris_is_smaller_than_half_the_small_objects() -> None:
    labels = np.zeros((80, 80), np.int32)
    for k in range(16):
        y, x = divmod(k, 4)
        labels[20 * y : 20 * y + 6, 20 * x : 20 * x + 5] = k + 1
    image = training_image(labels)
    # The more of them there are, the nearer to half.
    assert 4 < smallest_size([image], 12) < smallest_size([image] * 5, 12) < 15
    assert smallest_size([image] * 50, 12) == 14
    scribbled = replace(image, scribbled=True)
    assert smallest_size([scribbled], 12) == 12
    assert smallest_size([scribbled, image], 12) == smallest_size([image], 12)
    assert smallest_size([], 12) == 12


def test_predictions_are_of_images_as_they_are() -> None:
    settings = ModelSettings(width=4, levels=1)
    model = SpatialEmbeddings(settings, network(settings))
    image = training_image(capsules((30, 30), 1))
    brighter = replace(image, image=image.image * 3)
    one, other = run(predict_maps(model, [image, brighter], "cpu"))
    assert one.shape == (30, 30)
    assert float(np.abs(one.seed - other.seed).max()) > 1e-3
