"""The settings of a training: its time, start model, device and more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from napari.viewer import Viewer
from qtpy.QtWidgets import QComboBox, QSpinBox

from napari_spatial_embeddings.config import TrainingSettings
from napari_spatial_embeddings.inference.registry import shipped
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.sections.sizes.box import ObjectSize
from napari_spatial_embeddings.plugin.sections.train import Minutes, TrainStep
from napari_spatial_embeddings.plugin.sections.train_use import PLANS
from napari_spatial_embeddings.training.held_out import HeldOut
from plugin.robot_actions import press
from plugin.training_child import (
    LONG,
    annotate,
    main_button,
    small,
)
from small_models import model_of

Until = Callable[..., None]


def test_time_steps_through_presets(step: TrainStep) -> None:
    box = step.findChild(Minutes)
    assert box is not None
    box.setValue(2.0)
    box.stepUp()
    assert (box.value(), box.text()) == (5.0, "5 min")
    box.setValue(7.5)
    box.stepDown()
    assert step.session.training_settings.minutes == 5.0
    for _ in range(20):
        box.stepDown()
    assert box.value() == Minutes.PRESETS[0]


def test_what_will_be_held_out_is_known_before_the_start(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until, tmp_path: Path
) -> None:
    assert step.use.text() == "", "no training can start"
    annotate(viewer, dock)
    step.start_model.choose("nuclei-2d")
    until(lambda: step.use.text() == PLANS[HeldOut.FEW])
    strokes = dock.annotation.strokes(dock.session.image)
    assert strokes is not None
    strokes.layer.data_setitem((np.arange(4), np.arange(4)), np.arange(91, 95))
    until(lambda: step.use.text() == PLANS[HeldOut.OBJECTS])
    press(dock, "scribbles")
    dock.session.set_training(dock.session.training_settings.updated(validation_share=0))
    until(lambda: step.use.text() == PLANS[HeldOut.UNWANTED])
    step.settings.reset()
    step.start_model.choose(None)
    until(lambda: step.use.text() == PLANS[HeldOut.OBJECTS])
    model_of().save(tmp_path / "model")  # of an earlier version, which held nothing out
    step.start_model.choose(str(tmp_path / "model"))
    until(lambda: step.use.text() == PLANS[HeldOut.SEEN])
    better = "Start from scratch or cells-2d or nuclei-2d to have some choose the best."
    assert step.use.toolTip() == better


def test_the_size_of_objects_is_edited_where_there_are_only_scribbles(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    size = step.findChild(ObjectSize)
    assert size is not None
    annotate(viewer, dock)
    until(main_button(step).isEnabled)
    assert not size.isVisibleTo(step), "it is measured on whole objects"
    press(dock, "scribbles")
    until(lambda: size.isVisibleTo(step))
    assert size.text() == "unknown"
    size.setValue(24)
    settings = step.session.training_settings
    assert settings.object_diameter == 24
    step.session.set_training(settings.updated(object_diameter=None))
    assert size.text() == "unknown"


def test_starts_from_the_model_that_predicts_until_one_is_chosen(step: TrainStep) -> None:
    names = list(shipped())
    assert step.start_model.chosen is None
    step.session.set_model(names[0], None)
    assert step.start_model.chosen == names[0]
    assert not step.settings.model.isVisibleTo(step), "it does not start from scratch"
    step.start_model.choose(None)
    step.session.set_model(names[-1], None)
    assert step.start_model.chosen is None


def test_settings_go_both_ways_and_back(step: TrainStep) -> None:
    step.session.set_training(TrainingSettings(minutes=5))
    box = step.settings.training.editor("batch_size")
    assert isinstance(box, QSpinBox)
    assert box.text() == "automatic"
    box.setValue(3)
    assert step.session.training_settings.batch_size == 3
    assert step.session.training_settings.minutes == 5
    small(step)
    assert step.session.from_scratch == {"width": 8, "levels": 2}
    step.settings.set_open(True)
    press(step, "Reset to defaults")
    assert step.session.training_settings == TrainingSettings(minutes=5)
    assert step.session.from_scratch == {}


def test_finds_devices_once_they_can_be_chosen_and_there_is_an_image(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    viewer.window._qt_window.show()
    step.set_open(False)
    dock.images.choose(viewer.add_image(np.zeros((32, 32), np.uint8)))
    assert not step.device.searched
    step.set_open(True)
    assert step.device.searched
    assert "free" not in step.device.text
    until(lambda: "GB free" in step.device.text, LONG)
    dock.session.set_device("auto")
    assert step.device.text.startswith("Automatic: ")
    box = step.device.findChild(QComboBox)
    assert box is not None
    index = box.findData("cpu")
    box.setCurrentIndex(index)
    box.activated.emit(index)  # as the user does
    assert step.device.text.startswith("CPU; ")
    assert dock.session.device == "cpu"
