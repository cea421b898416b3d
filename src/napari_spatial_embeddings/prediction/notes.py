"""Notes about an image that is to be predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_spatial_embeddings.config import PredictionSettings
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings


def resampling_note(
    model: SpatialEmbeddings, image: ImageData, prediction: PredictionSettings
) -> str:
    """Return a sentence if an image is resampled due to its pixel size, which may be wrong."""
    how, spacing = model.suited(prediction, image.pixel_size, image.unit)
    resampling = model.resampling(how.object_diameter, spacing)
    if prediction.object_diameter is not None or resampling == model.resampling():
        return ""
    factors = " x ".join(f"{f:.2g}" for f in resampling.factors)
    return (
        f"{image.name}: resampled by {factors} before it is predicted, as its pixel size differs"
        " from that of the model's training images; --object-diameter overrides this"
    )
