"""Images with known maps in the viewer: what a prediction would leave, without a network."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from builders import capsules
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.sections.tune import TuneStep
from napari_spatial_embeddings.plugin.session import Result

Labels = NDArray[np.int32]


def tune_step(dock: SpatialEmbeddingsWidget) -> TuneStep:
    return next(step for step in dock.steps if isinstance(step, TuneStep))


def uncertain_maps(
    labels: Labels, seed: int = 0, classes: int = 1, spacing: tuple[float, ...] | None = None
) -> EmbeddingMaps:
    """Maps on which every setting matters: seeds of all values, embeddings that scatter."""
    rng = np.random.default_rng(seed)
    kinds = {int(i): int(i) % classes for i in np.unique(labels)}
    ideal = ideal_maps(labels, classes=kinds, n_classes=classes, sigma=2.5, spacing=spacing)
    best = rng.uniform(0.5, 1, int(labels.max()) + 1).astype(np.float32)[labels]
    fall = rng.uniform(0.5, 1, labels.shape).astype(np.float32)
    offsets = ideal.offsets + rng.normal(0, 1, ideal.offsets.shape).astype(np.float32)
    return EmbeddingMaps(offsets, ideal.sigma, ideal.seed * best * fall, ideal.spacing)


def add_image(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, labels: Labels, name: str = "nuclei", **how: Any
) -> str:
    """Open an image of these objects, choose it, and return its key."""
    layer = viewer.add_image((labels > 0).astype(np.float32), name=name, **how)
    assert isinstance(layer, Image)
    dock.workspace.choose(layer)
    key = dock.session.image
    assert key is not None
    return key


def set_maps(dock: SpatialEmbeddingsWidget, key: str, maps: EmbeddingMaps) -> None:
    """Leave in the session what a prediction leaves."""
    classes = tuple("abcdef"[: len(maps.seed)])
    dock.session.set_result(key, Result(maps, Clustering(maps), classes))


def discs(shape: tuple[int, ...] = (90, 110), count: int = 25, seed: int = 0) -> Labels:
    return capsules(shape, seed, count=count)


def settled(qtbot: QtBot, dock: SpatialEmbeddingsWidget) -> None:
    tune = tune_step(dock)

    def check() -> bool:
        result = dock.session.result
        return result is not None and result.instances is not None and not tune.reclustering.busy

    qtbot.waitUntil(check, timeout=60_000)


def assert_same_objects(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> None:
    """Assert that two label images are the same but for the names of the objects."""
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    for side in pairs:
        assert len(np.unique(side)) == len(side)
    assert np.array_equal(a > 0, b > 0)
