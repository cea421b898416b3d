"""Models of another number of channels: the maps stay, and all that is done with models works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_spatial_embeddings.core.first_layer import CONV, MIX
from napari_spatial_embeddings.core.maps import EmbeddingMaps, Float
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import find_model, shipped
from napari_spatial_embeddings.training.checkpoint import Checkpoint
from napari_spatial_embeddings.training.train import train
from small_models import assert_same, model_of
from small_trainings import (
    ALWAYS,
    assert_same_checkpoint,
    checkpoint_of,
    discs,
    settings_for,
    trained,
    weights,
)

KINDS: dict[str, dict[str, Any]] = {
    "2D": {"width": 8},
    "2D, one level": {"levels": 1},
    "3D, coarse slices": {"ndim": 3, "spacing": (4.0, 1.0, 1.0), "levels": 3},
    "no maxima of channels": {"width": 4, "more": 4},
}


def image_for(model: SpatialEmbeddings) -> Float:
    """Return noise that a model takes, with channels that differ in what they show."""
    own = model.settings
    shape = own.in_channels, *((40, 37) if own.ndim == 2 else (9, 33, 26))
    return np.random.default_rng(0).random(shape).astype(np.float32)


def in_turn(image: Float, channels: int) -> Float:
    """Repeat the channels of an image in turn, or leave the last ones out."""
    return image[np.arange(channels) % len(image)]


def differ(a: EmbeddingMaps, b: EmbeddingMaps) -> bool:
    return bool(np.abs(a.seed - b.seed).max() > 1e-4)


@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize("name", shipped())
def test_shipped_models_give_repeated_channels_their_maps(name: str, channels: int) -> None:
    model = find_model(name)
    image = image_for(model)
    other = model.with_channels(channels)
    repeated = in_turn(image[: min(len(image), channels)], channels)
    expected = model.predict_maps(in_turn(repeated, len(image)))
    assert_same(other.predict_maps(repeated), expected, 1e-3)
    if channels > len(image):
        repeated[-1] = repeated[-1][::-1]
        assert differ(other.predict_maps(repeated), expected), "each channel is seen"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("before", "after"), [(1, 2), (1, 3), (3, 1), (2, 3), (3, 2), (2, 30)])
def test_channels_that_repeat_give_the_same_maps(kind: str, before: int, after: int) -> None:
    changes = dict(KINDS[kind])
    model = model_of(in_channels=before + changes.pop("more", 0), **changes)
    channels = model.settings.in_channels
    image = in_turn(image_for(model)[: min(channels, after)], channels)
    expected = model.predict_maps(image)
    other = model.with_channels(after)
    assert other.settings.in_channels == after
    assert (other.clustering, other.history, other.about) == (
        model.clustering, model.history, model.about,
    )  # fmt: skip
    assert_same(other.predict_maps(in_turn(image, after)), expected, 1e-3)
    back = other.with_channels(channels)
    assert_same(back.predict_maps(image), expected, 1e-3)
    assert model.with_channels(channels) is model


def test_it_is_saved_with_what_was_changed(tmp_path: Path) -> None:
    model = model_of(width=8).with_channels(3)
    again = SpatialEmbeddings.load(model.save(tmp_path))
    assert again.settings == model.settings
    assert_same(again.predict_maps(image_for(model)), model.predict_maps(image_for(model)))


def test_training_weighs_the_channels() -> None:
    images = discs()
    start = trained(images, 2).with_channels(3)
    with pytest.raises(InputError, match=r"takes 2D images with 3 channels, image 0 .*channels\(1"):
        next(train(images, settings_for(1, images), start))
    colours = discs(channels=3)
    tuned = trained(colours, 3, start, learning_rate=1e-2, average=0.0)
    for name in (CONV, MIX):
        assert not torch.allclose(weights(tuned)[name], weights(start)[name], atol=1e-5)
    first = weights(tuned)[CONV]
    assert not torch.allclose(first[:, 0], first[:, 2]), "they were the same"


def test_a_training_of_it_is_resumed(tmp_path: Path) -> None:
    images = discs(channels=2)
    start = trained(discs(), 2).with_channels(2)
    settings = settings_for(6, images, report_seconds=ALWAYS)
    whole = checkpoint_of(images, settings, start, tmp_path / "whole")
    assert_same_checkpoint(whole, checkpoint_of(images, settings, start, tmp_path / "parts", 2, 4))
    assert whole.model().settings == start.settings


def test_checkpoints_of_before_can_be_resumed(tmp_path: Path) -> None:
    """They know nothing of mixtures."""
    images, path = discs(), tmp_path / "checkpoint"
    start = trained(images, 2)
    list(train(images, settings_for(2, images), start, checkpoint=path))
    saved = Checkpoint.read(path)
    del saved.facts["model"]["mixtures"]
    saved.write(path)
    *_, last = train(images, settings_for(4, images), start, checkpoint=path)
    assert last.step == 4
