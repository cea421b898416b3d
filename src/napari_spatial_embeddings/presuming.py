"""What nobody annotated but a model that has learned already is sure of: that it is background.

A few strokes hardly tell where objects end. The model that a training starts from often knows, and
would forget it if these pixels were left out of the loss. How sure is sure enough is measured on
the drawn objects: nearly all of their pixels must look less like background than what is presumed.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ._pieces import Pieces
from .annotations import TrainingImage, surroundings
from .config import PredictionSettings
from .maps import IGNORE
from .model import SpatialEmbeddings

MISTAKEN = 2.0
"""Percentage of the drawn objects' pixels that may look as much like background as is presumed."""

SURE = 0.3
"""Seed value above which nothing is presumed to be background."""

MOST = 4_000_000
"""Pixels of all images that are predicted to learn more of them; what lies beyond stays unknown."""


def presuming(
    model: SpatialEmbeddings, images: list[TrainingImage], around: tuple[int, ...], device: str
) -> Pieces[list[NDArray[np.bool_]]]:
    """Return, by pieces, where each image is presumed to be background.

    Parameters
    ----------
    model : SpatialEmbeddings
        What the training starts from.
    images : list of TrainingImage
        Normalised, on the grid that the model works at.
    around : tuple of D ints, pixels
        How far from what is annotated training looks.
    device : str

    Returns
    -------
    list of bool (*S)
        Unknown pixels only; nowhere in images without unknown pixels or without objects.
    """
    plain = copy.copy(model)
    plain.image_diameter = None  # the images are on the model's grid already
    settings = PredictionSettings(device=device)
    out, left = [], MOST
    for image in images:
        found = np.zeros(image.labels.shape, bool)
        window = surroundings(image, around)
        labels = image.labels[window]
        if image.n_objects and (labels == IGNORE).any() and labels.size <= left:
            left -= labels.size
            pixels = np.asarray(image.image[(slice(None), *window)], np.float32)
            for step in plain.predicting_normalised(pixels, settings):  # noqa: B007
                yield
            seed = np.asarray(step.maps.seed).max(0)
            limit = min(SURE, float(np.percentile(seed[labels > 0], MISTAKEN)))
            found[window] = (labels == IGNORE) & (seed < limit)
        out.append(found)
    return out


def with_background(image: TrainingImage, where: NDArray[np.bool_]) -> TrainingImage:
    """Return an image whose unknown pixels are background in some places."""
    where = where & (image.labels == IGNORE)
    return replace(image, labels=np.where(where, np.int32(0), image.labels))
