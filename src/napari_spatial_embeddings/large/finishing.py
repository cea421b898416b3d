"""Work once all objects are found, block by block: labels are written, and objects measured.

It is done in this process, or shared among others, as `Place.each` has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatial_embeddings.core.image_data import sliced
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.core.measuring.neighbours import count_neighbours
from napari_spatial_embeddings.export.label_store import write_core
from napari_spatial_embeddings.export.measures import Around, complete, full_steps
from napari_spatial_embeddings.export.objects import csv_rows
from napari_spatial_embeddings.files.errors import writing
from napari_spatial_embeddings.inference.blocks import grown

if TYPE_CHECKING:
    import zarr

    from napari_spatial_embeddings.core.image_data import ImageData, PixelArray
    from napari_spatial_embeddings.inference.found_blocks import FoundBlocks
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings


@dataclass(frozen=True, slots=True)
class Labelling:
    """What a process needs to know to write labels.

    Parameters
    ----------
    found : FoundBlocks
        After `FoundBlocks.resolve`.
    levels : tuple of (path, tuple of D ints)
        From `LabelStore.aligned`.
    """

    found: FoundBlocks
    levels: tuple[tuple[Path, tuple[int, ...]], ...]

    def __call__(self, model: SpatialEmbeddings, image: ImageData) -> LabelledBlocks:  # noqa: ARG002
        """Open what is written."""
        import zarr

        opened = [(zarr.open_array(path, mode="r+"), factors) for path, factors in self.levels]
        return LabelledBlocks(self.found, self.levels[0][0], opened)


@dataclass(frozen=True, slots=True)
class LabelledBlocks:
    """The objects of blocks, and the arrays that take their labels.

    Parameters
    ----------
    found : FoundBlocks
    path : path
        Of the finest level.
    levels : list of (zarr.Array, tuple of D ints)
        As `write_core` takes them.
    """

    found: FoundBlocks
    path: Path
    levels: list[tuple[zarr.Array[Any], tuple[int, ...]]]

    def do(self, k: int) -> None:
        """Write the core of a block."""
        labels = self.found.labels(k)
        with writing(self.path):
            write_core(self.levels, self.found.blocks.core(k), labels)


@dataclass(frozen=True, slots=True)
class Measuring:
    """What a process needs to know to measure objects, but for the image and the model.

    Parameters
    ----------
    found : FoundBlocks
        After `FoundBlocks.resolve`.
    labels : path
        Of the Zarr array of all labels.
    """

    found: FoundBlocks
    labels: Path

    def __call__(self, model: SpatialEmbeddings, image: ImageData) -> MeasuredBlocks:
        """Open what is measured."""
        import zarr

        labels: PixelArray = zarr.open_array(self.labels, mode="r")
        return MeasuredBlocks(model, image, self.found, labels)


@dataclass(frozen=True, slots=True)
class MeasuredBlocks:
    """The objects of blocks, and their measures.

    Parameters
    ----------
    model : SpatialEmbeddings
    image : ImageData
    found : FoundBlocks
    labels : integers (*S)
        Of all objects, sliced as an array in memory would be.
    """

    model: SpatialEmbeddings
    image: ImageData
    found: FoundBlocks
    labels: PixelArray

    def do(self, k: int | None) -> bytes:
        """Return the rows of a block's objects, as CSV; of no block, the columns' names."""
        image, data, around = self.image, None, None
        one = None if k is None else self.found.instances(k)
        if one is None:
            instances = Corrections.none((1,) * image.ndim).instances()
            data = sliced(image.data, (slice(None), *(slice(0, 1),) * image.ndim))
        else:
            instances, window = one
            data = sliced(image.data, (slice(None), *window))
            first = tuple(part.start for part in window)
            # A block holds its own objects whole, but not those of others beside them.
            beside = np.asarray(self.labels[grown(window, (1,) * image.ndim, image.shape)])
            around = Around(first, image.shape, count_neighbours(beside, instances.ids))
        settings = self.model.settings
        known = self.model.calibration  # of the maps nothing is left
        ious = None if known is None else known.predicted_iou(instances.score)
        where = image.pixel_size, image.unit, self.found.spacing, (), ious
        table = complete(full_steps(instances, settings.classes, data, *where, around))
        return csv_rows(table, names=k is None)
