"""Images larger than memory: what is read is a sample and the tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr

from builders import capsules, network, picture
from counted import Counted, Huge
from napari_spatial_embeddings.config import ModelSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData, arranged, stacked
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.inference.image_check import check_image
from napari_spatial_embeddings.inference.model import ModelError, SpatialEmbeddings
from napari_spatial_embeddings.inference.normalisation import (
    SAMPLE_PIXELS,
    normalisation,
    normalise,
)
from napari_spatial_embeddings.project.sources import fingerprint, matches


def model_of(ndim: int = 2, **changes: Any) -> SpatialEmbeddings:
    settings = ModelSettings.model_validate(
        {"ndim": ndim, "spacing": (1.0,) * ndim, "width": 4, "levels": 1, **changes}
    )
    return SpatialEmbeddings(settings, network(settings))


def maps_on_disk(model: SpatialEmbeddings, shape: tuple[int, ...]) -> EmbeddingMaps:
    """Return maps of which only what is written takes room."""
    settings = model.settings
    counts = settings.ndim, settings.sigma_components, len(settings.classes)
    arrays: list[Any] = [
        zarr.create_array({}, shape=(n, *shape), chunks=(n, *[100] * len(shape)), dtype="f4")
        for n in counts
    ]
    offsets, sigma, seed = arrays
    return EmbeddingMaps(offsets, sigma, seed, settings.spacing)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 1.5)])
def test_a_window_of_a_huge_image(spacing: tuple[float, ...]) -> None:
    model, edge = model_of(in_channels=2), 50_000
    tile = PredictionSettings(tile=64, halo=16)
    huge = Huge((edge, edge, 2), np.uint16, most=200_000)
    image = ImageData(arranged(huge, "YXC"), "CYX", None, None, "huge")
    model.check(image.data)
    assert huge.read == 0
    scale = normalisation(image.data, model.settings)
    assert scale.shape == (2, 2)
    assert huge.read <= 2 * SAMPLE_PIXELS
    window = (slice(40_000, 40_100), slice(30_000, 30_050))
    out = maps_on_disk(model, image.shape)
    before = huge.read
    *_, last = model.predicting(image.data, tile, window, out, spacing)
    assert huge.read - before <= 2 * SAMPLE_PIXELS + 200_000
    assert last.maps is out
    part = (slice(None), slice(39_900, 40_200), slice(29_900, 30_200))
    assert np.asarray(out.seed[part]).any()
    assert not np.asarray(out.seed[(slice(None), slice(0, 200), slice(0, 200))]).any()
    assert fingerprint(image.data).startswith("blocks-")
    assert matches(image.data, fingerprint(image.data))


def test_a_huge_volume_is_sampled() -> None:
    huge = Huge((2000, 3000, 3000), np.float32, most=300_000)
    model = model_of(3)
    low, gain = normalisation(model.check(huge), model.settings)[:, 0]
    assert 50 <= low < 60
    assert 1 / 100 <= gain < 1 / 90
    assert huge.read <= SAMPLE_PIXELS


@pytest.mark.parametrize("diameter", [None, 8.0, 30.0])
def test_maps_are_those_of_the_array(diameter: float | None) -> None:
    model = model_of(in_channels=2)
    image = picture(capsules((90, 110), 1), channels=2)
    lazy = stacked([arranged(Counted(channel), "YX") for channel in image])
    settings = PredictionSettings(tile=32, halo=8, object_diameter=diameter)
    one, other = model.predict_maps(image, settings), model.predict_maps(lazy, settings)
    for name in ("offsets", "sigma", "seed"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    labels = model.segment(lazy, prediction=settings).labels
    np.testing.assert_array_equal(labels, model.segment(image, prediction=settings).labels)


def test_a_part_is_normalised_as_its_whole() -> None:
    model = model_of()
    image = picture(capsules((90, 110), 1))
    image[:, 80:] *= 5
    part, settings = image[:, :64, :64], PredictionSettings(tile=64, halo=0)
    whole = normalisation(Counted(image), model.settings)
    *_, last = model.predicting(part, settings, scale=whole)
    expected = normalise(part, normalisation(image, model.settings))
    *_, other = model.predicting_normalised(expected, settings)
    np.testing.assert_array_equal(last.maps.seed, other.maps.seed)
    assert not np.array_equal(last.maps.seed, model.predict_maps(part, settings).seed)


def test_a_sample_is_the_same_in_memory_as_in_a_file() -> None:
    """Of an image above the sample's size, no more than the sample is read."""
    image = np.random.default_rng(0).integers(0, 5000, (1, 2500, 2000)).astype(np.uint16)
    counted, settings = Counted(image), model_of().settings
    np.testing.assert_array_equal(normalisation(counted, settings), normalisation(image, settings))
    assert counted.read <= SAMPLE_PIXELS < image.size


def test_nan_is_found_where_it_is_read() -> None:
    model, image = model_of(), picture(capsules((90, 110), 1))
    image[0, 80, 100] = np.nan
    settings = PredictionSettings(tile=32, halo=0)
    with pytest.raises(ModelError, match="NaN or infinite values; replace them first, for"):
        model.predict_maps(image, settings)
    *_, last = model.predicting(image, settings, (slice(0, 40), slice(0, 40)))
    assert np.isfinite(last.maps.seed).all()


def test_percentiles_are_of_finite_values() -> None:
    settings = model_of().settings
    image = picture(capsules((90, 110), 1)).astype(np.float64)
    image[0, :5] = image[0, 10]
    expected = normalisation(image[:, 5:], settings)
    lowest = -np.finfo(np.float64).max  # by which some programs mark gaps
    kinds = {np.nan: "NaN or infinite", np.inf: "NaN or infinite", lowest: r"beyond 3\.4e38"}
    for value, text in kinds.items():
        image[0, :5] = value
        np.testing.assert_array_equal(normalisation(image, settings), expected)
        with pytest.raises(ModelError, match=text):
            normalise(image, expected)


def test_the_check_looks_at_no_pixel() -> None:
    nothing = Huge((30_000, 40_000), np.float32, most=0)
    model = model_of()
    assert model.check(nothing).shape == (1, 30_000, 40_000)
    with pytest.raises(ModelError, match="with 1 channel, this is a 3D volume with 2 channels"):
        model.check(Huge((2, 9, 9, 9), np.float32, most=0))


def test_the_words_of_a_refusal() -> None:
    with pytest.raises(ModelError) as caught:
        check_image(
            model_of().settings, (3, 9, 9), model="cells", name="a.tif", advice="choose others"
        )
    assert str(caught.value) == (
        "cells takes 2D images with 1 channel, a.tif is a 2D image with 3 channels: choose others"
    )
