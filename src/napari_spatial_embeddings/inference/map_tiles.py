"""Maps of parts of an image, from tiles that are predicted once and kept in files while needed.

The tiles are the same ones whatever parts are asked for, and so are the maps: a pixel has one
embedding, however the image is divided. Nothing of the image's size is held in memory, and a tile
that has a file is whole: other processes, and later runs, may go on with it.
"""

from __future__ import annotations

import itertools
import re
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.maps import EmbeddingMaps, Float
from napari_spatial_embeddings.system.atomic import atomic_file

from .blocks import Window, within
from .devices import choose_device
from .empty_tiles import EmptyTest
from .model import SpatialEmbeddings
from .normalisation import Scale, normalisation
from .resampling import Pyramid
from .tiling import ReadTile, empty_maps, predict_tile, read_tile, runner, tile_axes

Tile = tuple[int, ...]
"""Position of a tile among the others, along each axis."""

EMPTY: Float = np.empty(0, np.float32)
"""The maps that are written of a tile without foreground."""

OFFSET_STEPS = 512
"""Offsets are rounded to one part in so many of a pixel: sums with a pixel's position are then
exact wherever one counts from, and two blocks see the same embeddings to the last bit."""


@dataclass(frozen=True, slots=True)
class TileDone:
    """What became of a tile.

    Parameters
    ----------
    skipped : bool
        Whether it is known to be empty, so that the network did not see it.
    size : int
        Of its file, in bytes.
    """

    skipped: bool
    size: int


class MapTiles:
    """The maps of an image, of which those tiles are kept that were asked for.

    Parameters
    ----------
    model : SpatialEmbeddings
    image : ImageData
        (C, *S), of which no more than a tile is read at once.
    prediction : PredictionSettings
    foreground : float
        Where no seed of a tile is above this, all its seeds count as 0.
    folder : path
        For the tiles' files.
    scale : float64 (2, C), optional
        The image's `normalisation`, if it is known.

    Attributes
    ----------
    device : torch.device
        That predicts them.
    """

    def __init__(
        self,
        model: SpatialEmbeddings,
        image: ImageData,
        prediction: PredictionSettings,
        foreground: float,
        folder: Path,
        scale: Scale | None = None,
    ) -> None:
        settings, spacing = model.suited(prediction, image.pixel_size, image.unit)
        self._model, self._prediction = model.settings, settings
        self._image = model.check(Pyramid.of(image))
        self._foreground, self._folder = foreground, folder
        self.device = choose_device(settings.device)
        self._run = runner(model.network.to(self.device), self.device)
        self._reading = threading.Lock()
        self._resampling = model.resampling(settings.object_diameter, spacing)
        self.scale = normalisation(self._image, model.settings) if scale is None else scale
        self.shape = tuple(self._image.shape[1:])
        self._axes = tile_axes(self._resampling.grid(self.shape), model.settings, settings)
        self._pixels = self._parts()
        self._empty = EmptyTest(
            model.settings, lambda block: self._predicted(ReadTile.whole(block))[2], foreground
        )
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def spacing(self) -> tuple[float, ...]:
        """That of the maps."""
        return self._resampling.spacing

    @property
    def count(self) -> int:
        """Number of all tiles."""
        return int(np.prod([len(axis) for axis in self._axes]))

    def _parts(self) -> list[list[slice]]:
        """Return the image's pixels that the tiles cover, along each axis."""
        parts = []
        for d, axis in enumerate(self._axes):
            cores = [
                tuple(core if e == d else other[0][1] for e, other in enumerate(self._axes))
                for _, core in axis
            ]
            parts.append([self._resampling.pixels(core, self.shape)[d] for core in cores])
        return parts

    def tiles(self, window: Window) -> list[Tile]:
        """Return the tiles that hold pixels of a part of the image."""
        held = [
            [i for i, p in enumerate(parts) if p.start < w.stop and w.start < p.stop]
            for parts, w in zip(self._pixels, window, strict=True)
        ]
        return list(itertools.product(*held))

    def known(self) -> set[Tile]:
        """Return the tiles that have a file."""
        found = (re.fullmatch(r"(\d+(?:-\d+)*)\.npy", path.name) for path in self._folder.iterdir())
        return {tuple(map(int, name[1].split("-"))) for name in found if name}

    def sizes(self) -> list[int]:
        """Return the sizes of the files of tiles, in bytes."""
        return [path.stat().st_size for path in self._folder.glob("*.npy")]

    def predict(self, tile: Tile) -> TileDone:
        """Write the maps of a tile, unless it has a file.

        The network need not see one that is empty: see `empty_tiles`.

        Raises
        ------
        ModelError
            If what is read is not finite.
        OutOfMemory
            If a tile does not fit into the device's memory.
        """
        if self._path(tile).exists():
            return TileDone(False, self._path(tile).stat().st_size)
        read = tuple(axis[i][0] for axis, i in zip(self._axes, tile, strict=True))
        core = tuple(axis[i][1] for axis, i in zip(self._axes, tile, strict=True))
        with self._reading:  # not all that images come from may be read by several threads
            seen = read_tile(self._image, self.scale, read, core, self._resampling)
        if self._empty(seen.block):
            return TileDone(True, self._write(tile, EMPTY))
        parts = self._predicted(seen)
        pixels = tuple(held[i] for held, i in zip(self._pixels, tile, strict=True))
        offsets, sigma, seed = self._resampling.restore(parts, seen.place, pixels)
        if not (seed > self._foreground).any():
            return TileDone(False, self._write(tile, EMPTY))
        exact = np.rint(offsets * OFFSET_STEPS) / np.float32(OFFSET_STEPS)
        return TileDone(False, self._write(tile, np.concatenate([exact, sigma, seed])))

    def _predicted(self, tile: ReadTile) -> tuple[Float, Float, Float]:
        return predict_tile(self._run, self._model, tile, self._prediction, self.device)

    def _write(self, tile: Tile, maps: Float) -> int:
        """Write a file, whole or not at all, as its presence means that it is; return its size."""
        path = self._path(tile)
        with atomic_file(path) as file:
            np.save(file, maps)
        return path.stat().st_size

    def maps(self, window: Window) -> EmbeddingMaps:
        """Return the maps of a part of the image, all of whose tiles have files.

        Seeds are 0 in tiles without foreground.
        """
        edges = tuple(part.stop - part.start for part in window)
        out = empty_maps(edges, self._model, self.spacing)
        for tile in self.tiles(window):
            stored: Float = np.load(self._path(tile), mmap_mode="r")
            if not stored.size:
                continue
            held = tuple(parts[i] for parts, i in zip(self._pixels, tile, strict=True))
            both = tuple(
                slice(max(h.start, w.start), min(h.stop, w.stop))
                for h, w in zip(held, window, strict=True)
            )
            source, target = within(both, held), within(both, window)
            first = 0
            for array in (out.offsets, out.sigma, out.seed):
                array[(slice(None), *target)] = stored[(slice(first, first + len(array)), *source)]
                first += len(array)
        return out

    def forget(self, tile: Tile) -> None:
        """Delete a tile; it is predicted again if it is asked for."""
        self._path(tile).unlink(missing_ok=True)

    def _path(self, tile: Tile) -> Path:
        return self._folder / f"{'-'.join(map(str, tile))}.npy"
