"""Segmentation of one image with a model of choice, in a worker thread or outside of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import Failure, InputError

if TYPE_CHECKING:
    from napari_spatial_embeddings.inference.segmentation import SegmentationReport


@dataclass(frozen=True, slots=True)
class SegmentRequest:
    """An image to be segmented with the thresholds that suit the model.

    Parameters
    ----------
    image : ImageData
    model : str
        Folder, or name of a shipped one.
    prediction : PredictionSettings
    """

    image: ImageData
    model: str
    prediction: PredictionSettings


def segment(request: SegmentRequest) -> Iterator[SegmentationReport]:
    """Segment an image; the last report holds the result.

    Raises
    ------
    InputError, Failure
        If the model or the image cannot be used, or memory is short.
    """
    # Loads torch.
    from napari_spatial_embeddings.inference.registry import find_model
    from napari_spatial_embeddings.inference.segmentation import SegmentationJob, segment_images

    image, model = request.image, find_model(request.model)
    job = SegmentationJob("", image.name, lambda: image)
    for report in segment_images(model, request.model, [job], model.clustering, request.prediction):
        if report.error is not None:
            kind = InputError if isinstance(report.error, InputError) else Failure
            raise kind(report.message) from report.error
        yield report
