"""Generated images with instances: capsules, which are discs, rods and balls in one."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.spatial import cKDTree

from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.maps import EmbeddingMaps, coordinates
from napari_spatial_embeddings.core.network import BranchedNet
from napari_spatial_embeddings.training.annotation import TrainingImage


def capsules(
    shape: tuple[int, ...],
    seed: int = 0,
    *,
    count: int = 8,
    radius: float = 5.0,
    length: float = 0.0,
    spacing: tuple[float, ...] | None = None,
) -> NDArray[np.int32]:
    """Return labels (*S) of up to ``count`` capsules that keep two pixels apart.

    A capsule is what lies within ``radius`` of a segment of ``length``, both in pixels of the
    finest axis: a disc or a ball where the segment is a point, a rod otherwise.
    """
    return _capsules(shape, seed, count, radius, length, spacing).copy()


@lru_cache(256)
def _capsules(
    shape: tuple[int, ...],
    seed: int,
    count: int,
    radius: float,
    length: float,
    spacing: tuple[float, ...] | None,
) -> NDArray[np.int32]:
    rng = np.random.default_rng(seed)
    x = coordinates(shape, spacing or (1.0,) * len(shape)).astype(float)
    corner: tuple[slice | int, ...] = (slice(None), *[-1] * len(shape))
    extent = x[corner]
    every = np.zeros(shape, np.int32)
    unit = np.array(spacing or (1.0,) * len(shape))
    reach = length / 2 + 1.2 * radius + 3  # beyond that, nothing of a capsule is looked at
    placed = 0
    for _ in range(10 * count):
        middle = rng.uniform(0, extent)
        along = rng.normal(size=len(shape))
        along /= np.linalg.norm(along)
        low = np.maximum(0, np.floor((middle - reach) / unit)).astype(int)
        high = np.ceil((middle + reach) / unit).astype(int) + 1
        near = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        labels = every[near]
        away = x[:, *near] - middle.reshape(-1, *[1] * len(shape))
        t = np.tensordot(along, away, 1).clip(-length / 2, length / 2)
        far = np.sqrt(((away - np.multiply.outer(along, t)) ** 2).sum(0))
        r = radius * rng.uniform(0.8, 1.2)
        if (far <= r).any() and not labels[far <= r + 2].any():
            placed += 1
            labels[far <= r] = placed
        if placed == count:
            break
    return every


def picture(labels: NDArray[np.int32], seed: int = 0, channels: int = 1) -> NDArray[np.float32]:
    """Return a blurred, noisy image (C, *S) of labels, as a microscope might give it."""
    rng = np.random.default_rng(seed)
    bright = ndi.gaussian_filter((labels > 0).astype(np.float32), 0.7)
    return np.stack([bright + rng.normal(0, 0.05, labels.shape) for _ in range(channels)]).astype(
        np.float32
    )


def training_image(labels: NDArray[np.int32], seed: int = 0, channels: int = 1) -> TrainingImage:
    """Return completely annotated labels with their picture."""
    classes = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    return TrainingImage(f"image {seed}", picture(labels, seed, channels), labels, classes)


def network(settings: ModelSettings, seed: int = 0) -> BranchedNet:
    """Return an untrained network whose maps nevertheless differ from pixel to pixel."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = BranchedNet(settings)
        for decoder in (net.instance, net.seed):
            torch.nn.init.normal_(decoder.out.weight, std=0.05)  # type: ignore[arg-type]
    return net.eval()


def random_maps(
    shape: tuple[int, ...],
    rng: np.random.Generator,
    *,
    sigma_components: int = 1,
    classes: int = 1,
    spacing: tuple[float, ...] | None = None,
    ties: bool = False,
) -> EmbeddingMaps:
    """Return maps that look like an unsure network's: crowded, overlapping, frayed.

    All values are multiples of 1/64, so that moving maps about is exact in float32.
    """
    spacing = spacing or (1.0,) * len(shape)
    x = coordinates(shape, spacing)
    n = max(1, math.prod(shape) // 60)
    centres = rng.uniform(0, np.array(shape) * spacing, (n, len(shape)))
    far, nearest = cKDTree(centres).query(np.moveaxis(x, 0, -1))
    offsets = np.moveaxis(centres[nearest], -1, 0) - x
    offsets = np.round(64 * (offsets + rng.normal(0, 1, offsets.shape))) / 64
    sigma = np.exp(rng.normal(0.5, 0.4, (sigma_components, *shape)))
    sigma = np.maximum(1, np.round(64 * sigma)) / 64
    seed = np.exp(-far / 8) * rng.uniform(0.6, 1, (classes, *shape))
    seed = np.round(seed * 8) / 8 if ties else seed
    return EmbeddingMaps(
        offsets.astype(np.float32), sigma.astype(np.float32), seed.astype(np.float32), spacing
    )
