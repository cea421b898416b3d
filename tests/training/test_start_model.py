"""The model that a training starts from, and the size of crops: both suit the objects."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from builders import capsules, network, training_image
from napari_spatial_embeddings.config import ModelSettings, TrainingSettings
from napari_spatial_embeddings.core.network import multiple
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.training.preparation import crop_shape, prepare
from napari_spatial_embeddings.training.train import WORKING_DIAMETER, model_from_scratch
from small_trainings import discs, same_weights, settings_for, small_model, trained, weights


def test_a_finetuned_model_starts_from_what_it_knows() -> None:
    images = discs()
    start = SpatialEmbeddings(
        ModelSettings(width=8, levels=2, working_diameter=9.0, classes=("cell", "dirt")),
        pixel_size=(0.5, 0.5),
        about={"licence": "none"},
    )
    start.network = network(start.settings, 3)
    tuned = trained(images, 1, start, learning_rate=1e-12, average=0.0)
    assert tuned.settings == start.settings
    assert (tuned.pixel_size, tuned.about) == (start.pixel_size, start.about)
    for a, b in zip(weights(start).values(), weights(tuned).values(), strict=True):
        torch.testing.assert_close(a, b)
    moved = trained(images, 5, start, learning_rate=1e-2, average=0.0)
    assert not same_weights(start, moved)


def test_the_start_model_is_not_changed() -> None:
    images = discs()
    model = small_model(images)
    before = copy.deepcopy(model)
    trained(images, 3, model)
    assert same_weights(model, before)
    assert model.card() == before.card()
    pixels = [image.image.copy() for image in images]
    trained(images, 2)
    for image, kept in zip(images, pixels, strict=True):
        np.testing.assert_array_equal(image.image, kept)


@pytest.mark.parametrize("scribbled", [False, True])
def test_only_whole_objects_change_the_size(scribbled: bool) -> None:
    images = [replace(image, scribbled=scribbled) for image in discs()]
    start = small_model(images)
    start.history = [{}]
    diameter = 1.6 * start.settings.working_diameter
    trainer = prepare(images, settings_for(1, images, object_diameter=diameter), start, None)
    own = trainer.best.settings.working_diameter
    assert own == pytest.approx(start.settings.working_diameter if scribbled else diameter)
    assert trainer.best.image_diameter == diameter


def test_a_model_from_scratch_suits_the_objects() -> None:
    images = discs(radius=8.0)
    model = model_from_scratch(images, width=4)
    assert 12 <= model.settings.working_diameter <= 20
    assert model.settings.offset_range >= 4 * model.settings.working_diameter
    assert (model.settings.ndim, model.settings.in_channels) == (2, 1)
    volume = training_image(capsules((10, 20, 20), 1, radius=4), channels=3)
    settings = model_from_scratch([volume], spacing=(2.0, 1.0, 1.0), width=4).settings
    assert (settings.ndim, settings.in_channels, settings.spacing) == (3, 3, (2.0, 1.0, 1.0))
    assert same_weights(
        model_from_scratch(images, width=4, seed=1), model_from_scratch(images, width=4, seed=1)
    )
    assert not same_weights(model, model_from_scratch(images, width=4, seed=1))


def test_a_model_from_scratch_sees_large_objects_from_afar() -> None:
    spacing = (2.0, 1.0, 1.0)
    labels = capsules((24, 48, 48), 0, count=2, radius=15, spacing=spacing)
    volume = replace(training_image(labels), spacing=spacing)
    model = model_from_scratch([volume], spacing=spacing, width=4, levels=2)
    assert model.image_diameter is not None
    assert model.image_diameter > 20
    assert model.settings.working_diameter == pytest.approx(WORKING_DIAMETER[3], abs=0.1)
    assert model.settings.spacing == (1.0, 1.0, 1.0), "thick slices are thin enough from afar"
    grid = model.resampling(spacing=spacing).grid(labels.shape)
    assert np.prod(grid) < labels.size / 3
    assert model.predict_maps(volume.image, spacing=spacing).shape == labels.shape


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.5, 1.0, 1.0)])
@pytest.mark.parametrize("diameter", [3, 20, 400])
def test_crops_fit_the_network_and_the_objects(spacing: tuple[float, ...], diameter: float) -> None:
    model = ModelSettings.model_validate(
        {"ndim": len(spacing), "spacing": spacing, "working_diameter": diameter}
    )
    crop = crop_shape(model, TrainingSettings())
    assert all(n % m == 0 for n, m in zip(crop, multiple(model), strict=True))
    assert crop == crop_shape(model, TrainingSettings(large_crop_factor=2))
    chosen = crop_shape(model, TrainingSettings(crop_size=100))
    for n, unit, m in zip(chosen, spacing, multiple(model), strict=True):
        assert abs(n * unit - 100) <= m * unit
