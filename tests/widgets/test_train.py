"""The training step, with real trainings of a small network on a small image."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtWidgets import QPushButton, QSpinBox

from napari_spatial_embeddings.config import ModelSettings, TrainingSettings
from napari_spatial_embeddings.model import SpatialEmbeddings
from napari_spatial_embeddings.model_card import ModelCard
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.registry import shipped
from napari_spatial_embeddings.samples import nuclei
from napari_spatial_embeddings.widgets import _child, training
from napari_spatial_embeddings.widgets.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.widgets.object_size import ObjectSize
from napari_spatial_embeddings.widgets.train import Minutes, TrainStep
from widgets.acting import add_image, press

Until = Callable[..., None]

LONG = 180.0
"""Seconds: a child process loads torch, perhaps on a busy machine."""


@pytest.fixture(autouse=True)
def _as_important_as_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing else on the machine starve the trainings."""
    monkeypatch.setattr(_child, "NICENESS", 0)


@pytest.fixture
def step(dock: SpatialEmbeddingsWidget) -> TrainStep:
    found = next(step for step in dock.steps if isinstance(step, TrainStep))
    settings = {"crop_size": 32, "batch_size": 2, "validation_seconds": 1.0, "device": "cpu"}
    found.session.set_training(TrainingSettings(minutes=10, report_seconds=0.2, **settings))
    return found


def main_button(step: TrainStep) -> QPushButton:
    found = step.findChild(QPushButton, "main")
    assert isinstance(found, QPushButton)
    return found


def annotate(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    """Open a small image, and use labels that somebody drew elsewhere."""
    sample = nuclei(size=96, annotated=4)
    layer = add_image(viewer, sample)
    dock.workspace.choose(layer)
    viewer.add_labels(sample.annotated, name="drawn", scale=sample.pixel_size)
    press(dock, "Use")


def small(step: TrainStep) -> None:
    """Choose a small fresh network, in the settings that are folded away."""
    step.start_model.choose(None)
    for name, value in (("width", 8), ("levels", 2)):
        box = step.more.model.editor(name)
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


# --------------------------------------------------------------- what is in the way


def says(step: TrainStep, until: Until, text: str) -> None:
    """Wait until the step says why it cannot start; the button cannot be pressed meanwhile."""
    until(lambda: text in step.obstacle)
    assert not main_button(step).isEnabled()


def test_an_image_and_objects_are_needed(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    says(step, until, "There is no image yet")
    annotate(viewer, dock)
    until(main_button(step).isEnabled)
    assert step.obstacle == ""
    labels = next(x for x in viewer.layers if "annotations" in x.name)
    labels.data = np.zeros_like(labels.data)
    says(step, until, "Nothing is annotated yet")
    viewer.layers.remove(labels)
    says(step, until, "Nothing is annotated yet")
    viewer.layers.remove(next(x for x in viewer.layers if isinstance(x, Image)))
    says(step, until, "There is no image yet")


@pytest.mark.parametrize(
    ("shape", "options", "takes"),
    [
        ((40, 50, 3), {"rgb": True}, "this is an image with 3 channels"),
        ((12, 40, 50), {}, "this is a volume with 1 channel"),
    ],
)
def test_a_model_for_other_images_is_a_sentence(
    shape: tuple[int, ...],
    options: dict[str, Any],
    takes: str,
    viewer: Viewer,
    dock: SpatialEmbeddingsWidget,
    step: TrainStep,
    until: Until,
    tmp_path: Path,
) -> None:
    folder = SpatialEmbeddings(ModelSettings(width=8, levels=2)).save(tmp_path / "model")
    dock.workspace.choose(viewer.add_image(np.zeros(shape, np.uint8), **options))
    step.start_model.choose(str(folder))
    says(step, until, f"The model to start from takes an image with 1 channel, {takes}")
    step.start_model.choose(None)
    says(step, until, "Nothing is annotated yet")


def test_a_model_that_is_gone_is_a_sentence(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until, tmp_path: Path
) -> None:
    annotate(viewer, dock)
    step.start_model.choose(str(tmp_path / "nothing"))
    says(step, until, "there is no model")


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
    dock.workspace.save_now()
    project = dock.session.project
    assert project is not None
    shutil.rmtree(project.folder / "annotations")
    (project.folder / "annotations").write_text("a file where the folder was")
    labels = next(x for x in viewer.layers if "annotations" in x.name)
    labels.data_setitem((np.array([0]), np.array([0])), np.array([9]))
    press(step, "Start training")
    assert "what you drew cannot be trained on" in dock.message
    assert "annotations" in dock.message
    assert ended(step)


# ------------------------------------------------------------------------ training


def test_trains_previews_stops_and_goes_on(
    viewer: Viewer,
    dock: SpatialEmbeddingsWidget,
    step: TrainStep,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start(viewer, dock, step, until)
    session = step.session
    assert status(step) == "starting"
    assert main_button(step).text() == "Cancel"
    until(lambda: running(step), LONG)
    assert "Learning from 4 objects in 1 image" in " ".join(step.progress.texts)
    assert "on cpu" in " ".join(step.progress.texts)
    key = session.image
    assert key is not None
    until(lambda: key in session.results, LONG)  # the preview: nobody asked for it
    assert running(step)
    assert session.model is not None
    assert len(step.progress.curve.loss) > 2
    assert len(step.progress.curve.ap50) > 0
    assert "min left" in step.progress.texts[0]

    pid = step.run.pid
    monkeypatch.setattr(_child, "GRACE", 1000 * int(LONG))  # it must stop by itself
    press(step, "Stop, keep the best model")
    assert status(step) == "stopping"
    until(lambda: ended(step), LONG)
    until(lambda: not psutil.pid_exists(pid))
    assert status(step) == "done"
    assert session.training.problem == ""
    project = session.project
    assert project is not None
    assert session.model == str(project.model_folder)
    assert session.clustering == ModelCard.read(project.model_folder).clustering
    assert ModelCard.read(project.model_folder).settings.width == 8

    # The next one goes on from that model.
    assert step.start_model.chosen == str(project.model_folder)
    until(main_button(step).isEnabled)
    press(step, "Start training")
    assert session.training.reports == ()
    until(lambda: running(step), LONG)
    assert str(project.model_folder) in session.training.used["start"]


def test_runs_to_its_end(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until, home: Path
) -> None:
    step.session.set_training(step.session.training_settings.updated(minutes=0.05))
    start(viewer, dock, step, until)
    until(lambda: ended(step), LONG)
    assert status(step) == "done"
    assert step.session.training.reports[-1]["done"]
    key = step.session.image
    until(lambda: key in step.session.results, LONG)
    assert "train again" in step.hint

    # Another project knows nothing of it; the own one, opened again, is as it was.
    project, best, session = step.session.project, step.progress.curve.ap50[-1], step.session
    assert project is not None
    dock.workspace.storage.create(home / "other")
    assert step.progress.curve.ap50 == []
    session.set_fresh({})
    dock.workspace.storage.open(project.folder)
    assert step.progress.curve.ap50[-1] == best
    assert "Learning from 4 objects" in " ".join(step.progress.texts)
    assert session.fresh == step.more.model.given == {"width": 8, "levels": 2}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_a_crash_is_a_sentence_and_work_goes_on(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    start(viewer, dock, step, until)
    until(lambda: has_model(step), LONG)
    os.kill(step.run.pid, signal.SIGKILL)
    until(lambda: ended(step), LONG)
    assert status(step) == "failed"
    for text in (dock.message, step.progress.texts[2]):
        assert "ended by the system, most likely because memory ran out" in text
        assert "the best model so far is kept" in text
    press(step, "Start training")
    until(lambda: running(step), LONG)


def test_cancel_while_it_starts(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    start(viewer, dock, step, until)
    until(lambda: step.run.pid > 0)
    press(step, "Cancel")
    until(lambda: ended(step))
    assert status(step) == "idle"
    assert not has_model(step)
    assert main_button(step).text() == "Start training"


def test_a_stop_is_answered_within_a_second_whatever_the_child_does(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    """Even by a child that hears nothing: its best model is in the folder, and it is ended."""
    took = []
    start(viewer, dock, step, until)
    for _ in range(3):  # other programs may keep the machine busy once, not always
        until(lambda: has_model(step) and any(r["saved"] for r in reports(step)), LONG)
        process = psutil.Process(step.run.pid)
        process.suspend()
        before = time.monotonic()
        press(step, "Stop, keep the best model")
        until(lambda: ended(step))
        took.append(time.monotonic() - before)
        assert main_button(step).text() == "Start training"
        assert main_button(step).isEnabled()
        assert status(step) == "done", "the best model so far is a result"
        if took[-1] < 1:
            break
        press(step, "Start training")
    assert min(took) < 1
    until(lambda: not process.is_running())


def test_the_next_training_does_not_stumble_over_the_last(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    """A child that was parted with still holds the project's lock."""
    start(viewer, dock, step, until)
    until(lambda: any(r["saved"] for r in reports(step)), LONG)
    psutil.Process(step.run.pid).suspend()
    press(step, "Stop, keep the best model")
    until(lambda: ended(step))
    press(step, "Start training")
    until(lambda: running(step), LONG)


def test_closing_the_viewer_ends_the_child(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    start(viewer, dock, step, until)
    until(lambda: running(step), LONG)
    process = psutil.Process(step.run.pid)
    viewer.close()
    until(lambda: not process.is_running(), LONG)


def test_opening_another_project_ends_the_child(
    viewer: Viewer,
    dock: SpatialEmbeddingsWidget,
    step: TrainStep,
    until: Until,
    tmp_path: Path,
) -> None:
    start(viewer, dock, step, until)
    until(lambda: running(step), LONG)
    process = psutil.Process(step.run.pid)
    dock.session.set_project(Project.create(tmp_path / "other"))
    assert ended(step)
    until(lambda: not process.is_running(), LONG)
    assert "another project was opened" in dock.message


def test_previews_never_pile_up(
    viewer: Viewer,
    dock: SpatialEmbeddingsWidget,
    step: TrainStep,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often the model gets better, a second preview waits for its time."""
    monkeypatch.setattr(training, "PREVIEW", 60_000)
    asked: list[float] = []
    dock.workspace.predictor.progressed.connect(
        lambda _done, total, _text: asked.append(time.monotonic()) if total == 0 else None
    )
    start(viewer, dock, step, until)

    def often_better() -> bool:
        return len([r for r in step.session.training.reports if r["saved"]]) >= 3

    until(often_better, LONG)
    assert len(asked) == 1


# ------------------------------------------------------------------ what is chosen


def test_time_goes_through_sensible_budgets(step: TrainStep) -> None:
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


def test_the_size_of_objects_is_asked_for_where_strokes_are_all_there_is(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    size = step.findChild(ObjectSize)
    assert size is not None
    annotate(viewer, dock)
    until(main_button(step).isEnabled)
    assert not size.isVisibleTo(step), "it is measured on objects drawn whole"
    press(dock, "quick strokes")
    until(lambda: size.isVisibleTo(step))
    assert size.text() == "not told"
    size.setValue(24)
    assert step.session.prediction.object_diameter == 24
    step.session.set_prediction(object_diameter=None)
    assert size.text() == "not told"


def test_starts_from_what_is_looked_at_unless_told(step: TrainStep) -> None:
    names = list(shipped())
    assert step.start_model.chosen is None
    step.session.set_model(names[0], None)
    assert step.start_model.chosen == names[0]
    assert not step.more.model.isVisibleTo(step), "it is no fresh model"
    step.start_model.choose(None)
    step.session.set_model(names[-1], None)
    assert step.start_model.chosen is None


def test_settings_go_both_ways_and_back(step: TrainStep) -> None:
    step.session.set_training(TrainingSettings(minutes=5, device="cpu"))
    box = step.more.training.editor("batch_size")
    assert isinstance(box, QSpinBox)
    assert box.text() == "automatic"
    box.setValue(3)
    assert step.session.training_settings.batch_size == 3
    assert step.session.training_settings.minutes == 5
    small(step)
    assert step.session.fresh == {"width": 8, "levels": 2}
    press(step, "Settings")
    press(step, "Reset to defaults")
    assert step.session.training_settings == TrainingSettings(minutes=5, device="cpu")
    assert step.session.fresh == {}


def test_finds_devices_once_there_is_an_image(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    assert "free" not in step.device.text
    dock.workspace.choose(viewer.add_image(np.zeros((32, 32), np.uint8)))
    until(lambda: "GB free" in step.device.text, LONG)
    step.device.choose("auto")
    assert step.device.text.startswith("Automatic: ")
    step.device.choose("cpu")
    assert step.device.text.startswith("CPU; ")
    assert step.session.training_settings.device == "cpu"
    assert step.session.prediction.device == "cpu"
