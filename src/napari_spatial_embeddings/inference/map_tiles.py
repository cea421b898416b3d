"""Maps of parts of an image, from tiles that are predicted once and kept in files while needed.

The tiles are the same ones whatever parts are asked for, and so are the maps: a pixel has one
embedding, however the image is divided. Nothing of the image's size is held in memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.maps import EmbeddingMaps, Float

from .blocks import Window, within
from .devices import choose_device
from .model import SpatialEmbeddings
from .normalisation import normalisation
from .tiling import empty_maps, predict_tile, read_tile, tile_axes

Tile = tuple[int, ...]
"""Position of a tile among the others, along each axis."""

OFFSET_STEPS = 512
"""Offsets are rounded to one part in so many of a pixel: sums with a pixel's position are then
exact wherever one counts from, and two blocks see the same embeddings to the last bit."""


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

    Attributes
    ----------
    predicted, skipped : int
        Tiles that the network predicted, and those it need not see: see `predict`.
    """

    def __init__(
        self,
        model: SpatialEmbeddings,
        image: ImageData,
        prediction: PredictionSettings,
        foreground: float,
        folder: Path,
    ) -> None:
        settings, spacing = model.suited(prediction, image.pixel_size, image.unit)
        self._model, self._prediction = model.settings, settings
        self._image, self._foreground, self._folder = model.check(image.data), foreground, folder
        self._device = choose_device(settings.device)
        self._network = model.network.to(self._device)
        self._resampling = model.resampling(settings.object_diameter, spacing)
        self._scale = normalisation(self._image, model.settings)
        self.shape = tuple(self._image.shape[1:])
        self._axes = tile_axes(self._resampling.grid(self.shape), model.settings, settings)
        self._pixels = self._parts()
        self._known: dict[Tile, bool] = {}  # whether there is a file
        self._empty: dict[tuple[object, ...], bool] = {}  # of tiles whose pixels are alike
        self.predicted = self.skipped = self._written = 0
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def spacing(self) -> tuple[float, ...]:
        """That of the maps."""
        return self._resampling.spacing

    @property
    def bytes_per_tile(self) -> int:
        """Size of a tile's file, the mean of those that were written or were empty."""
        return self._written // max(1, self.predicted + self.skipped)

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

    def predict(self, window: Window) -> Iterator[Tile]:
        """Predict the tiles of a part that are missing, and yield each.

        A tile all of whose pixels are alike, such as the surroundings of a scanned slide, is
        predicted once; if there was no foreground, the network need not see the next one like it.

        Raises
        ------
        ModelError
            If what is read is not finite.
        OutOfMemory
            If a tile does not fit into the device's memory.
        """
        for tile in self.tiles(window):
            if tile in self._known:
                continue
            self._known[tile] = self._predict(tile)
            yield tile

    def _predict(self, tile: Tile) -> bool:
        """Write the maps of a tile if it has any foreground; return whether it has."""
        read = tuple(axis[i][0] for axis, i in zip(self._axes, tile, strict=True))
        block, inside = read_tile(self._image, self._scale, read, self._resampling)
        flat = block.reshape(len(block), -1)
        alike = bool((flat == flat[:, :1]).all())
        kind = (*flat[:, 0].tolist(), block.shape)
        if alike and self._empty.get(kind, False):
            self.skipped += 1
            return False
        self.predicted += 1
        parts = predict_tile(self._network, self._model, block, self._prediction, self._device)
        pixels = tuple(held[i] for held, i in zip(self._pixels, tile, strict=True))
        offsets, sigma, seed = self._resampling.restore(parts, inside, pixels)
        if alike:  # halo and all, so that it holds wherever the tile's core starts
            self._empty[kind] = not bool((parts[2] > self._foreground).any())
        if not (seed > self._foreground).any():
            return False
        exact = np.rint(offsets * OFFSET_STEPS) / np.float32(OFFSET_STEPS)
        np.save(self._path(tile), np.concatenate([exact, sigma, seed]))
        self._written += self._path(tile).stat().st_size
        return True

    def maps(self, window: Window) -> EmbeddingMaps:
        """Return the maps of a part of the image, all of whose tiles were predicted.

        Seeds are 0 in tiles without foreground.
        """
        edges = tuple(part.stop - part.start for part in window)
        out = empty_maps(edges, self._model, self.spacing)
        for tile in self.tiles(window):
            if not self._known[tile]:
                continue
            held = tuple(parts[i] for parts, i in zip(self._pixels, tile, strict=True))
            both = tuple(
                slice(max(h.start, w.start), min(h.stop, w.stop))
                for h, w in zip(held, window, strict=True)
            )
            source, target = within(both, held), within(both, window)
            stored: Float = np.load(self._path(tile), mmap_mode="r")
            first = 0
            for array in (out.offsets, out.sigma, out.seed):
                array[(slice(None), *target)] = stored[(slice(first, first + len(array)), *source)]
                first += len(array)
        return out

    def forget(self, tile: Tile) -> None:
        """Delete a tile; it is predicted again if it is asked for."""
        if self._known.pop(tile, False):
            self._path(tile).unlink()

    def _path(self, tile: Tile) -> Path:
        return self._folder / f"{'-'.join(map(str, tile))}.npy"
