"""Results of predict and cluster, and models that find something untrained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from builders import network
from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.files import read_labels
from napari_spatial_embeddings.inference.model import SpatialEmbeddings


def labels(folder: Path) -> dict[str, NDArray[np.integer]]:
    """Return the label images in a folder by name."""
    return {path.name: read_labels(path) for path in sorted(folder.glob("*.tif"))}


def same(a: dict[str, NDArray[np.integer]], b: dict[str, NDArray[np.integer]]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def untrained(folder: Path, **settings: Any) -> Path:
    """Write a model that has learned nothing, but whose maps differ from pixel to pixel."""
    chosen = ModelSettings(width=8, levels=2, **settings)
    return SpatialEmbeddings(chosen, network(chosen)).save(folder)
