"""Sentences about what a run takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_spatial_embeddings.inference.block_run import BlockReport
from napari_spatial_embeddings.large.estimate import estimate

REPORT = BlockReport(3, 12, 20, 0, 80, 100, "", 90.0, int(2e8), int(1.2e9), seconds=30.0)


def test_the_memory_of_a_gpu_is_stated_where_one_is_used(tmp_path: Path) -> None:
    text = "12 blocks: about 2 min, 1.2 GB of memory{} and up to 200 MB of disk meanwhile"
    assert estimate(REPORT, tmp_path, apart=False) == text.format("")
    on_gpu = replace(REPORT, gpu_memory=int(8e8))
    assert estimate(on_gpu, tmp_path, apart=False) == text.format(", 800 MB of the GPU's")
    workers = estimate(on_gpu, tmp_path, apart=True)
    assert workers == text.format(" in each worker, 800 MB of the GPU's")
