"""The models that come with the package: they are whole, small, described, and they segment."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.transform import rescale

from napari_spatial_embeddings import samples
from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.metrics import score
from napari_spatial_embeddings.inference.registry import FOLDER, find_model, shipped

MEGABYTES = 12
"""What all of them together may take in the wheel."""

NAMES = list(shipped())


def test_there_are_some_and_they_are_small() -> None:
    assert "nuclei-2d" in NAMES
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    assert size <= MEGABYTES * 1e6


@pytest.mark.parametrize("name", NAMES)
def test_cards_say_what_people_need_to_know(name: str) -> None:
    model = find_model(name)
    about = model.about
    assert model.history, "a model that learned nothing"
    for key in ("summary", "recipe", "pixel_size", "bad_at"):
        assert about[key].strip()
    assert isinstance(about["seed"], int)
    for source in about["data"]:
        assert source["name"]
        assert source["licence"]
    low, high = about["diameters"]
    assert low < model.settings.working_diameter < high
    for scores in about["scores"].values():
        assert all(0 <= value <= 1 for value in scores.values())
        assert scores["AP50"] >= scores["AP90"]


def magnified(factor: float) -> tuple[NDArray[np.floating], NDArray[np.int32]]:
    """Return nuclei, 18 pixels across at magnification 1, as a microscope would show them."""
    sample = samples.nuclei(1, size=256)
    image = rescale(sample.image[0].astype(float), factor, order=1, anti_aliasing=factor < 1)
    labels = rescale(sample.labels, factor, order=0, anti_aliasing=False, preserve_range=True)
    return image[None], labels.astype(np.int32)


def ap50(name: str, factor: float, diameter: float | None) -> float:
    model = find_model(name)
    image, labels = magnified(factor)
    maps = model.predict_maps(image, PredictionSettings(object_diameter=diameter))
    assert maps.shape == labels.shape
    return float(score(labels, cluster(maps, model.clustering).labels).ap[0])


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 4.0])
def test_nuclei_of_any_magnification_once_the_size_is_told(factor: float) -> None:
    assert ap50("nuclei-2d", factor, 18 * factor) >= 0.85


def test_without_the_size_another_magnification_is_harder() -> None:
    assert ap50("nuclei-2d", 0.25, None) < ap50("nuclei-2d", 0.25, 4.5) - 0.2


@pytest.mark.parametrize("thickness", [1, 2])
def test_nuclei_in_thin_and_in_thick_slices(thickness: int) -> None:
    sample = samples.blobs(1)  # slices twice as far apart as pixels
    image, labels = sample.image[:, ::thickness], sample.labels[::thickness]
    model = find_model("nuclei-3d")
    maps = model.predict_maps(image, spacing=(2.0 * thickness, 1.0, 1.0))
    assert score(labels, cluster(maps, model.clustering).labels).ap[0] >= 0.9
