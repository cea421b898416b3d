"""Augmentation of crops: rotation, flip, scale, elastic deformation, intensity, noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.core.maps import Float


def random_transform(
    rng: np.random.Generator,
    ndim: int,
    spacing: NDArray[np.float64],
    zooms: tuple[float, float],
) -> NDArray[np.float64]:
    """Draw a rotation, flip and scale, in physical space; in volumes about the first axis.

    The matrix maps crop coordinates to image coordinates: smaller steps magnify.
    """
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.5 else np.pi / 2 * rng.integers(4)
    rotation = np.eye(ndim)
    rotation[-2:, -2:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    if ndim == 3 and np.ptp(spacing) < 0.1 and rng.random() < 0.5:
        rotation = rotation[rng.permutation(3)]
    flips = rng.choice([-1.0, 1.0], ndim)
    zoom = np.exp(rng.uniform(*np.log(zooms)) + rng.uniform(-0.1, 0.1, ndim))
    physical = rotation @ np.diag(flips / zoom)
    return np.asarray(physical * spacing[None, :] / spacing[:, None])


def elastic_deformation(
    rng: np.random.Generator, crop: tuple[int, ...], spacing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Draw a smooth displacement of a few pixels, (D, *crop)."""
    coarse = [max(2, round(n * s / 24)) for n, s in zip(crop, spacing, strict=True)]
    out = np.empty((len(crop), *crop))
    for axis in range(len(crop)):
        grid = rng.normal(0, rng.uniform(0.5, 2.0) / spacing[axis], coarse)
        zoom = [n / c for n, c in zip(crop, coarse, strict=True)]
        out[axis] = ndi.zoom(grid, zoom, order=1, grid_mode=True, mode="nearest")
    return out


def vary_intensity(rng: np.random.Generator, image: Float) -> Float:
    """Apply random gamma, contrast, brightness, blur and noise."""
    if rng.random() < 0.5:
        power = np.float32(np.exp(rng.uniform(-0.5, 0.5)))
        image = np.sign(image) * np.abs(image) ** power
    gain = np.exp(rng.uniform(-0.4, 0.4, (len(image), *[1] * (image.ndim - 1))))
    image = (image * gain + rng.normal(0, 0.1)).astype(np.float32)
    if rng.random() < 0.2:
        image = ndi.gaussian_filter(image, rng.uniform(0.3, 1.2), axes=range(1, image.ndim))
    if rng.random() < 0.4:
        image = image + rng.normal(0, rng.uniform(0.01, 0.12), image.shape).astype(np.float32)
    return image
