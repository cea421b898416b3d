"""Search for the size of objects: shipped models find that of generated nuclei."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.transform import rescale

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.metrics import score
from napari_spatial_embeddings.inference.model_card import ModelError
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.inference.sizes.search import (
    FoundSize,
    Place,
    find_diameter,
    places_in,
)


def image_of(pixels: np.ndarray, size: tuple[float, ...] | None = None) -> ImageData:
    axes = {3: "CYX", 4: "CZYX"}[pixels.ndim]
    return ImageData(pixels, axes, size, "um" if size else None, "cells")


def searched(name: str, *places: Place) -> FoundSize:
    model = find_model(name)
    reports = list(find_diameter(model, places, model.clustering, "cpu"))
    assert [r.done for r in reports[:-1]] == list(range(reports[-1].total + 1))
    found = reports[-1].found
    assert found is not None
    return found


@pytest.mark.parametrize("factor", [0.6, 3.5])
def test_nuclei_of_another_magnification_are_found_with_the_size(factor: float) -> None:
    sample = samples.nuclei(1, size=96)  # 18 pixels wide
    pixels = rescale(sample.image[0].astype(float), factor, order=1, anti_aliasing=factor < 1)
    labels = rescale(sample.labels, factor, order=0, anti_aliasing=False, preserve_range=True)
    image = image_of(pixels[None].astype(np.float32))
    found = searched("nuclei-2d", Place(image))
    assert found.diameter is not None
    how = PredictionSettings(object_diameter=found.diameter, device="cpu")
    instances = find_model("nuclei-2d").segment(image.data, prediction=how)
    assert score(labels.astype(np.int32), instances.labels).ap[0] >= 0.8
    assert max(found.worth) <= 1
    steps = np.diff(np.log(found.diameters))
    assert np.allclose(steps, steps[0])


def test_no_object_has_no_size() -> None:
    noise = np.random.default_rng(0).normal(size=(1, 64, 64)).astype(np.float32)
    flat = np.zeros_like(noise)
    assert searched("nuclei-2d", Place(image_of(flat))).diameter is None


def test_a_window_where_one_looks_and_no_larger_than_wanted() -> None:
    image = image_of(np.zeros((1, 300, 400), np.uint8))
    assert Place(image).window(100) == (slice(100, 200), slice(150, 250))
    assert Place(image, (10, 395)).window(100) == (slice(0, 100), slice(300, 400))
    assert Place(image).window(1e4) == (slice(0, 300), slice(0, 400))
    thin = image_of(np.zeros((1, 4, 300, 400), np.uint8), (2.0, 0.5, 0.5))  # 16 pixels deep
    window = Place(thin).window(64)
    assert window[0] == slice(0, 4)
    lengths = [part.stop - part.start for part in window]
    assert 4 * np.prod(lengths) == pytest.approx(64**3, rel=0.05)


def test_frames_of_a_series_are_spread_and_normalised_as_it() -> None:
    series = ImageData(np.zeros((9, 1, 30, 40), np.uint8), "TCYX", None, None, "movie")
    places = places_in(series)
    assert len(places) == 3
    for place in places:
        assert place.image.whole is series.data
        assert place.image.shape == (30, 40)


def test_an_image_that_does_not_fit_is_refused() -> None:
    model = find_model("nuclei-2d")
    colours = Place(image_of(np.zeros((3, 40, 40), np.uint8)))
    with pytest.raises(ModelError):
        list(find_diameter(model, [colours], model.clustering))
