"""Open images: one record for each image in the viewer, with all that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .undo_history import UndoHistory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.core.instances import Corrections
    from napari_spatial_embeddings.inference.segmentation import Segmentation

    from .annotation_count import AnnotationCount

Box = tuple[slice, ...]
"""One slice per spatial axis, start and stop inside the image."""


@dataclass(frozen=True, slots=True)
class PartialResult:
    """Labels of a part of an image, ahead of those of the whole.

    Parameters
    ----------
    box : Box
        The part that was in view.
    labels : int32 (*box)
    count : int
        Objects in there.
    milliseconds : float
        Time that their clustering took.
    """

    box: Box
    labels: NDArray[np.int32]
    count: int
    milliseconds: float


@dataclass(slots=True, eq=False)
class Series:
    """A time series that is open: what its frames share. Changed in the main thread only.

    Its layers hold all frames, and have the tag of the frame in view.

    Parameters
    ----------
    key : str
        That of its layer's tag, without the number of a frame.
    layer : napari.layers.Image
    image : ImageData, optional
        All frames; None if they cannot be used.
    frame : int
        The number of the one in view.
    records : dict of OpenImage
        Those of the frames that were looked at or predicted, by number.
    scales : dict
        Normalisations of the series that were computed, by what they depend on.
    """

    key: str
    layer: Any
    image: ImageData | None
    frame: int = 0
    records: dict[int, OpenImage] = field(default_factory=dict)
    scales: dict[Any, Any] = field(default_factory=dict)

    @property
    def shown(self) -> OpenImage:
        """The record of the frame in view."""
        return self.records[self.frame]

    @property
    def predicted(self) -> list[int]:
        """Numbers of the frames that have a result, in order."""
        return sorted(t for t, record in self.records.items() if record.result is not None)

    @property
    def frames(self) -> int:
        """Number of frames."""
        return 1 if self.image is None or self.image.frames is None else self.image.frames


@dataclass(slots=True, weakref_slot=True, eq=False)
class OpenImage:
    """An image, or a frame of a time series, that is open in the viewer.

    Changed in the main thread only.

    `ImageController` adds and removes records; each field has one owner, named below.

    Parameters
    ----------
    key : str
        Name that its layers, its entry in the project and its files share.
    layer : napari.layers.Image
        The layer that shows it. Its tag holds axes and channels. None once it is closed.
    image : ImageData, optional
        What the layer shows, also when its data have just been replaced; None if that cannot be
        used (`ImageController`).
    series : Series, optional
        The time series that it is a frame of (`ImageController`).
    frame : int
        Its number there.
    hidden_layers : list of layers
        Those to be shown again with the image (`ImageSwitcher`).
    slice : tuple of floats, optional
        Point of the viewer's sliders when the image was left (`ImageSwitcher`).
    strokes, regions : layer handlers, optional
        What is annotated, and where it is complete (`AnnotationController`).
    count : AnnotationCount, optional
        Number of annotated objects (`AnnotationController`).
    revision, saved_revision : int
        Of the annotation; the image is dirty where they differ (`AnnotationController`).
    edited : bool
        Whether the user changed the annotation (`AnnotationController`).
    result : Segmentation, optional
        What was predicted; change it through `Session`.
    complete : bool
        Whether the last prediction was of all of it, not of a part in view
        (`PredictionController`).
    partial : PartialResult, optional
        Newer labels of a part of it; change it through `Session`.
    shown : Segmentation, optional
        What the result layers show (`ResultLayers`).
    outlined : Corrections, optional
        Those whose locked objects are outlined (`LockedOutlines`).
    corrections, saved_corrections : Corrections, optional
        As the user made them, and as they are in the project (`CorrectionController`).
    corrections_loaded : bool
        Whether the project was asked for them (`CorrectionController`).
    undo : UndoHistory
        Of the corrections (`CorrectionController`).
    """

    key: str
    layer: Any
    image: ImageData | None = None
    series: Series | None = None
    frame: int = 0
    hidden_layers: list[Any] = field(default_factory=list)
    slice: tuple[float, ...] | None = None
    strokes: Any = None
    regions: Any = None
    count: AnnotationCount | None = None
    revision: int = 0
    saved_revision: int | None = None
    edited: bool = False
    result: Segmentation | None = None
    complete: bool = False
    partial: PartialResult | None = None
    shown: Segmentation | None = None
    outlined: Corrections | None = None
    corrections: Corrections | None = None
    saved_corrections: Corrections | None = None
    corrections_loaded: bool = False
    undo: UndoHistory[Any] = field(default_factory=UndoHistory)

    @property
    def layers_key(self) -> str:
        """Key of the layers that show it: of a frame, those of the frame in view."""
        return self.key if self.series is None else self.series.shown.key

    @property
    def in_view(self) -> bool:
        """Whether its layers show it, rather than another frame."""
        return self.series is None or self.series.shown is self

    @property
    def dirty(self) -> bool:
        """Whether the annotation is not in the project as it is now."""
        return self.revision != self.saved_revision

    def close(self) -> None:
        """Let go of the layers, of the pixels, and of what was predicted and corrected."""
        self.layer = self.image = None
        self.hidden_layers = []
        self.result = self.partial = self.shown = None
        self.corrections = self.saved_corrections = self.outlined = None
        self.undo = UndoHistory()
