"""Meaning of the maps: pixels of the finest axis, for any raw output of the network."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from builders import capsules
from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.maps import (
    MARGIN,
    SIGMA_GAIN,
    EmbeddingMaps,
    coordinates,
    ideal_maps,
    sigma_of,
    split,
)


def test_coordinates_are_indices_times_spacing() -> None:
    x = coordinates((2, 3, 4), (2.5, 1.0, 1.0))
    assert x.dtype == np.float32
    assert x[:, 1, 2, 3].tolist() == [2.5, 2.0, 3.0]
    assert x[:, 0, 0, 0].tolist() == [0.0, 0.0, 0.0]


def test_membership_is_a_half_at_the_margin() -> None:
    assert math.exp(-0.5 * MARGIN**2) == pytest.approx(0.5)
    maps = ideal_maps(np.ones((3, 3), np.int32), sigma=2.0)
    np.testing.assert_allclose(maps.margin, 2 * MARGIN, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "spacing"), [((30, 40), (1.0, 1.0)), ((8, 20, 25), (2.5, 1.0, 1.0))]
)
def test_ideal_maps_point_every_pixel_at_its_objects_centroid(
    shape: tuple[int, ...], spacing: tuple[float, ...]
) -> None:
    labels = capsules(shape, 1, spacing=spacing, radius=4) * 1000
    labels[labels == 1000] = -1
    maps = ideal_maps(labels, spacing=spacing)
    assert maps.offsets.dtype == maps.sigma.dtype == maps.seed.dtype == np.float32
    found = [i for i in np.unique(labels) if i > 0]
    assert found
    for i in found:
        own = labels == i
        centroid = coordinates(shape, spacing)[:, own].mean(1)
        embeddings = maps.embeddings()[:, own]
        np.testing.assert_allclose(embeddings, centroid[:, None] + 0 * embeddings, atol=1e-4)
    np.testing.assert_array_equal(maps.seed[0], labels > 0)
    assert not maps.offsets[:, labels <= 0].any()


def test_ideal_maps_put_each_object_into_the_seed_map_of_its_class() -> None:
    labels = np.array([[1, 0, 2], [1, 0, 3]], np.int32)
    maps = ideal_maps(labels, classes={2: 1}, n_classes=2)
    np.testing.assert_array_equal(maps.seed[0], np.isin(labels, (1, 3)))
    np.testing.assert_array_equal(maps.seed[1], labels == 2)


@pytest.mark.parametrize(
    ("offsets", "sigma", "seed", "spacing", "message"),
    [
        ((2, 5, 6), (1, 5, 6), (1, 5, 6), 3, "offsets"),
        ((3, 5, 6), (1, 5, 6), (1, 5, 6), 2, "offsets"),
        ((1, 5), (1, 5), (1, 5), 1, "offsets"),
        ((2, 5, 6), (3, 5, 6), (1, 5, 6), 2, "sigma"),
        ((2, 5, 6), (5, 6), (1, 5, 6), 2, "sigma"),
        ((2, 5, 6), (2, 5, 6), (5, 6), 2, "seed"),
        ((2, 5, 6), (2, 5, 6), (1, 6, 5), 2, "seed"),
        ((2, 5, 6), (2, 5, 6), (0, 5, 6), 2, "seed"),
    ],
)
def test_maps_that_do_not_fit_together_are_refused(
    offsets: tuple[int, ...],
    sigma: tuple[int, ...],
    seed: tuple[int, ...],
    spacing: int,
    message: str,
) -> None:
    o, s, v = (np.zeros(shape, np.float32) for shape in (offsets, sigma, seed))
    with pytest.raises(ValueError, match=message):
        EmbeddingMaps(o, s, v, (1.0,) * spacing)


@pytest.mark.parametrize("per_axis", [True, False])
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (3.0, 1.0, 1.0)])
def test_split_takes_the_channels_apart_and_bounds_them(
    per_axis: bool, spacing: tuple[float, ...]
) -> None:
    model = ModelSettings(
        ndim=len(spacing),
        spacing=spacing,
        sigma_per_axis=per_axis,
        classes=("a", "b"),
        offset_range=30,
    )
    ndim, n = model.ndim, model.sigma_components
    raw = 50 * torch.randn(2, ndim + n + 2, *[4] * ndim)
    offsets, log_sigma, seed = split(raw, model)
    assert [len(t[0]) for t in (offsets, log_sigma, seed)] == [ndim, n, 2]
    assert float(offsets.abs().max()) == pytest.approx(30)
    assert float(log_sigma.abs().max()) == 1
    torch.testing.assert_close(seed, raw[:, -2:])
    assert bool((offsets.sign() == raw[:, :ndim].sign()).all())


def test_an_untrained_sigma_suits_the_typical_object() -> None:
    model = ModelSettings(working_diameter=40)
    start = float(sigma_of(torch.tensor(0.0), model))
    assert start * MARGIN == pytest.approx(10)
    grown = float(sigma_of(torch.tensor(0.2), model))
    assert math.log(grown / start) == pytest.approx(0.2 * SIGMA_GAIN)


def test_a_box_around_a_point_is_cut_to_the_image() -> None:
    maps = ideal_maps(np.ones((8, 12), np.int32), spacing=(2.0, 1.0))
    assert maps.box_around(np.array([6.0, 5.0]), (2.0, 3.0)) == (slice(2, 5), slice(2, 9))
    assert maps.box_around(np.array([0.0, 11.0]), (3.0, 3.0)) == (slice(0, 3), slice(8, 12))
    assert maps.box_around(np.array([-50.0, 5.0]), (3.0, 3.0))[0] == slice(0, 0)


def test_embeddings_of_a_box_are_those_of_the_image_there() -> None:
    maps = ideal_maps(np.ones((8, 12), np.int32), spacing=(2.0, 1.0))
    box = (slice(2, 5), slice(3, 9))
    np.testing.assert_array_equal(maps.embeddings(box), maps.embeddings()[(slice(None), *box)])
