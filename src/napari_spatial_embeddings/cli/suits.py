"""Whether an image suits a model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.errors import InputError

if TYPE_CHECKING:
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


def warn_about_scale(model: SpatialEmbeddings, image: Image) -> None:
    """Say so if an image's anisotropy is not what the model was trained for."""
    if image.pixel_size is None or len(image.pixel_size) != model.settings.ndim:
        return
    for own, other in zip(model.settings.spacing, image.spacing, strict=True):
        if not 0.8 < own / other < 1.25:
            sys.stderr.write(
                f"{image.name}: its pixels measure {_sides(image.spacing)}, the model was trained"
                f" for {_sides(model.settings.spacing)}; expect worse results\n"
            )
            return


def _sides(spacing: tuple[float, ...]) -> str:
    return " x ".join(f"{s:g}" for s in spacing)
