"""Models for volumes that start from models for images."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.inference.lifting import lift
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import ModelError


def flat(**how: object) -> SpatialEmbeddings:
    """Return a small model for images, as if it were trained."""
    settings = ModelSettings(width=8, levels=3, working_diameter=20, offset_range=80)
    model = SpatialEmbeddings(settings.updated(**how))
    generator = torch.Generator().manual_seed(3)
    for parameter in model.network.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    for parameter in model.network.instance.out.parameters():
        parameter.data *= 0.05  # offsets far below their largest, where they hardly depend on it
    return model


def deep(model: SpatialEmbeddings, **how: object) -> ModelSettings:
    same = {"ndim": 3, "spacing": (1.0, 1.0, 1.0), "working_diameter": 12.0, "offset_range": 50.0}
    return model.settings.updated(**{**same, **how})


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 1.0, 1.0)])
@pytest.mark.parametrize("per_axis", [False, True])
def test_what_is_alike_in_all_slices_gives_the_maps_of_one(
    spacing: tuple[float, ...], per_axis: bool
) -> None:
    model = flat(sigma_per_axis=per_axis)
    image = np.random.default_rng(0).random((1, 40, 40), np.float32)
    expected = model.predict_maps(image)
    new = SpatialEmbeddings(deep(model, spacing=spacing))
    lift(model, new)
    tall = np.repeat(image[:, None], 96, 1)
    maps = new.predict_maps(tall)
    middle = np.s_[:, 40:56]  # far from the first and the last slice
    offsets, sigma, seed = maps.offsets[middle], maps.sigma[middle], maps.seed[middle]
    near = partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-3)
    assert abs(offsets[0]).max() == 0
    flat_offsets = np.repeat(expected.offsets[:, None], 16, 1)
    np.testing.assert_allclose(offsets[1:], flat_offsets, rtol=0.01, atol=0.01)
    near(seed, np.repeat(expected.seed[:, None], 16, 1))
    flat_sigma = np.repeat(expected.sigma[:, None], 16, 1)
    near(sigma[-len(flat_sigma) :], flat_sigma)
    between = np.sqrt(flat_sigma.prod(0)) if per_axis else flat_sigma[0]
    near(sigma[0], between)
    assert not new.history, "it counts as untrained"


def test_what_does_not_fit_is_refused() -> None:
    model = flat()
    with pytest.raises(ModelError, match="width"):
        lift(model, SpatialEmbeddings(deep(model, width=16)))
    with pytest.raises(ModelError, match="in_channels"):
        lift(model, SpatialEmbeddings(deep(model, in_channels=2)))
    with pytest.raises(ModelError, match="for 2 axes cannot start one for 2"):
        lift(model, flat())
