"""Images with known maps in a viewer: what a prediction leaves, without a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject

from builders import capsules
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.inference.segmentation import Segmentation
from napari_spatial_embeddings.plugin.controllers.autosave import Autosave
from napari_spatial_embeddings.plugin.controllers.image_list import ListedImages
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.large.prediction import LargePrediction
from napari_spatial_embeddings.plugin.controllers.prediction import PredictionController
from napari_spatial_embeddings.plugin.controllers.project import ProjectController
from napari_spatial_embeddings.plugin.controllers.project_images import ProjectImages
from napari_spatial_embeddings.plugin.controllers.reclustering import ReclusteringController
from napari_spatial_embeddings.plugin.layers.results import ResultLayers
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.plugin.state.session import Session

if TYPE_CHECKING:
    from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
    from napari_spatial_embeddings.plugin.sections.tune import TuneStep

Labels = NDArray[np.int32]


class Bench:
    """A viewer without a window, a session, and what predicts, clusters and shows results."""

    def __init__(self, qtbot: QtBot) -> None:
        self.parent = QObject()
        self.viewer, self.session = ViewerModel(), Session()
        self.images = ImageController(self.viewer, self.session, self.parent)
        viewer, session, parent = self.viewer, self.session, self.parent
        self.autosave = Autosave(session, parent)
        self.images.leaving.connect(self.autosave.save_pending)
        self.project = ProjectController(viewer, session, self.autosave, self.images, parent)
        self.project_images = ProjectImages(
            viewer, session, self.autosave, self.images, self.project, parent
        )
        self.listed = ListedImages(
            session, self.images, self.autosave, self.project, self.project_images, parent
        )
        self.results = ResultLayers(viewer, session, parent)
        self.prediction = PredictionController(viewer, session, self.images, self.listed, parent)
        self.large = LargePrediction(
            viewer, session, self.images, self.project, self.project_images, self.prediction, parent
        )
        self.reclustering = ReclusteringController(viewer, session, self.images, parent)
        self.prediction.superseded.connect(self.reclustering.recluster)
        self.messages: list[str] = []
        self.session.message.connect(lambda text, _: self.messages.append(text))
        self._qtbot = qtbot

    @property
    def message(self) -> str:
        """The last message."""
        return self.messages[-1] if self.messages else ""

    def wait(self) -> None:
        """Run the event loop until nothing is under way."""
        parts = (self.reclustering, self.results, self.listed, self.autosave, self.large)
        self._qtbot.waitUntil(
            lambda: not self.prediction.running and not any(part.busy for part in parts),
            timeout=300_000,
        )

    def labels(self, key: str | None = None) -> Labels:
        """Return the labels that are shown of an image, the current one if none is given."""
        return shown_labels(self, key)

    def close(self) -> None:
        """Close as the dock does."""
        for controller in (
            self.reclustering,
            self.large,
            self.prediction,
            self.results,
            self.listed,
            self.project_images,
            self.autosave,
            self.project,
            self.images,
        ):
            controller.close()


@contextmanager
def new_bench(qtbot: QtBot) -> Iterator[Bench]:
    """Return a bench that is closed afterwards."""
    bench = Bench(qtbot)
    yield bench
    bench.close()


def tune_step(dock: SpatialEmbeddingsWidget) -> TuneStep:
    """Return the dock's step that predicts and tunes."""
    from napari_spatial_embeddings.plugin.sections.tune import TuneStep

    return next(step for step in dock.steps if isinstance(step, TuneStep))


def uncertain_maps(
    labels: Labels, seed: int = 0, classes: int = 1, spacing: tuple[float, ...] | None = None
) -> EmbeddingMaps:
    """Return maps on which every setting matters: seeds of all values, scattered embeddings."""
    rng = np.random.default_rng(seed)
    kinds = {int(i): int(i) % classes for i in np.unique(labels)}
    ideal = ideal_maps(labels, classes=kinds, n_classes=classes, sigma=2.5, spacing=spacing)
    best = rng.uniform(0.5, 1, int(labels.max()) + 1).astype(np.float32)[labels]
    fall = rng.uniform(0.5, 1, labels.shape).astype(np.float32)
    offsets = ideal.offsets + rng.normal(0, 1, ideal.offsets.shape).astype(np.float32)
    return EmbeddingMaps(offsets, ideal.sigma, ideal.seed * best * fall, ideal.spacing)


def add_image(
    rig: Bench | SpatialEmbeddingsWidget, labels: Labels, name: str = "nuclei", **how: Any
) -> str:
    """Open an image of these objects, choose it, and return its key."""
    layer = rig.viewer.add_image((labels > 0).astype(np.float32), name=name, **how)
    assert isinstance(layer, Image)
    rig.images.choose(layer)
    key = rig.session.image
    assert key is not None
    return key


def segmentation(session: Session, maps: EmbeddingMaps) -> Segmentation:
    """Return what a prediction with the session's settings makes of maps."""
    clustering, settings = Clustering(maps), session.clustering
    classes = tuple("abcdef"[: len(maps.seed)])
    instances = clustering(settings)
    return Segmentation(maps, clustering, instances, settings, None, classes, "a model", {})


def set_maps(rig: Bench | SpatialEmbeddingsWidget, key: str, maps: EmbeddingMaps) -> Segmentation:
    """Leave in the session what a prediction leaves."""
    made = segmentation(rig.session, maps)
    rig.session.set_result(key, made)
    return made


def discs(shape: tuple[int, ...] = (90, 110), count: int = 25, seed: int = 0) -> Labels:
    """Return labels of discs, or balls."""
    return capsules(shape, seed, count=count)


def shown_labels(rig: Bench | SpatialEmbeddingsWidget, key: str | None = None) -> Labels:
    """Return the labels that are shown of an image, the current one if none is given."""
    layer = find_layer(rig.viewer, "instances", key or str(rig.session.image))
    assert layer is not None
    labels: Labels = layer.data
    return labels


def settled(qtbot: QtBot, rig: Bench | SpatialEmbeddingsWidget) -> None:
    """Run the event loop until the current image's result is up to date."""
    qtbot.waitUntil(
        lambda: rig.session.result is not None and not rig.reclustering.busy, timeout=300_000
    )


@contextmanager
def counted(session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Count clusterings, and results and partial results that are published."""
    count: Counter[str] = Counter()
    cluster = Clustering.__call__

    def call(self: Clustering, *args: Any, **more: Any) -> Any:
        if self.maps.shape != (2, 2):  # of the maps with which the loops are compiled
            count["clusterings"] += 1
        return cluster(self, *args, **more)

    def result(_key: str) -> None:
        count["results"] += 1

    def partial(_key: str) -> None:
        count["partial results"] += 1

    monkeypatch.setattr(Clustering, "__call__", call)
    session.result_changed.connect(result)
    session.partial_changed.connect(partial)
    yield count
    session.result_changed.disconnect(result)
    session.partial_changed.disconnect(partial)
    monkeypatch.setattr(Clustering, "__call__", cluster)


def assert_same_objects(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> None:
    """Assert that two label images are the same but for the labels of the objects."""
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    for side in pairs:
        assert len(np.unique(side)) == len(side)
    assert np.array_equal(a > 0, b > 0)
