"""triton is never loaded inside napari.

Importing triton after a software OpenGL context exists crashes the interpreter. torch's CUDA builds
import it with ``torch._dynamo``, which making one of torch's optimizers does; ``import torch``
alone does not. So nothing may load that compiler, a training neither.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import napari_spatial_embeddings

SOURCE = Path(napari_spatial_embeddings.__file__).parent

USE = """
import importlib, json, pkgutil, sys
import numpy as np
import torch
import napari_spatial_embeddings as package
from napari_spatial_embeddings.config import ModelSettings

for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    # The last one is for processes that workers are forked from: it changes the environment.
    if ".plugin" not in found.name and not found.name.endswith(("__main__", "workers.preloaded")):
        importlib.import_module(found.name)
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.config import ClusteringSettings, PredictionSettings
from napari_spatial_embeddings.inference.model import SpatialEmbeddings

SpatialEmbeddings(ModelSettings(width=4, levels=1)).save(sys.argv[1])
model = SpatialEmbeddings.load(sys.argv[1])
image = np.random.default_rng(0).random((40, 40))
for flips in False, True:
    maps = model.predict_maps(image, PredictionSettings(flips=flips))
Clustering(maps)(ClusteringSettings(seed_threshold=0.0, foreground_threshold=0.0))

from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.training.annotation import annotate
from napari_spatial_embeddings.training.train import train

labels = np.zeros((40, 40), np.int32)
labels[10:20, 10:20] = 1
drawn = annotate(image[None].astype(np.float32), labels)
settings = TrainingSettings(epochs=2, crop_size=32, batch_size=1, object_diameter=10)
assert [report.step for report in train([drawn], settings, model)][-1] > 0
"""


def loaded(script: str, folder: Path) -> set[str]:
    """Run a script; return which of the compiler's modules it has loaded."""
    script += "print(json.dumps([*sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return {"torch._dynamo", "torch._inductor", "triton"} & set(json.loads(done.stdout))


def test_nothing_loads_the_compiler(tmp_path: Path) -> None:
    """Nor does a training, which would start seconds later."""
    assert loaded(USE, tmp_path) == set()


def test_only_a_training_has_an_optimizer() -> None:
    training = {SOURCE / "training/adamw.py"}
    for path in SOURCE.rglob("*.py"):
        named = {
            ast.unparse(node)
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Attribute | ast.Import | ast.ImportFrom)
        }
        optimizes = any(part in text for text in named for part in ("torch.optim", "torch.compile"))
        assert optimizes == (path in training), path
