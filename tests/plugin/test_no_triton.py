"""Absence of triton from napari's process.

Importing triton after a software OpenGL context exists crashes the interpreter. torch's CUDA builds
import it with ``torch._dynamo``, which making an optimizer does; ``import torch`` alone does not.
So training is left to another process, and nothing else may load that compiler.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import napari_spatial_embeddings
from child_python import start_python

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
SHOW = "print(json.dumps([*sys.modules]))\n"
OPTIMIZE = "torch.optim.AdamW(model.network.parameters())\n"


@pytest.fixture(scope="module")
def compilers(tmp_path_factory: pytest.TempPathFactory) -> list[set[str]]:
    """Return the compiler's modules that are loaded after `USE`, and after `OPTIMIZE`."""
    child = start_python(
        USE + SHOW + OPTIMIZE + SHOW, str(tmp_path_factory.mktemp("compilers") / "model")
    )
    output, complaint = child.communicate()
    assert (child.returncode, complaint) == (0, "")
    compiler = {"torch._dynamo", "torch._inductor", "triton"}
    return [compiler & set(json.loads(line)) for line in output.splitlines()]


def test_all_but_training_does_without_the_compiler(compilers: list[set[str]]) -> None:
    assert compilers[0] == set()


def test_an_optimizer_loads_it(compilers: list[set[str]]) -> None:
    """The test above would prove nothing if this were not so."""
    if "torch._dynamo" not in compilers[1]:
        pytest.skip("this version of torch makes optimizers without its compiler")


def test_only_a_training_has_an_optimizer() -> None:
    training = {SOURCE / "training" / "preparation.py", SOURCE / "training" / "trainer.py"}
    for path in SOURCE.rglob("*.py"):
        named = {
            ast.unparse(node)
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Attribute | ast.Import | ast.ImportFrom)
        }
        optimizes = any(part in text for text in named for part in ("torch.optim", "torch.compile"))
        assert optimizes == (path in training), path
