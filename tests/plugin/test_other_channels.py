"""A start model of one channel for images of several, in the window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from napari.viewer import Viewer

from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.inference.registry import suiting
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.sections.train import TrainStep
from napari_spatial_embeddings.samples import nuclei
from plugin.conftest import Until
from plugin.robot_actions import button, press
from plugin.training_child import LONG, ended, main_button, status


def test_a_start_model_is_carried_over(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until, tmp_path: Path
) -> None:
    sample = nuclei(size=96, annotated=4)
    pixels = np.concatenate([sample.image, sample.image[:, ::-1]])
    layer = viewer.add_image(pixels, name="two", axis_labels=("c", "y", "x"))
    dock.images.choose(layer)
    assert dock.images.kind() == (2, 2)
    assert dock.session.model is None
    assert step.start_model.chosen == suiting(2, 1, dark=True)[0]
    viewer.add_labels(sample.annotated, name="drawn")
    press(dock, "Use")
    until(main_button(step).isEnabled)
    assert "knows 1 channel; its first layer is carried over to the 2 of this image" in step.hint
    start = SpatialEmbeddings(ModelSettings(width=8, levels=2, working_diameter=18.0))
    step.start_model.choose(str(start.save(tmp_path / "start")))
    step.session.set_training(step.session.training_settings.updated(minutes=0.03))
    until(main_button(step).isEnabled)
    press(step, "Start training")
    until(lambda: ended(step), LONG)
    assert status(step) == "done", dock.message
    project = step.session.project
    assert project is not None
    assert ModelCard.read(project.model_folder).settings.in_channels == 2
    assert step.session.model == str(project.model_folder)
    key = step.session.image
    until(lambda: key in step.session.results, LONG)
    until(button(dock, "This image").isEnabled)  # once the preview is complete
