"""What a training is set up with: who validates, the objects' size, the crops."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch

from napari_spatial_embeddings.config import ModelSettings, TrainingSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.core.network import channels_last, rounded
from napari_spatial_embeddings.core.object_size import typical_diameter
from napari_spatial_embeddings.inference.devices import choose_device
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.normalisation import normalisation, normalise

from .annotation import TrainingImage, usage
from .dataset import resampled
from .sampler import Sampler
from .trainer import Trainer
from .validation import choose, smallest_size

HOLD_OUT_FROM = 8
"""Number of images from which some are kept aside for validation."""

ADAPTS = 2.0
"""Objects up to this factor larger or smaller than a model knows, it learns at their own scale.

What is resampled has lost detail, and training gets used to another size by itself; but not from
strokes that stayed strokes: where their objects end, only the model knows, at its own size.
"""

LEARNING_RATE, TUNING_RATE = 2e-3, 1e-3
"""Highest learning rate, of a fresh model and of one that has learned already."""


def prepare(
    images: list[TrainingImage],
    settings: TrainingSettings,
    model: SpatialEmbeddings,
    validation: list[TrainingImage] | None,
    completed: list[TrainingImage] | None = None,
) -> Trainer:
    """Set a training up.

    Parameters
    ----------
    images : list of TrainingImage
    settings : TrainingSettings
    model : SpatialEmbeddings
        What to start from; it is left as it is.
    validation : list of TrainingImage, optional
        Some of the images are kept aside if it is not given, or all serve for both if they are few.
    completed : list of TrainingImage, optional
        The images with whole objects in place of strokes. These are learned from, but nothing is
        scored by what no person drew.
    """
    held_out, drawn = True, images
    images = completed or images
    if not validation:
        images, _ = hold_out(images, settings)
        _, validation = hold_out(drawn, settings)
        held_out = validation is not drawn
    best = copy.deepcopy(model)
    best.image_diameter = settings.object_diameter or own_diameter(images, model)
    outlined = any(i.n_objects and not i.scribbled for i in images)
    if best.image_diameter and model.history and outlined:
        best.learn_diameter(best.image_diameter, ADAPTS)
    # One scale for all images, as prediction will use one: what is seen is what will be seen.
    # Validation sees the images as they are, so that its scores and thresholds are theirs.
    scaled = [
        resampled(normalised(i, model.settings), best.resampling(spacing=i.spacing)) for i in images
    ]
    chosen = [normalised(i, model.settings) for i in choose(validation)]
    device = choose_device(settings.device)
    # The first time ever, the loops are compiled: not within the time that is for learning, and
    # no part of what a validation costs.
    cluster(ideal_maps(np.ones((2, 2), np.int32)))
    batch_size = settings.batch_size or (4 if model.settings.ndim == 2 else 2)
    smallest = smallest_size(images, model.clustering.min_size)
    best.clustering = best.clustering.updated(min_size=smallest)
    average = copy.deepcopy(best)
    # Both alike: an average of weights that lie otherwise takes ten times as long.
    for parameter in average.network.to(device).parameters():
        if parameter.dim() == model.settings.ndim + 2:
            parameter.data = channels_last(parameter.data)
    network = copy.deepcopy(average.network)
    network.train()
    rate = settings.learning_rate or (TUNING_RATE if model.history else LEARNING_RATE)
    return Trainer(
        settings=settings,
        sampler=Sampler(
            scaled,
            model.settings,
            settings.loss,
            settings.augment,
            settings.seed,
            settings.scale,
            settings.invert,
        ),
        held_out=held_out,
        validation=chosen,
        best=best,
        average=average,
        network=network,
        optimizer=_optimizer(network, rate, settings.weight_decay),
        learning_rate=rate,
        device=device,
        batch_size=batch_size,
        crop=crop_shape(model.settings, settings),
        epoch_steps=max(1.0, usage(images).objects / batch_size),
        learned=bool(model.history),
        completed=completed,
    )


def _optimizer(network: torch.nn.Module, rate: float, weight_decay: float) -> torch.optim.AdamW:
    """Return the optimizer of a network; only weights decay, no biases or scales."""
    decay = [p for p in network.parameters() if p.dim() > 1]
    plain = [p for p in network.parameters() if p.dim() <= 1]
    groups = [
        {"params": decay, "weight_decay": weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, fused=True)


def hold_out(
    images: list[TrainingImage], settings: TrainingSettings
) -> tuple[list[TrainingImage], list[TrainingImage]]:
    """Divide images into those to learn from and those to validate on; all for both if few."""
    if len(images) < HOLD_OUT_FROM or not settings.validation_share:
        return images, images
    rng = np.random.default_rng(settings.seed)
    order = rng.permutation(len(images))
    n = max(1, round(settings.validation_share * len(images)))
    aside = set(order[:n].tolist())
    kept = [image for i, image in enumerate(images) if i not in aside]
    return kept, [images[i] for i in sorted(aside)]


def own_diameter(images: list[TrainingImage], model: SpatialEmbeddings) -> float | None:
    """Return the typical diameter of annotated objects, for a model that knows another size.

    A fresh model takes the images as they are. Strokes do not tell how large their objects are:
    then they are taken to be as in the images that the model is meant for.
    """
    whole = [i.labels for i in images if i.n_objects and not i.scribbled]
    if not model.history or not whole:
        return model.image_diameter
    return round(typical_diameter(whole, images[0].spacing or model.settings.spacing), 2)


def normalised(source: TrainingImage, settings: ModelSettings) -> TrainingImage:
    """Return a training image with its intensities as the network takes them."""
    return replace(source, image=normalise(source.image, normalisation(source.image, settings)))


def crop_shape(model: ModelSettings, settings: TrainingSettings) -> tuple[int, ...]:
    """Return the small crops' shape: a few typical diameters if not given, but not much to compute.

    Of large objects, more and smaller crops teach more in the same time.
    """
    edge = settings.crop_size
    if edge is None:
        low, high, factor = (64, 96, 3.75) if model.ndim == 2 else (32, 64, 2.5)
        edge = int(np.clip(factor * model.working_diameter, low, high))
    return rounded([edge / unit for unit in model.spacing], model)
