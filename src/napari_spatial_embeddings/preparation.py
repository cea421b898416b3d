"""What a training is set up with: who validates, the objects' size, the crops."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from .annotations import TrainingImage, typical_diameter
from .config import ModelSettings, TrainingSettings
from .data import normalisation, normalise
from .model import SpatialEmbeddings
from .network import multiple

HOLD_OUT_FROM = 8
"""Number of images from which some are kept aside for validation."""


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
        edge = int(np.clip(factor * model.object_diameter, low, high))
    return rounded([edge / unit for unit in model.spacing], model)


def rounded(shape: list[float], model: ModelSettings) -> tuple[int, ...]:
    """Return edges, in pixels, that the network can halve as often as it has to."""
    return tuple(
        max(1, math.ceil(n / step - 0.25)) * step
        for n, step in zip(shape, multiple(model), strict=True)
    )
