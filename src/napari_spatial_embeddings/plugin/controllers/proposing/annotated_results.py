"""Results of the open images, with what is annotated on them, in or out of view."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from numpy.typing import NDArray

from napari_spatial_embeddings.files.regions import Region, covered
from napari_spatial_embeddings.plugin.layers.annotation import regions_of
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.plugin.state.open_image import Box, OpenImage
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.proposing.search import ImageToSearch


def annotation_of(
    viewer: ViewerModel, record: OpenImage
) -> tuple[NDArray[np.int32] | None, list[Region]]:
    """Return the annotated labels (*S) of an image or a frame, and its complete regions.

    The labels are the layer's own array; None if there is no layer for them.
    """
    if record.strokes is not None:
        return record.strokes.labels, regions_of(record.regions)
    layer = find_layer(viewer, "annotations", record.layers_key)
    if record.in_view or not isinstance(layer, Labels):
        return None, []
    regions = find_layer(viewer, "regions", record.layers_key)
    return layer.data[record.frame], regions_of(regions, record.frame)


def touches(box: Box, regions: list[Region]) -> bool:
    """Return whether pixels of a box lie in one of some regions."""
    first = np.array([part.start for part in box], float)
    moved = [Region(x.kind, x.corners - first[-x.corners.shape[1] :]) for x in regions]
    return bool(covered(moved, tuple(part.stop - part.start for part in box)).any())


def images_to_search(viewer: ViewerModel, session: Session) -> list[ImageToSearch]:
    """Return all results: that of the current image first, then the frames around it."""
    current = session.current
    series, at = (None, 0) if current is None else (current.series, current.frame)
    images = []
    for key, result in session.results.items():
        record = session.images[key]
        labels, regions = annotation_of(viewer, record)
        own = key if record.series is None else record.series.key
        images.append(
            ImageToSearch(key, own, record.frame, result, record.revision, labels, regions)
        )

    def distance(image: ImageToSearch) -> tuple[bool, bool, int]:
        other = series is None or image.series != series.key
        return image.key != session.image, other, abs(image.frame - at)

    return sorted(images, key=distance)
