"""NumPy reference of the clustering by napari-spatial-embeddings (BSD-3-Clause): maps to objects.

Plain rather than fast; it needs NumPy alone. The settings are ``clustering`` in model.json:

    labels, classes = instances(offsets, sigma, seed, spacing, **settings)
"""

import math

import numpy as np
import numpy.typing as npt


def normalised(image: npt.NDArray[np.generic], low: float, high: float) -> npt.NDArray[np.float32]:
    """Map two percentiles of each channel of an image (C, *S) to 0 and 1, and cut at -4 and 4."""
    flat = image.reshape(len(image), -1).astype(np.float64)
    bottom, top = np.percentile(flat, (low, high), axis=1)
    flat = np.clip((flat - bottom[:, None]) / np.maximum(top - bottom, 1e-12)[:, None], -4, 4)
    return np.asarray(flat.reshape(image.shape), np.float32)


def instances(
    offsets: npt.NDArray[np.float32],
    sigma: npt.NDArray[np.float32],
    seed: npt.NDArray[np.float32],
    spacing: tuple[float, ...],
    seed_threshold: float = 0.8,
    foreground_threshold: float = 0.4,
    margin_factor: float = 1.0,
    min_size: int = 12,
    min_free_fraction: float = 0.5,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return labels (*S), 0 is background, and the class of each: that of label k is at k - 1.

    Offsets (D, *S) and sigma (1 or D, *S) are in pixels of the finest axis; seed is (C, *S). The
    free pixel of highest seed proposes what points to within its margin, phi > 1/2: an object if
    enough of that is still free.
    """
    ndim, shape, best = len(offsets), offsets.shape[1:], seed.max(0).ravel()
    pixels = np.flatnonzero(best > np.float32(foreground_threshold))
    at = np.stack(np.unravel_index(pixels, shape)).astype(np.float32)
    points = at * np.array(spacing, np.float32)[:, None] + offsets.reshape(ndim, -1)[:, pixels]
    width = np.broadcast_to(sigma, (ndim, *shape)).reshape(ndim, -1)[:, pixels]
    free, classes = np.ones(len(pixels), bool), list[int]()
    labels = np.zeros(math.prod(shape), np.int32)
    for k in np.argsort(-best[pixels], kind="stable"):
        if not free[k] or best[pixels[k]] < np.float32(seed_threshold):
            continue
        with np.errstate(all="ignore"):  # what is not a number belongs to nothing
            inverse = np.float32(1) / (width[:, k] * np.float32(margin_factor))
            squared = ((points - points[:, k, None]) * inverse[:, None]) ** 2
        near = sum(squared[1:], squared[0]) < np.float32(2 * math.log(2))
        new = near & free
        if new.sum() >= min_size and new.sum() > min_free_fraction * near.sum():
            classes.append(int(seed.reshape(len(seed), -1)[:, pixels[k]].argmax()))
            labels[pixels[new]] = len(classes)
        free &= ~near
        free[k] = False
    return labels.reshape(shape), np.array(classes, np.int64)
