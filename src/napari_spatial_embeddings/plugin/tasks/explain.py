"""Explanation of a pixel, in a worker thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.explanation import Explanation
    from napari_spatial_embeddings.inference.segmentation import Segmentation


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """A pixel to be explained.

    Parameters
    ----------
    key : str
        The image.
    result : Segmentation
    pixel : tuple of D ints
    """

    key: str
    result: Segmentation
    pixel: tuple[int, ...]


def explain_pixel(request: ExplainRequest) -> Explanation:
    """Explain why a pixel belongs to its object, or to none."""
    from napari_spatial_embeddings.editing.explanation import explain

    result = request.result
    return explain(
        result.instances, result.maps, result.settings, request.pixel, result.corrections
    )
