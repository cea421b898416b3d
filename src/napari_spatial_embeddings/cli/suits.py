"""Whether an image suits a model, and how it is made to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.errors import InputError

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import PredictionSettings
    from napari_spatial_embeddings.files import Image
    from napari_spatial_embeddings.model import SpatialEmbeddings


def check_kind(model: SpatialEmbeddings, image: NDArray[np.generic]) -> None:
    """Refuse an image (C, *S) of other axes or channels than the model's, or that is not finite.

    Stricter than the model itself, to which (1, Y, X) may be a volume of one slice: a file tells
    which axes it has.

    Raises
    ------
    InputError
    """
    if image.ndim != model.settings.ndim + 1:
        takes, other = ("2D images", "a 3D volume")
        if model.settings.ndim == 3:
            takes, other = ("3D volumes", "a 2D image")
        raise InputError(f"the model takes {takes}, this is {other}; --axes can tell otherwise")
    model.check(image)


def suited(
    model: SpatialEmbeddings, image: Image, prediction: PredictionSettings
) -> tuple[PredictionSettings, tuple[float, ...] | None]:
    """Return how an image is predicted, with the size of its objects, and the image's spacing.

    If nobody told the size, the image's pixel size does, compared with that of the images that the
    model was trained on. That is said on stderr, for a file's pixel size may be wrong.
    """
    spacing = None if image.pixel_size is None else image.spacing
    if prediction.object_diameter is not None:
        return prediction, spacing
    told = model.diameter_at(image.pixel_size, image.unit)
    resampling = model.resampling(told, spacing)
    if resampling != model.resampling():
        factors = " x ".join(f"{f:.2g}" for f in resampling.factors)
        sys.stderr.write(
            f"{image.name}: resampled by {factors} before it is predicted, as its pixel size"
            " differs from that of the model's training images; --object-diameter can tell"
            " otherwise\n"
        )
    return prediction.updated(object_diameter=told and max(2.0, told)), spacing
