"""Untrained networks on a bench: predictions by them, and the end of exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.layers import Image
from pytestqt.qtbot import QtBot

from builders import network, picture
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from plugin.fake_results import Bench, discs
from plugin.scenes import EditorBench

LOW = ClusteringSettings(seed_threshold=0.3, foreground_threshold=0.2, min_size=1)
"""Thresholds at which an untrained network's maps hold objects."""


def model_of(**settings: Any) -> SpatialEmbeddings:
    chosen = ModelSettings.model_validate(
        {"width": 4, "levels": 2, "working_diameter": 10, "offset_range": 8, **settings}
    )
    return SpatialEmbeddings(chosen, network(chosen), LOW)


def use(bench: Bench, folder: Path, **settings: Any) -> SpatialEmbeddings:
    model = model_of(**settings)
    model.save(folder)
    bench.session.set_model(folder, model.clustering)
    return model


def add(bench: Bench, *, seed: int = 0, **how: Any) -> Image:
    image = picture(discs(**how, seed=seed), seed)[0]
    layer = bench.viewer.add_image(image, name=f"cells {seed}")
    assert isinstance(layer, Image)
    bench.images.choose(layer)
    return layer


def predict(bench: Bench, qtbot: QtBot, what: str = "image") -> bool:
    """Predict, wait until all is shown, and return whether it was completed."""
    with qtbot.waitSignal(bench.prediction.ended, timeout=300_000) as signal:
        getattr(bench.prediction, what)()
    bench.wait()
    assert signal.args is not None
    return bool(signal.args[0])


def small_model(folder: Path) -> Path:
    """Save a network that was never trained."""
    settings = ModelSettings(width=4, levels=2, working_diameter=10, offset_range=8)
    SpatialEmbeddings(settings, network(settings)).save(folder)
    return folder


def done(bench: EditorBench) -> str:
    """Wait for the sentence that ends an export."""
    bench._qtbot.waitUntil(lambda: not bench.export.busy, timeout=300_000)
    return bench.message
