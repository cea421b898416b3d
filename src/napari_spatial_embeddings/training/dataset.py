"""Training set: annotated images of one kind, and their resampling."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.core.units import Lengths, spacing_of
from napari_spatial_embeddings.inference.resampling import Resampling, positions

from .annotation import AnnotationError, TrainingImage


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Annotated images of one kind.

    Parameters
    ----------
    images : list of TrainingImage
        At least one.
    validation : list of TrainingImage
        Held out to choose the best model by; may be empty.
    classes : tuple of str
        Of the objects.
    pixel_size : tuple of D floats, optional
        Along each axis, in ``unit``; that of the first image where it is known.
    unit : str, optional
    digest : int, optional
        Of a project: the sum of CRC-32 of each image's annotated labels, as int32, and the number
        of its regions, by which it is known whether the annotations changed.

    Raises
    ------
    AnnotationError
        If the images differ in their number of channels or spatial axes.
    """

    images: list[TrainingImage]
    validation: list[TrainingImage]
    classes: tuple[str, ...]
    pixel_size: Lengths | None
    unit: str | None
    digest: int | None = None

    def __post_init__(self) -> None:
        first, *others = self.images + self.validation
        for other in others:
            if other.image.ndim != first.image.ndim or len(other.image) != len(first.image):
                raise AnnotationError(
                    f"{_kind(first)}, {_kind(other)}; train on images of one kind"
                )

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """Size of a pixel along each axis in pixels of the finest, where it is known."""
        return spacing_of(self.pixel_size)


def _kind(image: TrainingImage) -> str:
    channels = plural(len(image.image), "channel")
    return f"{image.name} has {channels} and {image.labels.ndim} spatial axes"


def resampled(source: TrainingImage, resampling: Resampling) -> TrainingImage:
    """Return an annotated image on the network's grid.

    Intensities are interpolated linearly, labels by the nearest pixel.
    """
    if resampling.trivial:
        return source
    shape = source.labels.shape
    whole = tuple(slice(0, n) for n in resampling.grid(shape))
    nearest = [
        np.clip(np.round(positions(w, f)), 0, n - 1).astype(int)
        for w, f, n in zip(whole, resampling.factors, shape, strict=True)
    ]
    at = np.ix_(*nearest)
    image = resampling.read(source.image, whole, lambda block: block.astype(np.float32))
    return replace(source, image=image, labels=source.labels[at], spacing=None)
