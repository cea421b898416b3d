"""Segmented image, or the frames of a time series, as the formats of an export take it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_spatial_embeddings.core.outlines.masks import ObjectMask, masks_of
from napari_spatial_embeddings.core.quality.calibration import predicted_iou_of
from napari_spatial_embeddings.errors import InputError

from .labels import about_window
from .measures import Steps, full_steps, measure_steps
from .objects import Table
from .record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_spatial_embeddings.config import ClusteringSettings, ExportSettings
    from napari_spatial_embeddings.core.image_data import PixelArray
    from napari_spatial_embeddings.core.instances import Instances
    from napari_spatial_embeddings.core.maps import EmbeddingMaps
    from napari_spatial_embeddings.core.units import Lengths


@dataclass(frozen=True, slots=True)
class Segmented:
    """An image and all that is known about its objects.

    Parameters
    ----------
    name : str
        What its files are called.
    instances : Instances
    classes : tuple of str
        Names of the objects' classes; empty if unknown.
    maps : EmbeddingMaps, optional
    image : (C, *S), optional
        Read where a format needs it.
    pixel_size : tuple of D floats, optional
        Size of a pixel along each axis, in ``unit``; None along an axis of unknown size.
    unit : str, optional
    about : mapping
        How the labels were made; as JSON takes it.
    model : mapping, optional
        The card of the model that predicted the maps.
    start : tuple of D ints
        First pixel in the large image that it is a window of; empty if it is none.
    clustering : ClusteringSettings, optional
        Those that gave the objects, for what lies behind others.
    table : Table, optional
        What is known of the objects from a file, in the order of ``instances.ids``.
    source : path, optional
        The image's file.
    annotation : integers (*S), optional
        What the user annotated: objects positive, 0 background, negative unknown.
    lead : Table
        Columns that stand before all others.
    """

    name: str
    instances: Instances
    classes: tuple[str, ...]
    maps: EmbeddingMaps | None = None
    image: PixelArray | None = None
    pixel_size: Lengths | None = None
    unit: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] | None = None
    start: tuple[int, ...] = ()
    clustering: ClusteringSettings | None = None
    table: Table | None = None
    source: Path | None = None
    annotation: NDArray[np.integer] | None = None
    lead: Table = field(default_factory=dict)

    def class_of(self, k: int) -> str | None:
        """Return the class of the object in row k; None if it is unknown."""
        index = int(self.instances.class_index[k])
        return self.classes[index] if index < len(self.classes) else None

    def masks(self, settings: ExportSettings) -> Iterator[ObjectMask]:
        """Yield the mask of each object, of overlapping ones the whole if the settings ask for it.

        Raises
        ------
        InputError
            If that needs maps, and they are not known.
        """
        if not settings.overlaps:
            return masks_of(self.instances.labels)
        if self.maps is None or self.clustering is None:
            raise InputError(
                f"what of {self.name} lies behind other objects is known from its maps alone, and"
                " there are none; predict it again with --maps, or do without overlaps"
            )
        from napari_spatial_embeddings.core.outlines.behind import whole_masks

        return whole_masks(self.instances, self.maps, self.clustering)

    def measured(self) -> Steps:
        """Measure the objects, and return a row for each: what is known of it, and its measures."""
        where = self.pixel_size, self.unit
        if self.table is not None:
            measured = yield from measure_steps(self.instances, self.image, *where)
            return {**self.lead, **self.table, **measured}
        spacing = None if self.maps is None else self.maps.spacing
        rows = yield from full_steps(
            self.instances,
            self.classes,
            self.image,
            *where,
            spacing,
            self.start,
            predicted_iou_of(self.model or {}, self.maps, self.instances),
        )
        return {**self.lead, **rows}

    def noted(self) -> dict[str, Any]:
        """Return how the objects were made, as it is kept in each file."""
        about = {**self.about, **about_window(self.start)}
        return record(about, self.source, self.image, self.name)


@dataclass(frozen=True, slots=True)
class SegmentedSeries:
    """A time series and all that is known about the objects of its frames.

    Parameters
    ----------
    name : str
        What its files are called.
    numbers : tuple of int
        The frames that were segmented, counted from 0, in ascending order.
    frame : callable
        Returns a frame by its number; called when it is needed.
    frames : int
        How many there are in all.
    shape : tuple of D ints
        Of a frame.
    classes : tuple of str
        Names of the objects' classes; empty if unknown.
    about : mapping
        How the labels were made; as JSON takes it.
    source : path, optional
        The series' file.
    """

    name: str
    numbers: tuple[int, ...]
    frame: Callable[[int], Segmented]
    frames: int
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    source: Path | None = None

    def noted(self) -> dict[str, Any]:
        """Return how the objects were made, as it is kept in each file."""
        return record(self.about, self.source)


Results: TypeAlias = Segmented | SegmentedSeries
"""What is exported."""


def frames_of(found: Results) -> Iterator[tuple[int | None, Segmented]]:
    """Yield each frame with its number, or an image without one."""
    if isinstance(found, Segmented):
        yield None, found
    else:
        for t in found.numbers:
            yield t, found.frame(t)


def shape_of(found: Results) -> tuple[int, ...]:
    """Return the spatial shape."""
    return found.instances.labels.shape if isinstance(found, Segmented) else found.shape
