"""Peak memory of predicting a large image tile by tile into maps on disk."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

from napari_spatial_embeddings.config import ModelSettings, PredictionSettings
from napari_spatial_embeddings.core.maps import EmbeddingMaps
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.normalisation import normalisation
from napari_spatial_embeddings.inference.tiling import predict_tiles

from .table import Row


class Watch(threading.Thread):
    """Samples the process's anonymous memory; mapped files do not count, they can be dropped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.05):
            self.peak = max(self.peak, anonymous())


def anonymous() -> float:
    """Return the process's anonymous memory in MB (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return 0.0


def measure(quick: bool = False) -> list[Row]:
    """Predict an image of 8192 x 8192 pixels."""
    edge = 2048 if quick else 8192
    settings = ModelSettings()
    torch.manual_seed(0)
    model = SpatialEmbeddings(settings)
    with tempfile.TemporaryDirectory() as folder:

        def on_disk(name: str, kind: str, n: int) -> np.memmap:  # type: ignore[type-arg]
            path = Path(folder) / name
            return np.lib.format.open_memmap(path, "w+", dtype=kind, shape=(n, edge, edge))

        image = on_disk("image.npy", "uint8", 1)
        rng = np.random.default_rng(0)
        for row in range(0, edge, 512):
            image[0, row : row + 512] = rng.integers(0, 255, (512, edge), np.uint8)
        maps = EmbeddingMaps(
            on_disk("offsets.npy", "float32", 2),
            on_disk("sigma.npy", "float32", 2),
            on_disk("seed.npy", "float32", 1),
            settings.spacing,
        )
        before = anonymous()
        watch = Watch()
        watch.start()
        start = time.perf_counter()
        scale = normalisation(image, settings)
        prediction, cpu = PredictionSettings(device="cpu"), torch.device("cpu")
        for _ in predict_tiles(model.network, settings, image, scale, prediction, cpu, maps):
            pass
        seconds = time.perf_counter() - start
        watch.over.set()
        watch.join()
    return [
        {
            "image": f"{edge} x {edge}",
            "memory above image and maps": f"{watch.peak - before:,.0f} MB",
            "seconds": round(seconds, 1),
            "megapixels per second": round(edge**2 / 1e6 / seconds, 2),
        }
    ]
