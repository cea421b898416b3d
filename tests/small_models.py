"""Models that were never trained, with all that a model carries, and images for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from builders import capsules, network, picture
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.inference.model import SpatialEmbeddings


def model_of(ndim: int = 2, seed: int = 0, **changes: Any) -> SpatialEmbeddings:
    settings = ModelSettings.model_validate(
        {"ndim": ndim, "spacing": (1.0,) * ndim, "width": 4, "levels": 2, **changes}
    )
    return SpatialEmbeddings(
        settings,
        network(settings, seed),
        ClusteringSettings(seed_threshold=0.7, min_size=3),
        pixel_size=(0.25,) * ndim,
        unit="micrometer",
        history=[{"step": 10, "ap50": 0.5}],
        about={"data": "discs"},
    )


def image_of(channels: int = 1) -> NDArray[np.float32]:
    return picture(capsules((40, 50), 1), channels=channels)


def assert_same(a: EmbeddingMaps, b: EmbeddingMaps, tolerance: float = 0.0) -> None:
    for name in ("offsets", "sigma", "seed"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), tolerance, tolerance)
