"""triton is never loaded inside napari.

Importing triton after a software OpenGL context exists crashes the interpreter. torch's CUDA builds
import it with ``torch._dynamo``, which making an optimizer does; ``import torch`` alone does not.
So training is left to another process, and nothing else may load that compiler.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import napari_spatial_embeddings

SOURCE = Path(napari_spatial_embeddings.__file__).parent

USE = """
import importlib, json, pkgutil, sys
import numpy as np
import torch
import napari_spatial_embeddings as package
from napari_spatial_embeddings.config import ModelSettings

for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if ".plugin" not in found.name and not found.name.endswith("__main__"):
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
"""
OPTIMIZE = "torch.optim.AdamW(model.network.parameters())\n"


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


def test_all_but_training_does_without_the_compiler(tmp_path: Path) -> None:
    assert loaded(USE, tmp_path) == set()


def test_an_optimizer_loads_it(tmp_path: Path) -> None:
    """The test above would prove nothing if this were not so."""
    if "torch._dynamo" not in loaded(USE + OPTIMIZE, tmp_path):
        pytest.skip("this version of torch makes optimizers without its compiler")


def test_only_a_training_has_an_optimizer() -> None:
    training = {SOURCE / "training/flat_weights.py", SOURCE / "training/trainer.py"}
    for path in SOURCE.rglob("*.py"):
        named = {
            ast.unparse(node)
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Attribute | ast.Import | ast.ImportFrom)
        }
        optimizes = any(part in text for text in named for part in ("torch.optim", "torch.compile"))
        assert optimizes == (path in training), path
