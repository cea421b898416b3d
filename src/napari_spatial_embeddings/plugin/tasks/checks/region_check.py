"""Predicted objects in regions of complete annotation that are not annotated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.files.regions import Region, covered

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.instances import Instances


@dataclass(frozen=True, slots=True, eq=False)
class RegionRequest:
    """Regions to be checked.

    Parameters
    ----------
    key : str
        Of the image.
    annotation : int32 (*S)
        May change meanwhile.
    regions : sequence of Region
    instances : Instances
    """

    key: str
    annotation: NDArray[np.int32]
    regions: Sequence[Region]
    instances: Instances


def count_missing(request: RegionRequest) -> int:
    """Return how many predicted objects in the regions are not annotated."""
    from napari_spatial_embeddings.editing.to_annotation import missing

    region = covered(request.regions, request.annotation.shape)
    return len(missing(np.array(request.annotation), request.instances, region))
