"""Segmentation of an image larger than memory, block by block, as a generator of reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from napari_spatial_embeddings.config import BlockSettings, ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import OutOfMemory
from napari_spatial_embeddings.system.cancellation import never_cancelled

from .block_record import facts_of, open_record
from .block_run import BlockReport, BlockRun
from .block_work import BlockTooLarge, BlockWork, Plan
from .halved_tiles import SMALLEST_TILE
from .image_check import check_image
from .model import SpatialEmbeddings
from .normalisation import normalisation_of
from .places import Here, Place


def segment_blocks(
    model: SpatialEmbeddings,
    image: ImageData,
    clustering: ClusteringSettings,
    prediction: PredictionSettings,
    settings: BlockSettings,
    folder: Path,
    order: Sequence[int] | None = None,
    cancelled: Callable[[], bool] = never_cancelled,
    place: Place | None = None,
    source: str = "",
    discard: bool = True,
) -> Iterator[BlockReport]:
    """Find the objects of an image that may be larger than memory.

    Each block clusters its maps with a halo around it, and keeps the objects whose centre lies in
    its core; where one of them comes close to the halo's edge, the halo grows, and the block is
    done again. What is in memory are a tile and a block; maps are in files while blocks need them.

    Where the folder holds what an earlier run of the same image, model and settings has done, this
    one goes on from there, however that one ended. The objects are the same.

    Parameters
    ----------
    model : SpatialEmbeddings
    image : ImageData
    clustering : ClusteringSettings
    prediction : PredictionSettings
    settings : BlockSettings
    folder : path
        For what is kept meanwhile, of this image alone; the caller deletes it when the objects are
        written.
    order : sequence of int, optional
        In which the blocks are segmented. It changes no object and no id.
    cancelled : callable
        Asked between two tiles; once it is true, a last report follows.
    place : Place, optional
        Where the work is done: in this process if not given; see `workers`.
    source : str
        Which file the image is, and in which state: see `files.state_of`. Without one, nothing of
        an earlier run is used.
    discard : bool
        Whether what an earlier run of another image, model or settings has done may be deleted.

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
    OtherRun
        If there are blocks of such a run, and they may not be deleted.
    """
    check_image(model.settings, image.data.shape, image.data.dtype)
    model.check(image.data)
    scale = normalisation_of(image, model.settings)
    facts = facts_of(model, image, scale, source, clustering, prediction, settings)
    edges = prediction.tile, settings.block
    record = open_record(folder, facts, *edges, again=bool(source), discard=discard)
    place = place or Here()
    while True:
        tiles = prediction.updated(tile=record.tile)
        blocks = settings.updated(block=record.block)
        plan = Plan(clustering, tiles, blocks, record.place, scale, facts)
        work = BlockWork(model, image, plan)
        record.write_count(len(work.blocks))
        place.start(work, plan)
        try:
            yield from BlockRun(work, place, record.changed).reports(order, clustering, cancelled)
        except OutOfMemory as error:
            too_large = isinstance(error, BlockTooLarge)
            edge = record.block if too_large else record.tile
            if edge // 2 < SMALLEST_TILE:
                raise
            half = {"block": edge // 2} if too_large else {"tile": edge // 2}
            record = record.smaller(**half)
            record.write()
        else:
            return
        finally:
            place.stop()
