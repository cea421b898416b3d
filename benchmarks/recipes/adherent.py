"""Generated cells that spread on a dish, as phase contrast shows them: spindles, stars, round ones.

Flat cells are about as bright as the field they lie in; what shows is their rim, their grain and a
halo that comes and goes. Debris and floating dirt lie between them, and are no cells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.draw import disk
from skimage.segmentation import find_boundaries

Image = NDArray[np.float64]
Labels = NDArray[np.int32]

MARGIN = 40
"""Pixels around the image in which cells may lie that reach into it."""


def cells(rng: np.random.Generator, size: int) -> Labels:
    """Return bodies with tapering arms; where they would overlap, the first stays whole."""
    wide = size + 2 * MARGIN
    labels = np.zeros((wide, wide), np.int32)
    scale, long = rng.uniform(0.7, 1.6), rng.uniform(0.4, 1.6)
    crowd = rng.uniform(0.1, 0.9)
    places = rng.uniform(0, wide, (4, 2))
    count = int(rng.uniform(30, 110) / scale**2)
    for k in range(1, count + 1):
        if rng.random() < crowd:
            at = places[rng.integers(len(places))] + rng.normal(0, 35 * scale, 2)
        else:
            at = rng.uniform(0, wide, 2)
        own = _cell(rng, at, scale, long, labels.shape) & (labels == 0)
        pieces, n = ndi.label(own)
        sizes = np.bincount(pieces.ravel())[1:]
        # What an earlier cell leaves of a later one counts only if it is most of it.
        if n and sizes.max() >= max(40, 0.7 * own.sum()):
            labels[pieces == 1 + sizes.argmax()] = k
    inner = labels[MARGIN:-MARGIN, MARGIN:-MARGIN]
    for k, box in enumerate(ndi.find_objects(inner), 1):
        if box is not None and (inner[box] == k).sum() < 40:
            inner[box][inner[box] == k] = 0
    return np.ascontiguousarray(inner)


def _cell(
    rng: np.random.Generator,
    at: NDArray[np.float64],
    scale: float,
    long: float,
    shape: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Return one cell's mask: round now and then, else a body with one to five arms."""
    out = np.zeros(shape, bool)
    radius = scale * rng.uniform(3.5, 7.0)
    if rng.random() < 0.12:
        out[disk(at, 1.5 * radius, shape=shape)] = True
        return out
    arms = int(rng.choice([1, 2, 2, 2, 3, 3, 4, 5]))
    first = rng.uniform(0, 2 * np.pi)
    for arm in range(arms):
        angle = first + 2 * np.pi * arm / arms + rng.normal(0, 0.35)
        length = radius * rng.uniform(1.5, 7.0) * long * (1.3 if arms <= 2 else 0.8)
        bend = rng.normal(0, 0.015)
        taper = rng.uniform(0.6, 1.6)
        thin = rng.uniform(0.8, 1.6)
        position, here = at.copy(), angle
        for step in np.arange(0, length, 1.0):
            width = thin + (radius - thin) * (1 - step / length) ** (1 / taper)
            out[disk(position, width, shape=shape)] = True
            here += bend + rng.normal(0, 0.03)
            position += (np.sin(here), np.cos(here))
    return ndi.gaussian_filter(out.astype(float), 0.8) > 0.5


def phase_contrast(rng: np.random.Generator, labels: Labels) -> Image:
    """Return a look of these cells, before blur and camera noise."""
    shape, n = labels.shape, int(labels.max())
    mask = labels > 0
    soft = ndi.gaussian_filter(mask.astype(float), 0.7)
    out = 0.12 * rng.random() * _texture(rng, shape, 50) + 0.03 * _texture(rng, shape, 1.5)
    # How thick a cell is shows in its brightness: flat ones hardly differ from the field.
    flat = np.append(0.0, rng.normal(rng.uniform(-0.3, 0.15), 0.15, n))
    out += ndi.gaussian_filter(flat[labels], 1.0)
    grain = _texture(rng, shape, rng.uniform(0.7, 1.4)) * (0.5 + _texture(rng, shape, 6).clip(0))
    out += rng.uniform(0.1, 0.4) * grain * soft
    spots = np.clip(_texture(rng, shape, rng.uniform(0.9, 1.5)) - 1.6, 0, None)
    out -= rng.uniform(0.0, 1.0) * spots * soft
    strength = np.append(0.0, rng.uniform(0, 1, n) ** 2)
    near = ndi.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    patchy = (0.6 + 0.6 * _texture(rng, shape, 5)).clip(0) * strength[labels[tuple(near)]]
    halo = ndi.gaussian_filter(soft, rng.uniform(1.0, 2.5)) * (1 - soft)
    out += rng.uniform(1.0, 5.0) * halo * patchy
    seams = find_boundaries(labels, mode="inner").astype(float)
    rim = ndi.gaussian_filter(seams, 0.6) * (0.5 + 0.5 * _texture(rng, shape, 4))
    out += rng.uniform(-1.2, 0.8) * rim
    inside = ndi.gaussian_filter(seams, 1.5) * soft * patchy
    out += rng.uniform(0, 2.5) * inside
    return out + _debris(rng, shape)


def _debris(rng: np.random.Generator, shape: tuple[int, ...]) -> Image:
    """Specks, dark or bright or ringed, and a few floating drops that shine."""
    out = np.zeros(shape)
    for _ in range(int(rng.uniform(0, 80))):
        at = tuple(rng.integers(0, shape))
        out[at] += rng.normal(0, 8)
    out = ndi.gaussian_filter(out, rng.uniform(0.7, 1.3))
    out -= rng.uniform(0, 0.8) * ndi.gaussian_filter(out, 2.0)
    rows, columns = np.indices(shape)
    for _ in range(rng.poisson(1.5)):
        at, radius = rng.uniform(0, shape), rng.uniform(1.5, 4.5)
        far = np.hypot(rows - at[0], columns - at[1])
        out += 2.5 * np.exp(-((far / radius) ** 2))
        out -= 1.5 * np.exp(-(((far - 2 * radius) / 1.2) ** 2))
    return out


def _texture(rng: np.random.Generator, shape: tuple[int, ...], width: float) -> Image:
    """Smooth noise of standard deviation 1."""
    out = ndi.gaussian_filter(rng.normal(size=shape), width, mode="wrap")
    return np.asarray(out / out.std())
