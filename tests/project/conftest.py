"""Fixtures of the tests of projects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from command_line import cells, save
from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.files import Region
from napari_spatial_embeddings.project import Annotation, Project


def annotation(seed: int = 0, shape: tuple[int, ...] = (64, 64)) -> Annotation:
    """Return all there can be on the image of the same seed: objects, a stroke, regions."""
    labels = cells(shape, seed)[1].astype(np.int32)
    labels[..., :2, :5] = 70_000  # needs 32 bits
    box = np.array([[10, 10], [10, 50], [40, 50], [40, 10.5]])
    return Annotation(labels, {70_000: BACKGROUND}, [Region("rectangle", box)])


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of two images, the first of them annotated."""
    made = Project.create(tmp_path / "project")
    for i in range(2):
        scale = {"imagej": True, "resolution": (1 / 0.3, 1 / 0.3), "metadata": {"unit": "um"}}
        made.add_image(save(tmp_path / "raw" / f"cells {i}.tif", cells((64, 64), i)[0], **scale))
    made.save_annotation("cells_0", annotation())
    return made


def corrections(labels: NDArray[np.int32], count: int = 0) -> Corrections:
    """Return corrections with made-up facts about the first objects."""
    rng, ndim = np.random.default_rng(0), labels.ndim
    return Corrections(
        labels,
        np.arange(1, count + 1, dtype=np.int32),
        rng.integers(0, 3, count),
        rng.random(count, np.float32),
        rng.random((count, ndim), np.float32),
        rng.random((count, ndim), np.float32),
        rng.integers(0, 9, (count, ndim)),
    )
