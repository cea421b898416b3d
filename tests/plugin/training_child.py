"""Small trainings for the tests of the training step, and what is visible of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.viewer import Viewer
from qtpy.QtWidgets import QPushButton, QSpinBox

from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.sections.train import TrainStep
from napari_spatial_embeddings.samples import nuclei
from plugin.robot_actions import add_image, press

Until = Callable[..., None]

LONG = 300.0
"""Seconds: a child process loads torch, perhaps on a busy machine."""


def train_step(dock: SpatialEmbeddingsWidget) -> TrainStep:
    """Return the step of a dock, set to trainings of seconds on small crops."""
    found = next(step for step in dock.steps if isinstance(step, TrainStep))
    settings = {"crop_size": 32, "batch_size": 2, "validation_seconds": 1.0}
    dock.session.set_training(TrainingSettings(minutes=10, report_seconds=0.2, **settings))
    dock.session.set_device("cpu")
    return found


def main_button(step: TrainStep) -> QPushButton:
    found = step.findChild(QPushButton, "main")
    assert isinstance(found, QPushButton)
    return found


def annotate(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    """Open a small image, and use labels of another layer."""
    sample = nuclei(size=96, annotated=4)
    layer = add_image(viewer, sample)
    dock.images.choose(layer)
    viewer.add_labels(sample.annotated, name="drawn", scale=sample.pixel_size)
    press(dock, "Use")


def small(step: TrainStep) -> None:
    """Choose a small network from scratch, in the collapsed settings."""
    step.start_model.choose(None)
    for name, value in (("width", 8), ("levels", 2)):
        box = step.settings.model.editor(name)
        assert isinstance(box, QSpinBox)
        box.setValue(value)


def start(viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until) -> None:
    """Annotate, and start a training."""
    annotate(viewer, dock)
    small(step)
    until(main_button(step).isEnabled)
    press(step, "Start training")


def status(step: TrainStep) -> str:
    return step.session.training.status


def running(step: TrainStep) -> bool:
    return status(step) == "running"


def ended(step: TrainStep) -> bool:
    return not step.session.training.active


def reports(step: TrainStep) -> tuple[dict[str, Any], ...]:
    return step.session.training.reports


def has_model(step: TrainStep) -> bool:
    project = step.session.project
    return project is not None and project.has_model


def has_noted_model(step: TrainStep) -> bool:
    """Return whether there is a model, and the report that came with it.

    It is written first: who kills a training in between will not know of it later.
    """
    project = step.session.project
    return project is not None and project.has_model and project.history.last().wrote


def shows_obstacle(step: TrainStep, until: Until, text: str) -> None:
    """Wait until the step shows why it cannot start, with its button disabled."""
    until(lambda: text in step.obstacle)
    assert not main_button(step).isEnabled()
