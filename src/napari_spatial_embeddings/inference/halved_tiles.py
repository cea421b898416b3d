"""Prediction of an image with smaller tiles where memory is short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.errors import OutOfMemory

from .normalisation import Scale, normalisation
from .resampling import Pyramid

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData

    from .model import SpatialEmbeddings
    from .tiling import Progress

SMALLEST_TILE = 64
"""Tiles are not halved below this edge, in pixels, when memory is short."""


def predict_halving_tiles(
    model: SpatialEmbeddings,
    image: ImageData,
    settings: PredictionSettings,
    window: tuple[slice, ...] | None = None,
    out: EmbeddingMaps | None = None,
    scale: Scale | None = None,
) -> Iterator[tuple[Progress, str]]:
    """Yield progress and a note; where memory is short, go on with tiles of half the edge.

    Parameters as in `SpatialEmbeddings.predicting`.

    Raises
    ------
    OutOfMemory
        If not even a tile of `SMALLEST_TILE` fits.
    """
    note = ""
    if scale is None and image.whole is not None:
        scale = normalisation(image.whole, model.settings)
    pixels = Pyramid.of(image)
    settings, spacing = model.suited(settings, image.pixel_size, image.unit)
    while True:
        try:
            for progress in model.predicting(pixels, settings, window, out, spacing, scale):
                yield progress, note
        except OutOfMemory:
            if settings.tile // 2 < SMALLEST_TILE:
                raise
            settings = settings.updated(tile=settings.tile // 2)
        else:
            return
        # What did not fit is released here, after the error that held it.
        note = f" (memory is short: tiles of {settings.tile} pixels)"
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()
