"""Generated cells of many shapes and looks, for a model that is to know more than nuclei."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.segmentation import expand_labels, find_boundaries

from napari_spatial_embeddings.samples import capsules, render
from napari_spatial_embeddings.training.annotation import TrainingImage, annotate

from . import adherent

SIZE = 256
"""Edge of a generated image in pixels."""

ADHERENT = 0.4
"""Share of images that show cells spread on a dish."""

Image = NDArray[np.float64]
Labels = NDArray[np.int32]


def image(seed: int) -> TrainingImage:
    """Return a generated image: one of several shapes in one of several looks, all annotated."""
    rng = np.random.default_rng([20, seed])
    if rng.random() < ADHERENT:
        labels = adherent.cells(rng, SIZE)
        pixels = _finished(rng, adherent.phase_contrast(rng, labels))
        return annotate(pixels[None].astype(np.float32), labels, name=f"generated {seed}")
    labels = _shapes(rng)
    looks = [_fluorescence, _phase_contrast, _phase_contrast, _membranes, _textures]
    if (labels > 0).mean() > 0.6:  # hardly a field left for the cells to stand out from
        looks = [_fluorescence, _membranes]
    pixels = looks[rng.integers(len(looks))](rng, labels)
    return annotate(pixels[None].astype(np.float32), labels, name=f"generated {seed}")


def _shapes(rng: np.random.Generator) -> Labels:
    """Return round, elongated, spindly or tightly packed cells."""
    kind = rng.choice(["round", "elongated", "spindly", "packed"])
    radius, length, most = {
        "round": ((6.0, 13.0), (0.0, 6.0), 90),
        "elongated": ((4.0, 7.0), (10.0, 40.0), 70),
        "spindly": ((4.0, 10.0), (8.0, 45.0), 50),
        "packed": ((7.0, 12.0), (0.0, 10.0), 110),
    }[kind]
    count = int(most * rng.uniform(0.3, 1.0))
    labels = capsules(rng, (SIZE, SIZE), count, radius, length, crowd=rng.uniform(0.2, 0.9))
    if kind == "packed":
        labels = expand_labels(labels, rng.uniform(2, 12)).astype(np.int32)
    strength = {"round": 3.0, "elongated": 4.0, "spindly": 14.0, "packed": 5.0}[kind]
    return _bent(rng, labels, strength, coarse=24 if kind == "spindly" else 16)


def _bent(rng: np.random.Generator, labels: Labels, strength: float, coarse: float) -> Labels:
    """Bend everything smoothly; of an object that falls in pieces, the largest stays."""
    axes = tuple(range(1, labels.ndim + 1))
    smooth = ndi.gaussian_filter(rng.normal(size=(labels.ndim, *labels.shape)), coarse, axes=axes)
    smooth *= rng.uniform(0.3, 1.0) * strength / smooth.std()
    points = np.indices(labels.shape) + smooth
    bent = ndi.map_coordinates(labels, points, order=0, mode="nearest")
    out = np.zeros_like(labels)
    for k, box in enumerate(ndi.find_objects(bent), 1):
        if box is not None:
            pieces, n = ndi.label(bent[box] == k)
            sizes = np.bincount(pieces.ravel())[1:]
            if n and sizes.max() >= 30:
                out[box][pieces == 1 + sizes.argmax()] = k
    return out


def _fluorescence(rng: np.random.Generator, labels: Labels) -> Image:
    return render(rng, labels, noise=rng.uniform(0.01, 0.1)).astype(float)


def _phase_contrast(rng: np.random.Generator, labels: Labels) -> Image:
    """Grey cells in a grey field, with a dark rim, a bright halo and something inside."""
    mask = ndi.gaussian_filter((labels > 0).astype(float), 0.7)
    wide = rng.uniform(1.2, 5.0)
    halo = ndi.gaussian_filter(mask, wide) * (1 - mask)
    rim = np.clip(ndi.gaussian_filter(mask, 1.0) - ndi.gaussian_filter(mask, 2.5), 0, None)
    level = np.append(0.0, rng.normal(rng.uniform(-0.4, 0.1), 0.15, int(labels.max())))
    body = ndi.gaussian_filter(level[labels], 1.0)
    inside = rng.uniform(0.1, 0.5) * _texture(rng, rng.uniform(0.8, 2.5)) * mask
    field = 0.15 * _texture(rng, 40) + rng.uniform(0.02, 0.1) * _texture(rng, 1.2)
    seams = ndi.gaussian_filter(find_boundaries(labels, mode="inner").astype(float), 0.7)
    out = body + inside + field + rng.uniform(0.8, 2.5) * halo
    out += rng.uniform(-1.5, 0.5) * rim + rng.uniform(0.0, 0.8) * seams
    return _finished(rng, out)


def _membranes(rng: np.random.Generator, labels: Labels) -> Image:
    """Bright outlines around cells of about the background's brightness."""
    lines = find_boundaries(labels, mode="thick").astype(float)
    lines = ndi.gaussian_filter(lines, rng.uniform(0.5, 1.2))
    level = np.append(0.0, rng.uniform(0.0, 0.5, int(labels.max())))
    out = lines * (1 + 0.4 * _texture(rng, 5)) + level[labels] * (1 + 0.3 * _texture(rng, 1.5))
    return _finished(rng, out + 0.1 * _texture(rng, 30))


def _textures(rng: np.random.Generator, labels: Labels) -> Image:
    """Cells that stand out by their grain more than by their brightness."""
    mask = ndi.gaussian_filter((labels > 0).astype(float), 0.8)
    level = np.append(0.0, rng.normal(0.3, 0.3, int(labels.max())))
    grain = _texture(rng, rng.uniform(0.8, 2.0))
    spots = np.clip(_texture(rng, rng.uniform(1.0, 2.0)) - 1.2, 0, None)
    edge = ndi.gaussian_filter(find_boundaries(labels, mode="inner").astype(float), 0.8)
    out = ndi.gaussian_filter(level[labels], 0.8) + mask * (0.4 * grain + spots)
    out += 0.15 * _texture(rng, rng.uniform(2, 30)) - rng.uniform(0, 0.6) * edge
    return _finished(rng, out)


def _texture(rng: np.random.Generator, width: float) -> Image:
    """Smooth noise of standard deviation 1."""
    out = ndi.gaussian_filter(rng.normal(size=(SIZE, SIZE)), width, mode="wrap")
    return np.asarray(out / out.std())


def _finished(rng: np.random.Generator, signal: Image) -> Image:
    """Blur and camera noise."""
    blurred = ndi.gaussian_filter(signal, rng.uniform(0.3, 1.0))
    return np.asarray(blurred + rng.normal(0, rng.uniform(0.01, 0.12), signal.shape))
