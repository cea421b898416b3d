"""Prediction of maps tile by tile, for images of any size in bounded memory.

A tile is its core and a halo of context around it, which is computed and discarded. The network
normalises each pixel by itself, so a halo as wide as its receptive field gives exactly what the
whole image would, see `network.reach`. In volumes the default is narrower, see `VOLUME_HALO`.

Tiles part the *grid* that the network sees, which is the image itself unless its objects are of
another size than the model's: see `resampling`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from napari_spatial_embeddings.config import ModelSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.core.maps import EmbeddingMaps, Float, sigma_of, split
from napari_spatial_embeddings.core.network import BranchedNet, channels_last, multiple, reach
from napari_spatial_embeddings.errors import OutOfMemory, is_out_of_memory

from .normalisation import normalise
from .resampling import Resampling

VOLUME_HALO = 48
"""Halo of volumes, in voxels, if none is given.

All that the network sees would take ten times the work and memory. With 48 voxels the
maps of `nuclei-3d` change by up to 0.001 in the seed and 0.009 voxels in the offsets.
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a prediction.

    Parameters
    ----------
    done, total : int
        Tiles.
    region : tuple of D slices
        The part of the maps that is new.
    maps : EmbeddingMaps
        The maps so far, zero elsewhere (sigma: one).
    """

    done: int
    total: int
    region: tuple[slice, ...]
    maps: EmbeddingMaps


def empty_maps(
    shape: tuple[int, ...], settings: ModelSettings, spacing: tuple[float, ...] | None = None
) -> EmbeddingMaps:
    """Return maps without any object, to be filled; of the model's spacing if none is given."""
    return EmbeddingMaps(
        np.zeros((settings.ndim, *shape), np.float32),
        np.ones((settings.sigma_components, *shape), np.float32),
        np.zeros((len(settings.classes), *shape), np.float32),
        spacing or settings.spacing,
    )


def tiles(
    shape: tuple[int, ...],
    settings: ModelSettings,
    prediction: PredictionSettings,
    window: tuple[slice, ...] | None = None,
) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Return the tiles as pairs of slices: the part that is read, and its core.

    The part that is read starts on a multiple of the network's total stride, and may end beyond
    the grid.
    Cores part the window, or the whole grid if none is given.
    """
    axes = tile_axes(shape, settings, prediction, window)
    return [
        (tuple(read for read, _ in combination), tuple(core for _, core in combination))
        for combination in itertools.product(*axes)
    ]


def tile_axes(
    shape: tuple[int, ...],
    settings: ModelSettings,
    prediction: PredictionSettings,
    window: tuple[slice, ...] | None = None,
) -> list[list[tuple[slice, slice]]]:
    """Return the tiles along each axis, of which `tiles` are all combinations."""
    window = window or tuple(slice(0, n) for n in shape)
    grain = multiple(settings)
    edge = prediction.tile if settings.ndim == 2 else round(prediction.tile ** (2 / 3))
    cores = [
        max(g, round(edge / unit) // g * g) for g, unit in zip(grain, settings.spacing, strict=True)
    ]
    axes = []
    for n, part, step, core, halo in zip(
        shape, window, grain, cores, tile_halo(settings, prediction), strict=True
    ):
        axis = []
        for start in range(part.start // step * step, part.stop, core):
            stop = min(start + core, part.stop)
            first = max(0, start - halo)
            last = min(stop + halo, n)
            last = first + math.ceil((last - first) / step) * step
            axis.append((slice(first, last), slice(max(start, part.start), stop)))
        axes.append(axis)
    return axes


def tile_halo(settings: ModelSettings, prediction: PredictionSettings) -> tuple[int, ...]:
    """Return the width of a tile's halo along each axis: pixels, multiples of the total stride."""
    if prediction.halo is None and settings.ndim == 2:
        return reach(settings)
    width = VOLUME_HALO if prediction.halo is None else prediction.halo
    return tuple(
        math.ceil(width / unit / step) * step
        for unit, step in zip(settings.spacing, multiple(settings), strict=True)
    )


def predict_tiles(
    network: BranchedNet,
    settings: ModelSettings,
    image: PixelArray,
    scale: Float,
    prediction: PredictionSettings,
    device: torch.device,
    out: EmbeddingMaps | None = None,
    window: tuple[slice, ...] | None = None,
    resampling: Resampling | None = None,
) -> Iterator[Progress]:
    """Fill maps tile by tile.

    Parameters
    ----------
    network : BranchedNet
        On ``device``.
    image : (C, *S), real
        Of which no more than a tile is read at once.
    scale : float32 (2, C)
        From `normalisation.normalisation`, of the whole image.
    out : EmbeddingMaps, optional
        Where to write; new maps in memory if not given.
    window : tuple of D slices, optional
        The part of the image to fill, not empty and inside it; all of it if not given.
    resampling : Resampling, optional
        If the network is to see the image at another scale. Tiles are counted there; the maps are
        those of the image in any case.

    Raises
    ------
    ModelError
        If what is read is not finite.
    OutOfMemory
        If a tile does not fit into the device's memory.
    """
    shape = image.shape[1:]
    resampling = resampling or Resampling.between(settings)
    grid = resampling.grid(shape)
    out = out or empty_maps(shape, settings, resampling.spacing)
    work = tiles(grid, settings, prediction, window and resampling.points(window, shape))
    for done, (read, core) in enumerate(work, 1):
        block, inside = read_tile(image, scale, read, resampling)
        parts = predict_tile(network, settings, block, prediction, device)
        pixels = resampling.pixels(core, shape, window)
        restored = resampling.restore(parts, inside, pixels)
        for target, source in zip((out.offsets, out.sigma, out.seed), restored, strict=True):
            target[(slice(None), *pixels)] = source
        yield Progress(done, len(work), pixels, out)


def read_tile(
    image: PixelArray, scale: Float, read: tuple[slice, ...], resampling: Resampling
) -> tuple[Float, tuple[slice, ...]]:
    """Return what the network sees of a tile, float32 (C, *read), and its part inside the grid.

    Beyond the grid, the image is mirrored.

    Raises
    ------
    ModelError
        If what is read is not finite.
    """
    grid = resampling.grid(image.shape[1:])
    inside = tuple(slice(r.start, min(r.stop, n)) for r, n in zip(read, grid, strict=True))
    block = resampling.read(image, inside, lambda pixels: normalise(pixels, scale))
    missing = [(0, r.stop - i.stop) for r, i in zip(read, inside, strict=True)]
    return np.pad(block, [(0, 0), *missing], mode="symmetric"), inside


def predict_tile(
    network: BranchedNet,
    settings: ModelSettings,
    block: Float,
    prediction: PredictionSettings,
    device: torch.device,
) -> tuple[Float, Float, Float]:
    """Return offsets, sigma and seed of what `read_tile` returns.

    Raises
    ------
    OutOfMemory
        If the tile does not fit into the device's memory.
    """
    try:
        return _predict(network, settings, block, prediction.flips, device)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"{device} has too little memory for a tile of {prediction.tile} pixels; try a"
            f" smaller tile, such as {max(16, prediction.tile // 2)}"
        ) from error


@torch.inference_mode()
def _predict(
    network: BranchedNet,
    settings: ModelSettings,
    block: Float,
    flips: bool,
    device: torch.device,
) -> tuple[Float, Float, Float]:
    """Return offsets, sigma and seed of a block, averaged over its symmetries with ``flips``."""
    x = torch.from_numpy(block)[None].to(device)
    variants = symmetries(settings) if flips else [((), 0)]
    total: list[torch.Tensor] = []
    for flipped, turns in variants:
        y = x.flip([a + 2 for a in flipped]) if flipped else x
        y = torch.rot90(y, turns, (-2, -1)) if turns else y
        parts = list(split(network(channels_last(y)).float(), settings))
        parts = [undo(p, i, flipped, turns, settings) for i, p in enumerate(parts)]
        parts[2] = parts[2].sigmoid()
        total = [a + b for a, b in zip(total, parts, strict=True)] if total else parts
    offsets, log_sigma, seed = (t[0] / len(variants) for t in total)
    sigma = sigma_of(log_sigma, settings)
    return offsets.cpu().numpy(), sigma.cpu().numpy(), seed.cpu().numpy()


def symmetries(settings: ModelSettings) -> list[tuple[tuple[int, ...], int]]:
    """Return flips (axes) and quarter turns (of the last two axes) that an image may undergo.

    Quarter turns only where the last two axes have the same spacing.
    """
    turns = range(4) if settings.spacing[-1] == settings.spacing[-2] else (0,)
    leading: list[tuple[int, ...]] = [()] if settings.ndim == 2 else [(), (0,)]
    last = settings.ndim - 1
    mirrored = ((), (last,)) if len(turns) == 4 else ((), (last,), (last - 1,), (last - 1, last))
    return [(a + b, k) for a in leading for b in mirrored for k in turns]


def undo(
    part: torch.Tensor, kind: int, flipped: tuple[int, ...], turns: int, settings: ModelSettings
) -> torch.Tensor:
    """Invert a symmetry in a predicted map: its pixels, and the directions of its components.

    Parameters
    ----------
    part : (B, n, *S)
        Offsets (kind 0), sigma (1) or seed (2) of an image that was flipped, then turned.
    """
    y, x = settings.ndim - 2, settings.ndim - 1
    for _ in range(turns % 4):
        part = torch.rot90(part, -1, (-2, -1))
        if kind == 0:
            # A quarter turn takes (y, x) to (-x, y); this is its inverse.
            oy, ox = part[:, y].clone(), part[:, x].clone()
            part = part.clone()
            part[:, y], part[:, x] = ox, -oy
        elif kind == 1 and settings.sigma_components > 1:
            part = part.clone()
            part[:, [y, x]] = part[:, [x, y]]
    if flipped:
        part = part.flip([a + 2 for a in flipped])
        if kind == 0:
            sign = torch.ones(settings.ndim, device=part.device)
            sign[list(flipped)] = -1
            part = part * sign.reshape(1, -1, *[1] * (part.dim() - 2))
    return part
