"""Whether an image suits a model, and how it is made to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.errors import InputError

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import PredictionSettings
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings


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
    model: SpatialEmbeddings, image: ImageData, prediction: PredictionSettings
) -> tuple[PredictionSettings, tuple[float, ...] | None]:
    """Return what `SpatialEmbeddings.suited` does; what the pixel size tells is said on stderr.

    For a file's pixel size may be wrong.
    """
    how, spacing = model.suited(prediction, image.pixel_size, image.unit)
    resampling = model.resampling(how.object_diameter, spacing)
    if prediction.object_diameter is None and resampling != model.resampling():
        factors = " x ".join(f"{f:.2g}" for f in resampling.factors)
        sys.stderr.write(
            f"{image.name}: resampled by {factors} before it is predicted, as its pixel size"
            " differs from that of the model's training images; --object-diameter can tell"
            " otherwise\n"
        )
    return how, spacing
