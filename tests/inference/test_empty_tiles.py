"""Tiles are empty where they are nearly flat, and the network finds nothing in their mean."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import ModelSettings, PredictionSettings
from napari_spatial_embeddings.inference.empty_tiles import FLAT, STEP, EmptyTest
from napari_spatial_embeddings.inference.normalisation import normalisation, normalise
from napari_spatial_embeddings.inference.registry import find_model

Float = NDArray[np.float32]


def empty_test(found: float, seen: list[Float] | None = None) -> EmptyTest:
    """Return a test in which the network sees this seed above a level of 0.5, and else none."""

    def seed_of(tile: Float) -> Float:
        if seen is not None:
            seen.append(tile)
        return np.where(tile[:1] > 0.5, np.float32(found), np.float32(0))

    return EmptyTest(ModelSettings(), seed_of, 0.4)


def flat(level: float, edge: int = 400) -> Float:
    return np.full((1, edge, edge), level, np.float32)


@pytest.mark.parametrize(("level", "empty"), [(0.1, True), (0.9, False)])
def test_what_the_network_finds_in_the_mean_decides(level: float, empty: bool) -> None:
    seen: list[Float] = []
    test = empty_test(0.8, seen)
    assert test(flat(level)) is empty
    assert test(flat(level)) is empty
    assert len(seen) == 1, "once for each level"
    np.testing.assert_allclose(seen[0], level, atol=STEP / 2)


def test_noise_is_averaged_and_an_object_is_not() -> None:
    rng = np.random.default_rng(0)
    noise = flat(0.1) + rng.normal(0, 0.002, (1, 400, 400)).astype(np.float32)
    assert np.ptp(noise) > 2 * FLAT[2]
    test = empty_test(0.8)
    assert test(noise)
    noise[:, 201:206, 303:308] += 0.02
    assert not test(noise)


def test_no_object_is_lost_at_any_contrast() -> None:
    model = find_model("nuclei-2d")
    pixels = samples.nuclei(0, 192).image[:1].astype(np.float32)
    pixels = normalise(pixels, normalisation(pixels, model.settings))

    def seed_of(tile: Float) -> Float:
        settings = PredictionSettings(device="cpu")
        *_, last = model.predicting_normalised(tile, settings)
        return last.maps.seed

    threshold = model.clustering.foreground_threshold
    test = EmptyTest(model.settings, seed_of, threshold)
    taken = []
    for contrast in (1, 0.1, 0.03, 0.01, 0.003, 0.001):
        seen = (pixels * contrast).astype(np.float32)
        taken.append(test(seen))
        assert not (taken[-1] and (seed_of(seen) > threshold).any())
    assert taken[0] is False
    assert taken[-1] is True
