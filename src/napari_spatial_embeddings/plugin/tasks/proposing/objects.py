"""Objects of an image that has a result, in the order in which they are to be reviewed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .search import ImageToSearch

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.reviewing import ObjectToReview


def objects_of_image(image: ImageToSearch) -> list[ObjectToReview]:
    """Return the objects of an image that are not locked, the least sure first."""
    from napari_spatial_embeddings.editing.reviewing import objects_to_review
    from napari_spatial_embeddings.editing.uncertainty import uncertainty

    result = image.result
    found = uncertainty(result.maps, result.instances, result.settings, result.corrections)
    return [
        replace(one, image=image.key, series=image.series, frame=image.frame)
        for one in objects_to_review(found, result.instances)
    ]
