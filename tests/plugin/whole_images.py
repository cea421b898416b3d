"""Whole images in the window: what the user does, and what is counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer
from numpy.typing import NDArray

from command_line import done
from napari_spatial_embeddings.config import BlockSettings
from napari_spatial_embeddings.files import read_labels
from napari_spatial_embeddings.inference.block_work import Task
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.sections.prediction.large import LargeSettings
from plugin.project_files import Answers
from plugin.robot_actions import open_dock, press
from plugin.untrained import model_of

Until = Callable[..., None]

SHAPE = (300, 1100)
"""Of the image: 3 x 9 blocks, and two levels of labels."""


class Tasks(list[Task]):
    """The tasks that were done, whose work is counted; one of them may fail."""

    error: BaseException | None = None

    @property
    def blocks(self) -> list[int]:
        return [task.block for task in self if task.block is not None]


class User(Answers):
    """A user who puts labels beside the image, or where the dialog is asked to."""

    def __init__(self, path: Path | None = None, *, sure: bool = True) -> None:
        super().__init__(path)
        self.asked: list[object] = []
        self.sure = sure

    def save_labels(self, suggestion: Path, /) -> Path | None:
        self.asked.append(suggestion)
        return self._path or suggestion

    def confirm(self, question: str, yes: str, no: str, /) -> bool:  # noqa: ARG002
        self.asked.append(question)
        return self.sure


def opened(viewer: Viewer, data: Any, model: Path, user: User) -> SpatialEmbeddingsWidget:
    """Open the dock on an image, by its path or its array, and choose a small model and blocks."""
    if isinstance(data, Path):
        viewer.open(data, plugin="napari-spatial-embeddings")
    else:
        viewer.add_image(data, name="slide", contrast_limits=(0, 1))
    dock = open_dock(viewer)
    dock.project.dialogs = user
    (layer,) = (x for x in viewer.layers if isinstance(x, Image))
    dock.images.choose(layer)
    prepare(dock, model)
    return dock


def block_settings(dock: SpatialEmbeddingsWidget) -> LargeSettings:
    """Return the settings of whole images, opened."""
    dock._tune.predict.settings.set_open(True)
    return dock._tune.predict.settings.blocks


def prepare(dock: SpatialEmbeddingsWidget, model: Path) -> None:
    dock.session.set_device("cpu")
    dock.session.set_model(model, model_of().clustering)
    dock.session.set_prediction(tile=128)
    dock.prediction.blocks = BlockSettings(block=128)
    block_settings(dock).always.setChecked(True)


def whole(viewer: Viewer) -> Labels | None:
    found = [x for x in viewer.layers if x.name.endswith("whole image")]
    assert len(found) <= 1
    return found[0] if found else None


def pixels_of(viewer: Viewer) -> NDArray[np.integer]:
    layer = whole(viewer)
    assert layer is not None
    return np.asarray(layer.data[0][()])


def stop_half_way(dock: SpatialEmbeddingsWidget, until: Until) -> int:
    """Start, and stop once some blocks are done; return how many are."""
    press(dock, "Whole image")
    until(lambda: dock.large._run is None or dock.large._run.blocks[0] >= 8)
    stop(dock, until)
    assert dock.large.unfinished is not None
    return dock.large.unfinished[0]


def stop(dock: SpatialEmbeddingsWidget, until: Until) -> None:
    row = dock._tune.predict.whole.row
    assert row.button.text() == "Stop"
    row.button.click()
    until(lambda: not dock.large.busy)


def commands(folder: Path, slide: Path, model: Path) -> NDArray[np.integer]:
    """Return what the command line makes of it."""
    output = folder / "command.zarr"
    flags = "--block", 128, "--tile", 128, "--device", "cpu", "--table"
    done("predict", slide, "--model", model, "--output", output, *flags)
    return read_labels(output)
