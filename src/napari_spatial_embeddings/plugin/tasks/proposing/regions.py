"""Proposed regions of all images that have a result, image by image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.errors import InputError, to_message
from napari_spatial_embeddings.files.regions import Region, covered

if TYPE_CHECKING:
    from napari_spatial_embeddings.editing.proposed_regions import ProposedRegion
    from napari_spatial_embeddings.inference.segmentation import Segmentation


@dataclass(frozen=True, slots=True, eq=False)
class ImageToSearch:
    """An image, or a frame of a time series, in which regions are to be proposed.

    Parameters
    ----------
    key, series : str
        Of the image and of its series; the same where it is no frame.
    frame : int
    result : Segmentation
    revision : int
        Of the annotation.
    annotation : int32 (*S), optional
        May change meanwhile.
    regions : sequence of Region
        Complete ones.
    """

    key: str
    series: str
    frame: int
    result: Segmentation
    revision: int
    annotation: NDArray[np.int32] | None
    regions: Sequence[Region]


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """The regions of one image.

    Parameters
    ----------
    done, total : int
        Images.
    image : ImageToSearch
    regions : list of ProposedRegion
    problem : str
        Why the image could not be searched; empty if it could.
    """

    done: int
    total: int
    image: ImageToSearch
    regions: list[ProposedRegion]
    problem: str = ""


def search(images: Sequence[ImageToSearch]) -> Iterator[Searched]:
    """Yield the regions of images, one image after the other.

    One that cannot be searched, such as a frame whose maps are gone from the disk, is passed over.
    """
    for k, image in enumerate(images, 1):
        found: list[ProposedRegion] = []
        problem = ""
        try:
            found = _regions(image)
        except (InputError, OSError) as error:
            problem = to_message(error)
        yield Searched(k, len(images), image, found, problem)


def _regions(image: ImageToSearch) -> list[ProposedRegion]:
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
