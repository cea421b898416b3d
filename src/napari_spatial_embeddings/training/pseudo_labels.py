"""Pseudo-labels: confident predictions of the start model where nothing is annotated.

*Completion*: a scribble does not show where its object ends. The start model can often predict it:
the embeddings of the scribble's pixels give a centre and a bandwidth, and unknown pixels within
that margin are added to the object, as in clustering. The training then sees whole objects, roughly
outlined, which also show their size.

*Pseudo-background*: unannotated pixels that the start model confidently predicts as background. A
few objects hardly show where objects end; the start model often knows, and would forget it if these
pixels were left out of the loss. The confidence limit is measured on the annotated objects: nearly
all of their pixels must look less like background than what becomes pseudo-background.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.core.maps import IGNORE, EmbeddingMaps, squared_distance
from napari_spatial_embeddings.core.object_size import ring
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.normalisation import normalisation
from napari_spatial_embeddings.system.cancellation import Cancellable

from .annotation import TrainingImage, surroundings

OBJECT_PERCENTILE = 2.0
"""Percentile of the annotated objects' seed values that pseudo-background stays below."""

MAX_BACKGROUND_SEED = 0.3
"""Highest seed value of pseudo-background."""

MAX_BACKGROUND_MEMBERSHIP = 0.2
"""Membership below which a pixel beside a completed object becomes background."""

MAX_PIXELS = 4_000_000
"""Pixels, summed over the images, that are predicted; images beyond get no pseudo-labels."""

REACH_DIAMETERS = 4.0
"""Distance from annotated pixels up to which the model predicts, in typical diameters."""


def complete_scribbles(
    model: SpatialEmbeddings, images: list[TrainingImage], diameter: float | None, device: str
) -> Cancellable[list[TrainingImage]]:
    """Return, by pieces, the images with whole objects in place of scribbles.

    Parameters
    ----------
    model : SpatialEmbeddings
        The start model.
    images : list of TrainingImage
        Of any scale. Those whose labels are whole objects are returned as they are.
    diameter : float, optional
        Typical diameter of the objects, in pixels of the images' finest axis; the model's own if
        not given.
    device : str
    """
    settings = PredictionSettings(device=device, object_diameter=diameter)
    reach = REACH_DIAMETERS * (diameter or model.image_diameter or model.settings.working_diameter)
    out, left = [], MAX_PIXELS
    for image in images:
        spacing = image.spacing or model.settings.spacing
        window = surroundings(image, tuple(int(reach / unit) for unit in spacing))
        pixels = image.labels[window].size
        if image.scribbled and image.n_objects and pixels <= left:
            left -= pixels
            scale = None if image.whole is None else normalisation(image.whole, model.settings)
            steps = model.predicting(
                image.image, settings, window, spacing=image.spacing, scale=scale
            )
            for step in steps:  # noqa: B007 - the last one's maps are complete
                yield
            image = complete_image(image, step.maps)
        out.append(image)
    return out


def complete_image(image: TrainingImage, maps: EmbeddingMaps) -> TrainingImage:
    """Return an image with whole objects in place of scribbles, by the maps of the image.

    For the scribble S_k, in pixels: C_k is the mean of its embeddings, sigma_k the geometric mean
    of its sigmas, and an unknown pixel joins the object of the largest phi_k (Neven et al. 2019,
    eq. 5) if that is above 1/2 and the object is connected. In a ring around the objects, pixels of
    low membership become background.
    """
    scribbles = image.labels
    owner, best = _owners(scribbles, maps)
    labels = np.where((scribbles == IGNORE) & (best > 0.5), owner, scribbles)
    for k, box in enumerate(ndi.find_objects(np.maximum(labels, 0)), 1):
        if box is not None:
            parts, _ = ndi.label(labels[box] == k)
            loose = (parts > 0) & ~np.isin(parts, parts[scribbles[box] == k])
            labels[box][loose] = IGNORE
    outside = ring(labels, image.spacing or maps.spacing) & (best < MAX_BACKGROUND_MEMBERSHIP)
    labels[(labels == IGNORE) & outside] = 0
    return replace(image, labels=labels, scribbled=False)


def _owners(
    scribbles: NDArray[np.int32], maps: EmbeddingMaps
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the label of the scribble of highest membership at each pixel, and the membership."""
    owner, best = np.zeros(scribbles.shape, np.int32), np.zeros(scribbles.shape, np.float32)
    reach = np.array([np.abs(line).max() for line in maps.offsets])
    for k, box in enumerate(ndi.find_objects(np.maximum(scribbles, 0)), 1):
        if box is not None:
            pixels = np.argwhere(scribbles[box] == k) + [part.start for part in box]
            centre = maps.embeddings_at(pixels).mean(0)
            sigma = np.exp(np.log(maps.sigma[(slice(None), *pixels.T)]).mean(1))
            sigma = np.broadcast_to(sigma, centre.shape)
            # Beyond two sigma, phi is below both limits.
            near = maps.box_around(centre, reach + 2 * sigma)
            e = np.moveaxis(maps.embeddings(near), 0, -1)
            phi = np.exp(-squared_distance(e, centre, sigma) / 2)
            more = phi > best[near]
            best[near][more] = phi[more]
            owner[near][more] = k
    return owner, best


def find_pseudo_background(
    model: SpatialEmbeddings, images: list[TrainingImage], around: tuple[int, ...], device: str
) -> Cancellable[list[NDArray[np.bool_]]]:
    """Return, by pieces, the pseudo-background of each image.

    Parameters
    ----------
    model : SpatialEmbeddings
        The start model.
    images : list of TrainingImage
        Normalised, on the model's grid.
    around : tuple of D ints, pixels
        Distance from annotated pixels up to which the training sees pixels.
    device : str

    Returns
    -------
    list of bool (*S)
        Only unknown pixels, and only in images with objects.
    """
    plain = copy.copy(model)
    plain.image_diameter = None  # the images are on the model's grid already
    settings = PredictionSettings(device=device)
    out, left = [], MAX_PIXELS
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
            limit = min(
                MAX_BACKGROUND_SEED, float(np.percentile(seed[labels > 0], OBJECT_PERCENTILE))
            )
            found[window] = (labels == IGNORE) & (seed < limit)
        out.append(found)
    return out


def with_background(image: TrainingImage, where: NDArray[np.bool_]) -> TrainingImage:
    """Return an image whose unknown pixels within a mask are background."""
    where = where & (image.labels == IGNORE)
    return replace(image, labels=np.where(where, np.int32(0), image.labels))
