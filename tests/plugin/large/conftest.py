"""Fixtures of whole images: their pixels and file, a model, and the blocks that are done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from builders import capsules, picture
from label_files import ome_zarr
from napari_spatial_embeddings.inference.block_work import BlockWork, Task
from plugin.untrained import model_of
from plugin.whole_images import SHAPE, Tasks


@pytest.fixture
def pixels() -> NDArray[np.float32]:
    made: NDArray[np.float32] = picture(capsules(SHAPE, 40))[0]
    return made


@pytest.fixture
def slide(tmp_path: Path, pixels: NDArray[np.float32]) -> Path:
    return ome_zarr(tmp_path / "slide.zarr", pixels, "YX", "0.5", [0.3, 0.3])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    model_of().save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Tasks:
    tasks, do = Tasks(), BlockWork.do

    def counted(self: BlockWork, task: Task) -> Any:
        if tasks.error is not None and len(tasks.blocks) > 4:
            raise tasks.error
        tasks.append(task)
        return do(self, task)

    monkeypatch.setattr(BlockWork, "do", counted)
    return tasks
