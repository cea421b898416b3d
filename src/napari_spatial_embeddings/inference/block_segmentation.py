"""Segmentation of an image larger than memory, block by block, as a generator of reports."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import BlockSettings, ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.network import reach
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import OutOfMemory
from napari_spatial_embeddings.system.cancellation import never_cancelled

from .blocks import Blocks, find_objects
from .found_blocks import FoundBlocks
from .halved_tiles import SMALLEST_TILE
from .image_check import check_image
from .map_tiles import MapTiles, Tile
from .model import SpatialEmbeddings

GRAIN = 16
"""Edges of cores are multiples of it, in pixels, as are the tiles of TIFF."""

DIAMETERS = 4
"""Width of the first halo, in typical diameters."""


@dataclass(frozen=True, slots=True)
class BlockReport:
    """Progress of `segment_blocks`.

    Parameters
    ----------
    done, total : int
        Blocks that are segmented.
    tiles, all_tiles : int
        Tiles that are predicted, or known to be empty; the total counts each once.
    skipped : int
        Those that are known to be empty.
    objects : int
        Found so far.
    message : str
        One sentence.
    seconds_left : float, optional
        None before the first block.
    disk : int
        Bytes that `segment_blocks` needs in its folder at most, estimated from what it has written.
    widened : int
        Blocks whose halo had to grow.
    narrow : int
        Blocks of whose halo even the widest is narrower than objects there would have it.
    cut : tuple of tuples of D ints
        The centre's pixel of each object that no halo holds; its shape is not to be relied on.
    found : FoundBlocks, optional
        All objects; with the last report, unless it was cancelled.
    """

    done: int
    total: int
    tiles: int
    skipped: int
    all_tiles: int
    objects: int
    message: str
    seconds_left: float | None = None
    disk: int = 0
    widened: int = 0
    narrow: int = 0
    cut: tuple[tuple[int, ...], ...] = ()
    found: FoundBlocks | None = None


def in_blocks(
    prediction: PredictionSettings, model: SpatialEmbeddings, edge: int | None = None
) -> PredictionSettings:
    """Return how the tiles of an image that is segmented by blocks are predicted.

    In 2D, the halo is as wide as the network sees, so that the maps do not depend on the tiles. In
    3D this costs eight times the work and memory of the default, and the halo stays as it is.

    Parameters
    ----------
    prediction : PredictionSettings
    model : SpatialEmbeddings
    edge : int, optional
        The tiles', instead of those of the settings.
    """
    halo, own = prediction.halo, model.settings
    if own.ndim == 2:
        sees = [r * s for r, s in zip(reach(own), own.spacing, strict=True)]
        halo = max(halo, math.ceil(max(sees)))
    return prediction.updated(halo=halo, tile=edge or prediction.tile)


def blocks_of(shape: tuple[int, ...], spacing: tuple[float, ...], edge: int) -> Blocks:
    """Return the blocks of an image.

    Parameters
    ----------
    shape : tuple of D ints
    spacing : tuple of D floats
    edge : int
        As `BlockSettings.block`.
    """
    flat = edge if len(shape) == 2 else round(edge ** (2 / 3))
    return Blocks(
        shape, tuple(max(GRAIN, math.ceil(flat / s / GRAIN - 0.5) * GRAIN) for s in spacing)
    )


def segment_blocks(
    model: SpatialEmbeddings,
    image: ImageData,
    clustering: ClusteringSettings,
    prediction: PredictionSettings,
    settings: BlockSettings,
    folder: Path,
    order: Sequence[int] | None = None,
    cancelled: Callable[[], bool] = never_cancelled,
) -> Iterator[BlockReport]:
    """Find the objects of an image that may be larger than memory.

    Each block clusters its maps with a halo around it, and keeps the objects whose centre lies in
    its core; where one of them comes close to the halo's edge, the halo grows, and the block is
    done again. What is in memory are a tile and a block; maps are in files while blocks need them.

    Parameters
    ----------
    model : SpatialEmbeddings
    image : ImageData
    clustering : ClusteringSettings
    prediction : PredictionSettings
        Taken as it is: see `in_blocks`.
    settings : BlockSettings
    folder : path
        For what is kept meanwhile; the caller deletes it when the objects are written.
    order : sequence of int, optional
        In which the blocks are segmented. It changes no object and no id.
    cancelled : callable
        Asked between two tiles; once it is true, a last report follows.

    Yields
    ------
    BlockReport
        After every tile and every block; the last one has all objects.

    Raises
    ------
    ModelError
        If the image does not fit the model, or is not finite.
    OutOfMemory
        If not even a tile of `halved_tiles.SMALLEST_TILE` fits.
    """
    check_image(model.settings, image.data.shape, image.data.dtype)
    while True:
        tiles = MapTiles(
            model, image, prediction, clustering.foreground_threshold, folder / "tiles"
        )
        work = _Work(model, image, tiles, clustering, prediction, settings, folder)
        try:
            yield from work.run(order, cancelled)
        except OutOfMemory:
            if prediction.tile // 2 < SMALLEST_TILE:
                raise
            prediction = prediction.updated(tile=prediction.tile // 2)
        else:
            return


class _Work:
    """The state of `segment_blocks`; parameters are its."""

    def __init__(
        self,
        model: SpatialEmbeddings,
        image: ImageData,
        tiles: MapTiles,
        clustering: ClusteringSettings,
        prediction: PredictionSettings,
        settings: BlockSettings,
        folder: Path,
    ) -> None:
        how, _ = model.suited(prediction, image.pixel_size, image.unit)
        diameter = how.object_diameter or model.image_diameter or model.settings.working_diameter
        self._tiles, self._clustering = tiles, clustering
        self._blocks = blocks_of(tiles.shape, tiles.spacing, settings.block)
        width = settings.block_halo or DIAMETERS * diameter
        self._most = tuple(e // 2 for e in self._blocks.edges)
        self._halo = tuple(
            min(most, math.ceil(width / s))
            for most, s in zip(self._most, tiles.spacing, strict=True)
        )
        self._found = FoundBlocks(self._blocks, tiles.spacing, folder / "found")
        self._report = BlockReport(0, len(self._blocks), 0, 0, tiles.count, 0, "")

    def run(
        self, order: Sequence[int] | None, cancelled: Callable[[], bool]
    ) -> Iterator[BlockReport]:
        waiting = _Waiting(self._tiles, self._blocks, self._halo)
        start, tile_seconds = time.perf_counter(), 0.0
        for k in range(len(self._blocks)) if order is None else order:
            halo = self._halo
            while True:
                outer = self._blocks.outer(k, halo)
                before = time.perf_counter()
                for _ in self._tiles.predict(outer):
                    skipped = self._tiles.skipped
                    self._say("predicting", tiles=self._tiles.predicted + skipped, skipped=skipped)
                    yield self._report
                    if cancelled():
                        return
                tile_seconds += time.perf_counter() - before
                maps = self._tiles.maps(outer)
                objects, enough, cut = find_objects(maps, self._blocks, k, outer, self._clustering)
                if enough or halo == self._most:
                    break
                halo = tuple(min(most, 2 * h) for most, h in zip(self._most, halo, strict=True))
            self._found.add(k, objects)
            waiting.done(k, outer)
            done = self._report.done + 1
            spent = time.perf_counter() - start
            self._say(
                "found objects",
                done=done,
                objects=self._report.objects + len(objects),
                widened=self._report.widened + (halo != self._halo),
                narrow=self._report.narrow + (not enough),
                cut=self._named(cut),
                seconds_left=self._seconds_left(tile_seconds, spent - tile_seconds, done),
                disk=waiting.most_tiles * self._tiles.bytes_per_tile
                + self._found.bytes * len(self._blocks) // done,
            )
            yield self._report
            if cancelled():
                return
        for _ in self._found.resolve(self._clustering):
            if cancelled():
                yield self._report
                return
        self._say("found all objects", objects=len(self._found), found=self._found)
        yield self._report

    def _named(self, cut: NDArray[np.float64]) -> tuple[tuple[int, ...], ...]:
        """Return the pixels of all objects that are cut off so far, in the order of the image."""
        if not len(cut):
            return self._report.cut
        last = np.array(self._blocks.shape) - 1
        pixels = np.clip(np.rint(cut), 0, last).astype(int).tolist()
        return tuple(sorted({*self._report.cut, *map(tuple, pixels)}))

    def _seconds_left(self, on_tiles: float, on_blocks: float, done: int) -> float:
        """Return the seconds that are left, from those spent on tiles and on blocks."""
        tiles = self._report.tiles
        tile = on_tiles / max(1, tiles) * max(0, self._report.all_tiles - tiles)
        return tile + on_blocks / done * (len(self._blocks) - done)

    def _say(self, text: str, **changes: object) -> None:
        report = replace(self._report, **changes)  # type: ignore[arg-type]
        message = f"{text}: {report.done} of {plural(report.total, 'block')}"
        self._report = replace(report, message=message)


class _Waiting:
    """Which tiles are still needed by blocks that are not done; others are deleted.

    Parameters
    ----------
    tiles : MapTiles
    blocks : Blocks
    halo : tuple of D ints
        That each block starts with.
    """

    def __init__(self, tiles: MapTiles, blocks: Blocks, halo: tuple[int, ...]) -> None:
        self._tiles, self._blocks, self._halo = tiles, blocks, halo
        self._count: dict[Tile, int] = {}
        for k in range(len(blocks)):
            for tile in self._of(k):
                self._count[tile] = self._count.get(tile, 0) + 1

    @property
    def most_tiles(self) -> int:
        """How many tiles are kept at once, about: those of two rows of blocks."""
        row = len(self._blocks) // self._blocks.counts[0]
        first = {t for k in range(min(2 * row, len(self._blocks))) for t in self._of(k)}
        return len(first)

    def _of(self, k: int) -> list[Tile]:
        return self._tiles.tiles(self._blocks.outer(k, self._halo))

    def done(self, k: int, outer: tuple[slice, ...]) -> None:
        """Delete what no other block needs; ``outer`` is what this one needed in the end."""
        for tile in self._of(k):
            self._count[tile] -= 1
        for tile in self._tiles.tiles(outer):
            if not self._count[tile]:
                self._tiles.forget(tile)
