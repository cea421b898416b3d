"""Setup of a training: validation images, scale of the objects, crops, optimizer."""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from napari_spatial_embeddings.config import (
    LossSettings,
    ModelSettings,
    PredictionSettings,
    TrainingSettings,
)
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.loss import spatial_embedding_loss, targets
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.core.network import channels_last, rounded
from napari_spatial_embeddings.core.object_size import typical_diameter
from napari_spatial_embeddings.inference.devices import choose_device
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import Places
from napari_spatial_embeddings.inference.normalisation import Scale, normalisation, normalise

from .annotation import TrainingImage
from .choice import Choice
from .dataset import resampled
from .flat_weights import FlatWeights
from .gradients import Gradients
from .held_out import NEW_SHARE, HeldOut, held_out_of, places_known
from .held_out_objects import hold_out_objects, unseen_objects
from .places import with_places
from .sampler import Sampler
from .trainer import Trainer
from .validation import choose_images, smallest_size

MAX_SIZE_CHANGE = 2.0
"""Factor up to which a trained model learns another object size, instead of resampled images.

Resampling loses detail, and a training adapts to another size by itself; but not from scribbles
that were not completed: where their objects end, only the model knows, at its own size.
"""

LEARNING_RATE, FINETUNING_RATE = 2e-3, 1e-3
"""Highest learning rate from scratch, and from a trained start model."""


def prepare(
    images: list[TrainingImage],
    settings: TrainingSettings,
    model: SpatialEmbeddings,
    validation: list[TrainingImage] | None,
    completed: list[TrainingImage] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Trainer:
    """Set a training up.

    Parameters
    ----------
    images : list of TrainingImage
    settings : TrainingSettings
    model : SpatialEmbeddings
        The start model; it is not changed.
    validation : list of TrainingImage, optional
        Some of the images are held out if it is not given. If they are few, some objects are, but
        none that the start model may have seen; else all images serve for both.
    completed : list of TrainingImage, optional
        The images with completed scribbles: for training only, scores are of annotations alone.
    clock : callable
        Time in seconds, from any origin.
    """
    held_out, annotated = True, images
    images = learned = completed or images
    places = places_known(model.places, model.history)
    if not validation:
        rule, validation = _rule(annotated, settings, places), []
        if rule is HeldOut.IMAGES and (aside := images_aside(annotated, settings, places)):
            learned = images = [image for i, image in enumerate(images) if i not in aside]
            validation = [annotated[i] for i in aside]
        elif rule.something:
            learned, validation = hold_out_objects(annotated, images, places)
        held_out = bool(validation)
    best = copy.deepcopy(model)
    best.places = with_places(places, annotated, validation)
    validation = validation or annotated
    best.image_diameter = settings.object_diameter or own_diameter(images, model)
    outlined = any(i.n_objects and not i.scribbled for i in images)
    if best.image_diameter and model.history and outlined:
        best.learn_diameter(best.image_diameter, MAX_SIZE_CHANGE)
    # One scale for all images, as in prediction. Validation images keep their own scale, so that
    # scores and thresholds are those of the images as they are.
    scaled = [
        resampled(image, best.resampling(spacing=image.spacing))
        for image in normalised(learned, model.settings)
    ]
    chosen = normalised(choose_images(validation), model.settings)
    device = choose_device(settings.device)
    _compile_loops(best, settings.loss, device)
    batch_size = settings.batch_size or (4 if model.settings.ndim == 2 else 2)
    smallest = smallest_size(images, model.clustering.min_size)
    best.clustering = best.clustering.updated(min_size=smallest)
    average = copy.deepcopy(best)
    # Both in the same memory layout: averaging is ten times slower otherwise.
    for parameter in average.network.to(device).parameters():
        if parameter.dim() == model.settings.ndim + 2:
            parameter.data = channels_last(parameter.data)
    weights = FlatWeights(copy.deepcopy(average.network).train())
    whole = any(i.n_objects and not i.scribbled for i in chosen)
    choice = Choice(held_out, sum(i.n_objects for i in chosen), whole)
    protected = model.history and settings.validation_share and not choice.enough
    rate = settings.learning_rate or (FINETUNING_RATE if model.history else LEARNING_RATE)
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
        choice=choice,
        validation=chosen,
        best=best,
        average=average,
        weights=weights,
        average_weights=FlatWeights(average.network),
        gradients=Gradients(
            weights,
            device,
            best.settings,
            settings.loss,
            mixed_precision=settings.mixed_precision,
        ),
        optimizer=weights.optimizer(rate, settings.weight_decay),
        learning_rate=rate,
        device=device,
        batch_size=batch_size,
        crop=crop_shape(model.settings, settings),
        epoch_steps=max(1.0, sum(i.n_objects for i in images) / batch_size),
        learned=bool(model.history),
        places=places,
        start=FlatWeights(copy.deepcopy(average.network)) if protected else None,
        completed=completed,
        clock=clock,
    )


def _compile_loops(model: SpatialEmbeddings, loss: LossSettings, device: torch.device) -> None:
    """Compile the loops now, which takes up to half a minute in a new installation.

    Neither the budget, nor the speed, nor the cost of a validation should contain that.
    """
    settings = model.settings
    size = (8,) * settings.ndim
    labels = np.ones((1, *size), np.int32)
    cluster(ideal_maps(labels[0]))
    if device.type != "cpu":
        return
    target = targets(labels, None, None, loss.centre, settings.spacing)
    parts = settings.ndim, settings.sigma_components, len(settings.classes)
    offsets, log_sigma, seed = (torch.zeros(1, n, *size) for n in parts)
    spatial_embedding_loss(offsets, log_sigma, seed, target, settings, loss)
    pixels = np.zeros((settings.in_channels, *size), np.float32)
    for _ in model.predicting_normalised(pixels, PredictionSettings(device="cpu")):
        pass


def _rule(
    images: list[TrainingImage], settings: TrainingSettings, places: Places | None
) -> HeldOut:
    drawn = sum(image.n_drawn for image in images)
    both = [] if places is None else [unseen_objects(image, places) for image in images]
    unseen, before = (sum(int(pair[k].sum()) for pair in both) for k in (0, 1))
    classes = Counter(k for image in images for k in image.classes[1:].tolist())
    share = settings.validation_share
    return held_out_of(len(images), drawn, unseen - before, before, classes.values(), share)


def images_aside(
    images: list[TrainingImage], settings: TrainingSettings, places: Places | None
) -> list[int]:
    """Return which images are held out: none that the start model has learned from."""
    rng = np.random.default_rng(settings.seed)
    n = max(1, round(settings.validation_share * len(images)))
    new: list[int] = []
    before: list[int] = []
    for i in rng.permutation(len(images)).tolist():
        unseen, again = unseen_objects(images[i], places or Places())
        if unseen.sum() == images[i].n_drawn:
            (before if again.any() else new).append(i)
    most = int(max(NEW_SHARE, settings.validation_share) * len(new))
    return sorted([*new[:most], *before][:n])


def own_diameter(images: list[TrainingImage], model: SpatialEmbeddings) -> float | None:
    """Return the typical diameter of the annotated objects, for a trained model.

    Without training, or if there are only scribbles, which do not show how large their objects are,
    it is the model's own.
    """
    whole = [i for i in images if i.n_objects and not i.scribbled]
    if not model.history or not whole:
        return model.image_diameter
    labels, own = [i.labels for i in whole], [i.spacing for i in whole]
    return round(typical_diameter(labels, model.settings.spacing, own), 2)


def normalised(images: list[TrainingImage], settings: ModelSettings) -> list[TrainingImage]:
    """Return training images with intensities normalised as those of the whole images."""
    scales: dict[int, Scale] = {}
    out = []
    for source in images:
        whole = source.image if source.whole is None else source.whole
        if id(whole) not in scales:  # parts of an image, and frames of a series, share it
            scales[id(whole)] = normalisation(whole, settings)
        image = normalise(source.image, scales[id(whole)])
        out.append(replace(source, image=image, whole=None))
    return out


def crop_shape(model: ModelSettings, settings: TrainingSettings) -> tuple[int, ...]:
    """Return the small crops' shape: if not set, a few typical diameters, within limits.

    For large objects, more and smaller crops train faster in the same time.
    """
    edge = settings.crop_size
    if edge is None:
        low, high, factor = (64, 96, 3.75) if model.ndim == 2 else (32, 64, 2.5)
        edge = int(np.clip(factor * model.working_diameter, low, high))
    return rounded([edge / unit for unit in model.spacing], model)
