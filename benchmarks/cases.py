"""Maps and batches for the benchmarks: generated, seeded, like a trained network's output."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.samples import capsules


def tissue(tiles: int, seed: int = 0) -> NDArray[np.int32]:
    """Nuclei of many sizes: ``tiles`` x ``tiles`` copies of 512 x 512 pixels with 126 objects."""
    rng = np.random.default_rng(seed)
    return tiled(capsules(rng, (512, 512), 126, (9, 18), (0, 20)), (tiles, tiles))


def embryo(seed: int = 0) -> NDArray[np.int32]:
    """A volume of 200 nuclei with about 370,000 foreground voxels."""
    rng = np.random.default_rng(seed)
    return tiled(capsules(rng, (64, 128, 128), 50, (7, 10), (0, 8)), (1, 2, 2))


def tiled(labels: NDArray[np.int32], times: tuple[int, ...]) -> NDArray[np.int32]:
    """Repeat a label image along its axes, every copy with ids of its own."""
    count = int(labels.max())
    copies = np.arange(int(np.prod(times)), dtype=np.int32).reshape(times)
    shift = np.kron(copies, np.ones(labels.shape, np.int32))
    whole = np.tile(labels, times)
    out: NDArray[np.int32] = np.where(whole > 0, whole + shift * count, 0).astype(np.int32)
    return out


def learned_maps(labels: NDArray[np.int32], sigma: float = 4.0, seed: int = 0) -> EmbeddingMaps:
    """Maps as a trained network gives them: embeddings scatter, seeds fall towards borders."""
    rng = np.random.default_rng(seed)
    ideal = ideal_maps(labels)
    error = rng.normal(0, 1.0, ideal.offsets.shape).astype(np.float32)
    depth = ndi.distance_transform_edt(
        (labels > 0) & (ndi.grey_erosion(labels, 3) == ndi.grey_dilation(labels, 3))
    )
    confidence = 1 - 0.6 * np.exp(-depth / 2)
    phi = np.exp(-0.5 * (error**2).sum(0) / sigma**2)
    noise = rng.normal(0, 0.01, labels.shape)
    value = np.where(labels > 0, confidence * phi, 0.02) + noise
    spread = np.exp(rng.normal(0, 0.05, ideal.offsets.shape)).astype(np.float32)
    return EmbeddingMaps(
        ideal.offsets + error,
        sigma * spread,
        value.clip(0, 1).astype(np.float32)[None],
        ideal.spacing,
    )


def crowded_crops(count: int, size: int = 256, crops: int = 4, seed: int = 0) -> NDArray[np.int32]:
    """Label crops (crops, size, size) with ``count`` objects each."""
    rng = np.random.default_rng(seed)
    radius = (5, 9) if count > 60 else (7, 12)
    return np.stack([capsules(rng, (size, size), count, radius) for _ in range(crops)])
