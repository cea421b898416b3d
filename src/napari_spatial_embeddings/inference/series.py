"""Frames of a time series as images to be segmented, normalised as the series is."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.maps import Float

from .image_check import check_image
from .model import SpatialEmbeddings
from .normalisation import normalisation
from .segmentation import SegmentationJob


def frame_jobs(
    model: SpatialEmbeddings,
    image: ImageData,
    frames: Iterable[int] | None = None,
    advice: str = "",
    scale: Float | None = None,
) -> list[SegmentationJob]:
    """Return a job for `segment_images` for each frame, whose key is its number.

    The normalisation is that of the whole series, whichever frames are wanted: a frame gets the
    same objects alone as among others.

    Parameters
    ----------
    model : SpatialEmbeddings
    image : ImageData
        With an axis of time. What is read here are the values that its normalisation takes.
    frames : iterable of int, optional
        Numbers from 0, in the order in which they are wanted; all of them if not given.
    advice : str
        As in `SegmentationJob`.
    scale : float32 (2, C), optional
        The series' normalisation, if it is known.

    Raises
    ------
    ModelError
        If the model does not take such frames, or no value is finite.
    """
    first = image.frame(0)
    check_image(model.settings, first.data.shape, first.data.dtype, advice=advice)
    if scale is None:
        scale = normalisation(image.data, model.settings)
    return [
        SegmentationJob(
            str(t),
            f"{image.name}, frame {t}",
            partial(image.frame, t),
            advice=advice,
            scale=scale,
        )
        for t in (range(image.frames or 1) if frames is None else frames)
    ]
