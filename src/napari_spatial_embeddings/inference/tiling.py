"""Prediction of maps tile by tile, for images of any size in bounded memory.

A tile is its core and a halo of context around it, of which only the encoder sees all. The network
normalises each pixel by itself, so a halo as wide as its receptive field gives exactly what the
whole image would, see `network.reach`. In volumes the default is narrower, see `VOLUME_HALO`.

Tiles part the *grid* that the network sees, which is the image itself unless its objects are of
another size than the model's: see `resampling`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from napari_spatial_embeddings.config import ModelSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.core.maps import EmbeddingMaps, Float, sigma_of, split
from napari_spatial_embeddings.core.network import (
    BranchedNet,
    channels_last,
    multiple,
    part_of,
    reach,
)
from napari_spatial_embeddings.errors import OutOfMemory, is_out_of_memory

from .blocks import within
from .cpu.network import CpuNetwork
from .cpu.threads import TileThreads, threads_for
from .normalisation import Scale, normalise
from .resampling import Resampling
from .symmetries import symmetries, undo

VOLUME_HALO = 48
"""Halo of volumes, in voxels, if none is given.

All that the network sees would take ten times the work and memory. With 48 voxels the
maps of `nuclei-3d` change by up to 0.001 in the seed and 0.008 voxels in the offsets.
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
        The maps so far. What no tile has brought is as it was in maps that were given, else
        without any object in a prediction of a window, and undefined in one of all.
    """

    done: int
    total: int
    region: tuple[slice, ...]
    maps: EmbeddingMaps


def _undefined_maps(
    shape: tuple[int, ...], settings: ModelSettings, spacing: tuple[float, ...]
) -> EmbeddingMaps:
    """Return maps all of which will be filled."""
    counts = settings.ndim, settings.sigma_components, len(settings.classes)
    offsets, sigma, seed = (np.empty((n, *shape), np.float32) for n in counts)
    return EmbeddingMaps(offsets, sigma, seed, spacing)


@dataclass(frozen=True, slots=True)
class ReadTile:
    """What the network sees of a tile, and what is wanted of its maps.

    Parameters
    ----------
    block : float32 (C, *S)
        Normalised; beyond the grid, the image is mirrored.
    window : tuple of D slices
        The part of the block whose maps are wanted.
    place : tuple of D slices
        That part, on the grid.
    """

    block: Float
    window: tuple[slice, ...]
    place: tuple[slice, ...]

    @classmethod
    def whole(cls, block: Float) -> ReadTile:
        """Return a tile of which all is wanted."""
        window = tuple(slice(0, n) for n in block.shape[1:])
        return cls(block, window, window)


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
    scale: Scale,
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
    scale : float64 (2, C)
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
    if out is None:
        fresh = empty_maps if window else _undefined_maps
        out = fresh(shape, settings, resampling.spacing)
    work = tiles(grid, settings, prediction, window and resampling.points(window, shape))
    run = runner(network, device)

    def read_tiles() -> Iterator[ReadTile]:
        for read, core in work:
            yield read_tile(image, scale, read, core, resampling)

    def restored(tile: ReadTile, pixels: tuple[slice, ...]) -> tuple[Float, Float, Float]:
        parts = predict_tile(run, settings, tile, prediction, device)
        return resampling.restore(parts, tile.place, pixels)

    pixels = [resampling.pixels(core, shape, window) for _, core in work]
    threads = min(threads_for(device), len(work))
    with TileThreads(threads) as team:
        for done, parts in enumerate(team.map(restored, read_tiles(), pixels), 1):
            part = pixels[done - 1]
            for target, source in zip((out.offsets, out.sigma, out.seed), parts, strict=True):
                target[(slice(None), *part)] = source
            yield Progress(done, len(work), part, out)


def read_tile(
    image: PixelArray,
    scale: Scale,
    read: tuple[slice, ...],
    core: tuple[slice, ...],
    resampling: Resampling,
) -> ReadTile:
    """Read a tile, of which the core is wanted, with what resampling needs around it.

    Raises
    ------
    ModelError
        If what is read is not finite.
    """
    grid = resampling.grid(image.shape[1:])
    inside = tuple(slice(r.start, min(r.stop, n)) for r, n in zip(read, grid, strict=True))
    block = resampling.read(image, inside, lambda pixels: normalise(pixels, scale))
    missing = [(0, r.stop - i.stop) for r, i in zip(read, inside, strict=True)]
    block = np.pad(block, [(0, 0), *missing], mode="symmetric")
    place = (
        core
        if resampling.trivial
        else tuple(
            # From an even point on: a pixel between two points takes the same one everywhere.
            slice(max(i.start, (c.start - 1) // 2 * 2), min(i.stop, c.stop + 1))
            for i, c in zip(inside, core, strict=True)
        )
    )
    return ReadTile(block, within(place, read), place)


Runner = Callable[[torch.Tensor, tuple[slice, ...]], torch.Tensor]
"""A network: an image (1, C, *S) and a part of it to that part's raw maps."""


def runner(network: BranchedNet, device: torch.device) -> Runner:
    """Return what runs a network, with its weights as they are now, on its device."""
    return CpuNetwork(network) if device.type == "cpu" else network


def predict_tile(
    run: Runner,
    settings: ModelSettings,
    tile: ReadTile,
    prediction: PredictionSettings,
    device: torch.device,
) -> tuple[Float, Float, Float]:
    """Return offsets, sigma and seed of what is wanted of a tile.

    Raises
    ------
    OutOfMemory
        If the tile does not fit into the device's memory.
    """
    try:
        return _predict(run, settings, tile, prediction.flips, device)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"{device} has too little memory for a tile of {prediction.tile} pixels; try a"
            f" smaller tile, such as {max(16, prediction.tile // 2)}"
        ) from error


@torch.inference_mode()
def _predict(
    run: Runner,
    settings: ModelSettings,
    tile: ReadTile,
    flips: bool,
    device: torch.device,
) -> tuple[Float, Float, Float]:
    """Return offsets, sigma and seed of a tile, averaged over its symmetries with ``flips``."""
    x = torch.from_numpy(tile.block)[None].to(device)
    variants = symmetries(settings) if flips else [((), 0)]
    total: list[torch.Tensor] = []
    for flipped, turns in variants:
        y = x.flip([a + 2 for a in flipped]) if flipped else x
        y = torch.rot90(y, turns, (-2, -1)) if turns else y
        window = tuple(slice(0, n) for n in y.shape[2:]) if flips else tile.window
        parts = list(split(run(channels_last(y), window).float(), settings))
        parts = [undo(p, i, flipped, turns, settings) for i, p in enumerate(parts)]
        parts[2] = parts[2].sigmoid()
        total = [a + b for a, b in zip(total, parts, strict=True)] if total else parts
    offsets, log_sigma, seed = (t[0] / len(variants) for t in total)
    if flips:
        offsets, log_sigma, seed = (part_of(t, tile.window) for t in (offsets, log_sigma, seed))
    sigma = sigma_of(log_sigma, settings)
    return offsets.cpu().numpy(), sigma.cpu().numpy(), seed.cpu().numpy()
