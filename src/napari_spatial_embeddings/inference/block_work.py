"""Pieces of work that make a segmentation by blocks: the maps of a tile, the objects of a block.

Both read and write files in one folder and nothing else, so that they may be done in any process
that sees it, and again after one that was killed.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import BlockSettings, ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import OutOfMemory
from napari_spatial_embeddings.system.memory import peak_memory

from .block_progress import FOUND, TILES
from .blocks import Blocks, find_objects
from .devices import peak_gpu_memory
from .found_blocks import FoundBlocks, Outcome
from .map_tiles import MapTiles, Tile, TileDone
from .model import SpatialEmbeddings
from .normalisation import Scale

Facts = dict[str, Any]
"""What decides the objects, by name, as JSON has it."""

GRAIN = 16
"""Edges of cores are multiples of it, in pixels, as are the tiles of TIFF."""

DIAMETERS = 4
"""Width of the first halo, in typical diameters."""


class BlockTooLarge(OutOfMemory):
    """The objects of a block need more memory than there is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a process needs to know to share in a segmentation, but for the image and the model.

    Parameters
    ----------
    clustering, prediction, settings
        As of `block_segmentation.segment_blocks`.
    folder : path
        For the files of tiles and blocks, and of nothing else.
    scale : float64 (2, C)
        The image's normalisation.
    facts : dict
        From `block_record.facts_of`: what decides the objects.
    """

    clustering: ClusteringSettings
    prediction: PredictionSettings
    settings: BlockSettings
    folder: Path
    scale: Scale
    facts: Facts


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work: a tile to predict, or a block with a halo to find objects in.

    Parameters
    ----------
    tile : tuple of ints, optional
    block : int, optional
        One of the two is given.
    halo : tuple of D ints
        Of a block.
    """

    tile: Tile | None = None
    block: int | None = None
    halo: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a task.

    Parameters
    ----------
    task : Task
    seconds : float
        That it took.
    memory, gpu_memory : int
        The most bytes that its process has held so far, and of its GPU; 0 without one.
    tile : TileDone, optional
        Of a tile.
    outcome : Outcome, optional
        Of a block that is done; of others, the halo has to grow.
    """

    task: Task
    seconds: float
    memory: int
    tile: TileDone | None = None
    outcome: Outcome | None = None
    gpu_memory: int = 0


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


class BlockWork:
    """The tiles and blocks of an image, and the work on one of them.

    Parameters
    ----------
    model : SpatialEmbeddings
    image : ImageData
    plan : Plan

    Attributes
    ----------
    model : SpatialEmbeddings
    image : ImageData
    tiles : MapTiles
    blocks : Blocks
    found : FoundBlocks
    halo, widest : tuple of D ints
        That a block starts with, and that it may grow to.
    """

    def __init__(self, model: SpatialEmbeddings, image: ImageData, plan: Plan) -> None:
        self.model, self.image = model, image
        self.tiles = MapTiles(
            model,
            image,
            plan.prediction,
            plan.clustering.foreground_threshold,
            plan.folder / TILES,
            plan.scale,
        )
        self._clustering = plan.clustering
        self.blocks = blocks_of(self.tiles.shape, self.tiles.spacing, plan.settings.block)
        self.found = FoundBlocks(self.blocks, self.tiles.spacing, plan.folder / FOUND)
        how, _ = model.suited(plan.prediction, image.pixel_size, image.unit)
        diameter = how.object_diameter or model.image_diameter or model.settings.working_diameter
        width = plan.settings.block_halo or DIAMETERS * diameter
        self.widest = tuple(e // 2 for e in self.blocks.edges)
        self.halo = tuple(
            min(most, math.ceil(width / s))
            for most, s in zip(self.widest, self.tiles.spacing, strict=True)
        )

    def tiles_of(self, k: int, halo: tuple[int, ...]) -> list[Tile]:
        """Return the tiles that a block needs."""
        return self.tiles.tiles(self.blocks.outer(k, halo))

    def do(self, task: Task) -> Done:
        """Predict a tile, or find the objects of a block, unless there is a file.

        A worker may have ended after it had written one, and before it could answer.

        Raises
        ------
        ModelError
            If what is read is not finite.
        OutOfMemory
            If it needs more memory than there is.
        """
        start = time.perf_counter()
        tile = None if task.tile is None else self.tiles.predict(task.tile)
        outcome = None if task.block is None else self._block(task.block, task.halo)
        seconds, held = time.perf_counter() - start, peak_gpu_memory(self.tiles.device)
        return Done(task, seconds, peak_memory(), tile, outcome, held)

    def _block(self, k: int, halo: tuple[int, ...]) -> Outcome | None:
        """Write the objects of a block, all of whose tiles have files; None if the halo is narrow.

        One that cannot grow any more is taken as it is.
        """
        if (known := self.found.outcome(k)) is not None:
            return known
        outer = self.blocks.outer(k, halo)
        try:
            maps = self.tiles.maps(outer)
            objects, enough, cut = find_objects(maps, self.blocks, k, outer, self._clustering)
        except MemoryError as error:
            raise BlockTooLarge(
                f"there is too little memory for a block of {self.blocks.edges} pixels; try a"
                " smaller one"
            ) from error
        if not enough and halo != self.widest:
            return None
        outcome = Outcome(len(objects), halo != self.halo, not enough, self._pixels(cut))
        return self.found.write(k, objects, outcome)

    def _pixels(self, cut: NDArray[np.float64]) -> tuple[tuple[int, ...], ...]:
        """Return the pixels of the centres (M, D) of objects that are cut off."""
        last = np.array(self.blocks.shape) - 1
        return tuple(map(tuple, np.clip(np.rint(cut), 0, last).astype(int).tolist()))
