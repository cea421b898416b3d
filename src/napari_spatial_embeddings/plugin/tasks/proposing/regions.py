"""Proposed regions of an image that has a result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_spatial_embeddings.files.regions import covered

from .search import ImageToSearch

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.proposed_regions import ProposedRegion


def regions_of_image(image: ImageToSearch) -> list[ProposedRegion]:
    """Return the regions of an image in which annotation is expected to help."""
    from napari_spatial_embeddings.editing.proposed_regions import regions_in
    from napari_spatial_embeddings.editing.uncertainty import uncertainty

    result, shape = image.result, image.result.maps.shape
    found = uncertainty(result.maps, result.instances, result.settings, result.corrections)
    annotation = None if image.annotation is None else np.array(image.annotation)
    if annotation is not None and annotation.shape != shape:
        annotation = None
    complete = covered(image.regions, shape) if image.regions else None
    spacing = result.maps.spacing
    regions = regions_in(found, result.instances, spacing, annotation, complete)
    where = {"image": image.key, "series": image.series, "frame": image.frame}
    return [replace(region, **where) for region in regions]  # type: ignore[arg-type]
