"""Predictions of one model: which images it takes, and what it makes of them."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.inference.model import ModelError
from napari_spatial_embeddings.inference.normalisation import normalisation, normalise
from small_models import assert_same, image_of, model_of


@pytest.mark.parametrize(
    ("model", "image", "message"),
    [
        (
            {},
            np.zeros((2, 8, 8)),
            "with 1 channel, this is a 2D image with 2 channels",
        ),
        (
            {},
            np.zeros((8, 8, 8, 8)),
            "2D images .*, this is a 3D volume with 8 channels",
        ),
        ({}, np.zeros(8), "takes 2D images"),
        ({"in_channels": 3}, np.zeros((8, 8)), "takes 2D images with 3 channels"),
        (
            {"in_channels": 3},
            np.zeros((8, 8, 3)),
            "with 3 channels, this is a 2D image with 8",
        ),
        ({"ndim": 3}, np.zeros((8, 8)), "takes 3D volumes"),
        ({}, np.zeros((0, 8)), r"the image is empty: its shape is \(1, 0, 8\)"),
        ({}, np.zeros((8, 8), complex), "has type complex128"),
        ({}, np.zeros((8, 8), object), "has type object"),
        ({}, np.full((8, 8), np.nan), "NaN or infinite"),
        ({}, np.full((8, 8), np.inf), "NaN or infinite"),
    ],
)
def test_an_image_that_does_not_fit_says_why(
    model: dict[str, Any], image: NDArray[Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        model_of(**model).predict_maps(image)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint16, np.float32, np.float64])
def test_any_real_type_with_or_without_a_channel_axis(dtype: Any) -> None:
    model, image = model_of(), (255 * (image_of() > 0.5)).astype(dtype)
    maps = model.predict_maps(image[0])
    assert maps.offsets.dtype == maps.sigma.dtype == maps.seed.dtype == np.float32
    assert_same(model.predict_maps(image), maps)
    assert_same(model.predict_maps(image.astype(float)), maps, 1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (17, 3)])
def test_images_of_any_size(shape: tuple[int, int]) -> None:
    maps = model_of(levels=3).predict_maps(np.ones(shape))
    assert maps.shape == shape
    assert np.isfinite(maps.offsets).all()


def test_prediction_normalises_the_whole_image_not_its_tiles() -> None:
    model = model_of()
    image = image_of()
    image[:, :, 25:] *= 1000
    tiles = PredictionSettings(tile=16, halo=48)
    maps = model.predict_maps(image, tiles)
    scaled = normalise(image, normalisation(image, model.settings))
    assert_same(maps, deque(model.predicting_normalised(scaled, tiles), maxlen=1)[0].maps)
    assert_same(maps, model.predict_maps(image), 1e-4)


def test_segmenting_is_predicting_and_clustering() -> None:
    model, image = model_of(), image_of()
    model.clustering = ClusteringSettings(seed_threshold=0.4, foreground_threshold=0.2, min_size=1)
    maps = model.predict_maps(image)
    found = model.segment(image)
    assert len(found) > 0
    np.testing.assert_array_equal(found.labels, cluster(maps, model.clustering).labels)
    other = ClusteringSettings(seed_threshold=1.0)
    np.testing.assert_array_equal(model.segment(image, other).labels, cluster(maps, other).labels)


def test_progress_ends_with_complete_maps() -> None:
    model, image = model_of(), image_of()
    reports = list(model.predicting(image, PredictionSettings(tile=16, halo=48)))
    assert [r.done for r in reports] == list(range(1, len(reports) + 1))
    assert reports[-1].total == len(reports) == 12
    assert_same(reports[-1].maps, model.predict_maps(image), 1e-4)
