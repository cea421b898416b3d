"""Check of an image against a model."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.core.text import plural

from .model_card import ModelError

NOT_FINITE = (
    "the image holds NaN or infinite values; replace them first, for example with numpy.nan_to_num"
)

TOO_LARGE = (
    "the image holds values beyond 3.4e38, the largest of 32 bits; replace them first if they mark"
    " gaps, or divide all values by the same number"
)


def check_image(
    settings: ModelSettings,
    shape: tuple[int, ...],
    dtype: DTypeLike = np.uint8,
    *,
    model: str = "the model",
    name: str = "this",
    advice: str = "",
) -> None:
    """Refuse an image that a model cannot take, without its pixels.

    Parameters
    ----------
    settings : ModelSettings
    shape : tuple of 1 + D ints
        Of the image (C, *S).
    dtype : dtype
        Of the image.
    model, name : str
        What the message calls the model and the image.
    advice : str
        What to do about other axes or channels, for the end of the message.

    Raises
    ------
    ModelError
        If the image has another number of axes or channels, is empty, or not of real numbers.
    """
    if (len(shape) - 1, shape[0]) != (settings.ndim, settings.in_channels):
        many = {2: "2D images", 3: "3D volumes"}[settings.ndim]
        takes = f"{many} with {plural(settings.in_channels, 'channel')}"
        one = {3: "a 2D image", 4: "a 3D volume"}.get(len(shape))
        has = f"is {one} with {plural(shape[0], 'channel')}" if one else f"has shape {shape}"
        raise ModelError(f"{model} takes {takes}, {name} {has}{advice and ': '}{advice}")
    if 0 in shape:
        raise ModelError(f"the image is empty: its shape is {shape}")
    if np.dtype(dtype).kind not in "buif":
        raise ModelError(f"the image has type {np.dtype(dtype)}; expected real numbers")
