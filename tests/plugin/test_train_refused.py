"""Obstacles to a training, as sentences; nothing is lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image
from napari.viewer import Viewer

from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.sections.train import TrainStep
from plugin.robot_actions import press
from plugin.training_child import (
    LONG,
    annotate,
    ended,
    main_button,
    shows_obstacle,
)

Until = Callable[..., None]


def test_an_image_and_objects_are_needed(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    shows_obstacle(step, until, "There is no image yet")
    annotate(viewer, dock)
    until(main_button(step).isEnabled)
    assert step.obstacle == ""
    labels = next(x for x in viewer.layers if "annotations" in x.name)
    labels.data = np.zeros_like(labels.data)
    shows_obstacle(step, until, "Nothing is annotated yet")
    viewer.layers.remove(labels)
    shows_obstacle(step, until, "Nothing is annotated yet")
    viewer.layers.remove(next(x for x in viewer.layers if isinstance(x, Image)))
    shows_obstacle(step, until, "There is no image yet")


def test_a_model_for_other_axes_is_a_sentence(
    viewer: Viewer,
    dock: SpatialEmbeddingsWidget,
    step: TrainStep,
    until: Until,
    tmp_path: Path,
) -> None:
    folder = SpatialEmbeddings(ModelSettings(width=8, levels=2)).save(tmp_path / "model")
    dock.images.choose(viewer.add_image(np.zeros((12, 40, 50), np.uint8)))
    step.start_model.choose(str(folder))
    shows_obstacle(step, until, "The start model takes images, and these are volumes: choose nucl")
    step.start_model.choose(None)
    shows_obstacle(step, until, "Nothing is annotated yet")


def test_a_model_that_is_gone_is_a_sentence(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until, tmp_path: Path
) -> None:
    annotate(viewer, dock)
    step.start_model.choose(str(tmp_path / "nothing"))
    shows_obstacle(step, until, "There is no model")


def test_an_image_that_is_not_finite_is_a_sentence(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    annotate(viewer, dock)
    image = next(x for x in viewer.layers if isinstance(x, Image))
    data = np.asarray(image.data, np.float32)
    data[0, 0] = np.nan
    image.data = data
    until(main_button(step).isEnabled)
    press(step, "Start training")
    until(lambda: "NaN" in dock.message, LONG)
    until(lambda: ended(step), LONG)
    assert main_button(step).isEnabled(), "it can be tried again"


def test_a_folder_that_cannot_be_written_is_a_sentence(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until, home: Path
) -> None:
    annotate(viewer, dock)
    until(main_button(step).isEnabled)
    if dock.session.project is not None:
        pytest.skip("the project is there already")
    (home / "spatial-embeddings").write_text("a file where the folder of projects would be")
    press(step, "Start training")
    assert "spatial-embeddings" in dock.message
    assert ended(step)


def test_what_cannot_be_saved_is_not_trained_on(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    annotate(viewer, dock)
    until(main_button(step).isEnabled)
    dock.autosave.save_now()
    project = dock.session.project
    assert project is not None
    shutil.rmtree(project.folder / "annotations")
    (project.folder / "annotations").write_text("a file where the folder was")
    labels = next(x for x in viewer.layers if "annotations" in x.name)
    labels.data_setitem((np.array([0]), np.array([0])), np.array([9]))
    press(step, "Start training")
    assert "so no training can start" in dock.message
    assert "annotations" in dock.message
    assert ended(step)
