"""Generated volumes of nuclei: many shapes, densities and looks, in thin and in thick slices.

Lengths are in pixels of the finest axis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.training.annotation import TrainingImage, annotate

from .ellipsoids import Grid, Image, Labels, nuclei, seams

DIAMETERS = (6.5, 26.0)
"""Smallest and largest typical diameter of a volume's nuclei."""

EDGE = (48, 80)
"""Shortest and longest edge of a volume: five nuclei, within these."""

SLICES = (1.0, 1.0, 1.0, 1.5, 2.0, 2.5, 3.5)
"""Distances from slice to slice."""


def volume(seed: int) -> TrainingImage:
    """Return a generated volume, all annotated."""
    rng = np.random.default_rng([22, seed])
    diameter = float(np.exp(rng.uniform(*np.log(DIAMETERS))))
    thickness = min(float(rng.choice(SLICES)), max(1.0, diameter / 4))
    edge = int(np.clip(5 * diameter, *EDGE))
    grid = Grid((round(edge / thickness), edge, edge), (thickness, 1.0, 1.0))
    labels, depth = nuclei(rng, grid, diameter)
    light = _haze(rng, grid, _stained(rng, grid, labels, depth, diameter), diameter)
    pixels = _recorded(rng, grid, light, diameter)
    return annotate(pixels[None], labels, name=f"generated {seed}", spacing=grid.spacing)


def _stained(
    rng: np.random.Generator, grid: Grid, labels: Labels, depth: Image, diameter: float
) -> Image:
    """Return the light of nuclei: even, domed, with bright rims, grain, spots or dark nucleoli."""
    last = int(labels.max())
    level = np.exp(rng.normal(0, rng.uniform(0.05, 0.7), last + 1)).clip(0.25, 4)
    level[0] = 0
    width = rng.uniform(0.05, 0.2) * diameter
    out = level.astype(np.float32)[labels]
    look = rng.choice(["even", "domed", "rim"], p=[0.35, 0.4, 0.25])
    if look == "domed":
        out *= 1 - np.exp(-(depth + 0.3) / width)
    elif look == "rim":
        inside = rng.uniform(0.15, 0.7)
        out *= inside + (1 - inside) * np.exp(-depth / width)
    out *= 1 + rng.uniform(0, 0.6) * grid.noise(rng, rng.uniform(0.06, 0.3) * diameter)
    if rng.random() < 0.25:
        spots = grid.noise(rng, rng.uniform(0.06, 0.12) * diameter) - rng.uniform(1.2, 2.0)
        out *= 1 + rng.uniform(0.5, 2.5) * spots.clip(0)
    if rng.random() < 0.3:
        hole = (grid.noise(rng, rng.uniform(0.12, 0.2) * diameter) > 1.2) & (depth > width)
        out[hole] *= rng.uniform(0.2, 0.7)
    if rng.random() < 0.5:
        out[seams(labels)] *= rng.uniform(0.2, 0.9)
    return out.clip(0)


def _haze(rng: np.random.Generator, grid: Grid, light: Image, diameter: float) -> Image:
    """Add the light of what is no nucleus, and let what lies deeper be dimmer."""
    glow = rng.uniform(0, 0.5) if rng.random() < 0.6 else 0.0
    out = light + glow * grid.blurred(light, rng.uniform(0.3, 0.8) * diameter, 2.0)
    level = rng.uniform(0, 0.3) if rng.random() < 0.65 else rng.uniform(0.3, 1.2)
    uneven = rng.uniform(0.1, 0.4)  # of a bright haze, the changes would look like nuclei else
    out += level * (0.7 + uneven * grid.noise(rng, rng.uniform(0.8, 3) * diameter)).clip(0)
    cloudy = rng.uniform(0, 0.3) * rng.integers(2)
    out += cloudy * (grid.noise(rng, rng.uniform(0.2, 0.6) * diameter) - 0.5).clip(0)
    deep = np.linspace(0, 1, grid.shape[0])[:: rng.choice([-1, 1])]
    out *= np.exp(-rng.uniform(0, 1.2) * deep)[:, None, None]
    for _ in range(rng.poisson(2) * rng.integers(2)):  # specks, and now and then a large one
        radius = diameter * (rng.uniform(0.05, 0.15) if rng.random() < 0.8 else 0.4)
        at = rng.uniform(0, grid.extent)
        axes = [np.arange(n) * s - a for n, s, a in zip(grid.shape, grid.spacing, at, strict=True)]
        far = sum(a**2 for a in np.ix_(*axes))
        out[far < radius**2] += rng.uniform(1.0, 6.0)
    if rng.random() < 0.15:
        out[_streak(rng, grid, diameter)] += rng.uniform(1.0, 8.0)
    return out.astype(np.float32)


def _streak(rng: np.random.Generator, grid: Grid, diameter: float) -> NDArray[np.bool_]:
    """Return where a straight thread or vessel is, which crosses the volume."""
    through, way = rng.uniform(0, grid.extent), rng.normal(size=3)
    way /= np.linalg.norm(way)
    axes = [np.arange(n) * s - a for n, s, a in zip(grid.shape, grid.spacing, through, strict=True)]
    along = sum(a * w for a, w in zip(np.ix_(*axes), way, strict=True))
    far = sum(a**2 for a in np.ix_(*axes)) - along**2
    return np.asarray(far < (rng.uniform(0.05, 0.25) * diameter) ** 2)


def _recorded(rng: np.random.Generator, grid: Grid, light: Image, diameter: float) -> Image:
    """Return what a microscope records: blurred, along the first axis most, with shot noise."""
    width = min(rng.uniform(0.3, 2.0), diameter / 7)
    seen = grid.blurred(light, width, rng.uniform(1.0, 3.5)) + rng.uniform(0.005, 0.1)
    photons = np.exp(rng.uniform(np.log(max(2.5, 45 / diameter)), np.log(400)))
    noisy = rng.poisson(seen * photons) / photons
    noisy += rng.normal(0, rng.uniform(0, 0.06), grid.shape)
    if rng.random() < 0.3:  # as when an image was denoised, or brought to another size
        noisy = grid.blurred(noisy.astype(np.float32), rng.uniform(0.4, 0.9))
    if rng.random() < 0.15:  # as where a detector is saturated
        noisy = np.minimum(noisy, np.quantile(seen, rng.uniform(0.9, 0.99)))
    return (1000 * noisy).astype(np.float32)
