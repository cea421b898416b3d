"""The training step, with real trainings of a small network on a small image."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton, QWidget

from napari_spatial_embeddings.inference.model_card import ModelCard
from napari_spatial_embeddings.plugin.controllers import training
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.qt import process as qt_process
from napari_spatial_embeddings.plugin.qt.dialogs import Dialogs
from napari_spatial_embeddings.plugin.sections.train import TrainStep
from napari_spatial_embeddings.project import Project
from plugin.robot_actions import open_dock, press
from plugin.training_child import (
    LONG,
    ended,
    has_model,
    has_noted_model,
    main_button,
    reports,
    running,
    start,
    status,
    train_step,
)

Until = Callable[..., None]


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
    until(
        lambda: step.use.text() == "4 annotated objects in 1 image, on cpu. None is held out.", LONG
    )
    key = session.image
    assert key is not None
    until(lambda: key in session.results, LONG)  # the preview
    assert running(step)
    assert session.model is not None
    assert len(step.progress.curve.loss) > 2
    assert len(step.progress.curve.ap50) > 0
    assert "min left" in step.progress.texts[0]

    pid = dock.training.pid
    monkeypatch.setattr(qt_process, "GRACE_MS", 1000 * int(LONG))  # it must stop by itself
    press(step, "Stop, keep the best model")
    assert status(step) == "done", "the folder holds the best model at any time"
    until(lambda: not psutil.pid_exists(pid), LONG)
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

    # Another project does not show it; its own one, opened again, does.
    project, best, session = step.session.project, step.progress.curve.ap50[-1], step.session
    assert project is not None
    dock.project.create(home / "other")
    assert step.progress.curve.ap50 == []
    session.set_from_scratch({})
    dock.project.open(project.folder)
    assert step.progress.curve.ap50[-1] == best
    assert session.from_scratch == step.settings.model.given == {"width": 8, "levels": 2}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_a_crash_is_a_sentence_and_work_goes_on(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until, home: Path
) -> None:
    start(viewer, dock, step, until)
    until(lambda: has_noted_model(step), LONG)
    os.kill(dock.training.pid, signal.SIGKILL)
    until(lambda: ended(step), LONG)
    assert status(step) == "failed"
    for text in (dock.message, step.progress.texts[1]):
        assert "ended by the system, most likely because memory ran out" in text
        assert "the best model so far is kept" in text
    session = step.session
    assert not session.training.used["resumed"]

    # What was cut off goes on where it was, with the same curve, also after it was closed.
    project = session.project
    assert project is not None
    dock.project.create(home / "other")
    assert not go_on(step)
    dock.project.open(project.folder)
    assert session.training.seconds_left > 0
    first = reports(step)[0]
    (button,) = go_on(step)
    assert button.text().startswith("Go on (9:")
    until(button.isEnabled)
    button.click()
    until(lambda: running(step) or ended(step), LONG)
    assert running(step), session.training.problem
    assert session.training.used["resumed"]
    until(lambda: len(reports(step)) > 2 and reports(step)[-1]["step"] > 0, LONG)
    steps = [report["step"] for report in reports(step)]
    assert steps == sorted(steps)
    assert reports(step)[0] == first
    assert reports(step)[-1]["seconds"] > 0

    # Other annotations are another training, even with as many objects.
    os.kill(dock.training.pid, signal.SIGKILL)
    until(lambda: ended(step), LONG)
    assert session.training.wrote, "the model from before it was resumed is there"
    (layer,) = (x for x in viewer.layers if x.name.endswith("annotations"))
    layer.data_setitem(tuple(np.argwhere(layer.data)[:1].T), 0)
    until(lambda: not go_on(step)[0].isEnabled())
    assert "annotations changed" in go_on(step)[0].toolTip()


def go_on(step: TrainStep) -> list[QPushButton]:
    """Return the button that takes up a training, if it is offered."""
    found = [x for x in step.findChildren(QPushButton) if x.text().startswith("Go on (")]
    return [x for x in found if x.isVisibleTo(step)]


def test_cancel_while_it_starts(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    start(viewer, dock, step, until)
    until(lambda: dock.training.pid > 0)
    press(step, "Cancel")
    until(lambda: ended(step))
    assert status(step) == "idle"
    assert not has_model(step)
    assert main_button(step).text() == "Start training"


def test_a_stop_does_not_wait_for_a_child_whose_model_is_there(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until, tmp_path: Path
) -> None:
    """Not even for one that does not react: its best model is in the folder."""
    start(viewer, dock, step, until)
    until(lambda: has_model(step) and any(r["saved"] for r in reports(step)), LONG)
    process = psutil.Process(dock.training.pid)
    process.suspend()
    press(step, "Stop, keep the best model")
    assert ended(step)
    assert status(step) == "done", "the best model so far is a result"
    assert main_button(step).text() == "Start training"
    # It still holds the project's lock; the next training is not disturbed by that.
    until(main_button(step).isEnabled)
    press(step, "Start training")
    assert not process.is_running()
    until(lambda: running(step), LONG)

    # Opening another project ends the child as well.
    process = psutil.Process(dock.training.pid)
    dock.session.set_project(Project.create(tmp_path / "other"))
    assert ended(step)
    until(lambda: not process.is_running(), LONG)
    assert "another project was opened" in dock.message


def test_a_stop_waits_for_the_first_model(
    viewer: Viewer,
    dock: SpatialEmbeddingsWidget,
    step: TrainStep,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(qt_process, "GRACE_MS", 1000 * int(LONG))  # it must stop by itself
    step.session.set_training(step.session.training_settings.updated(validation_seconds=1000))
    start(viewer, dock, step, until)
    until(lambda: any(r["step"] for r in reports(step)), LONG)
    press(step, "Stop, keep the best model")
    until(lambda: ended(step), LONG)
    assert status(step) == "done"
    assert has_model(step)


def test_a_second_stop_waits_for_nothing(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, step: TrainStep, until: Until
) -> None:
    step.session.set_training(step.session.training_settings.updated(validation_seconds=1000))
    start(viewer, dock, step, until)
    until(lambda: running(step), LONG)
    process = psutil.Process(dock.training.pid)
    process.suspend()
    if not has_model(step):  # a very busy machine may have come to the first validation
        press(step, "Stop, keep the best model")
        assert status(step) == "stopping"
        dock.training.stop()
        until(lambda: ended(step), LONG)
        assert status(step) == "idle"
        assert not process.is_running()


class Decisions(Dialogs):
    """A user who is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.accept, self.questions = False, list[str]()

    def confirm(self, question: str, *_: str) -> bool:
        self.questions.append(question)
        return self.accept


def test_whoever_closes_while_it_trains_is_asked(
    new_viewer: Callable[..., Viewer], until: Until
) -> None:
    shown, other = new_viewer(show=True), new_viewer().window._qt_window
    close = type(other).close
    shown_dock = open_dock(shown)
    step, dialogs = train_step(shown_dock), Decisions()
    start(shown, shown_dock, step, until)
    shown_dock.project.dialogs = dialogs
    dock, window = shown_dock.parent(), shown.window._qt_window
    assert isinstance(dock, QWidget)
    process = psutil.Process(shown_dock.training.pid)

    def press_cross() -> None:
        cross = dock.findChild(QPushButton, "QTitleBarCloseButton")
        assert cross is not None
        cross.click()

    def press_keys(key: Qt.Key) -> None:
        window.activateWindow()
        until(lambda: QApplication.activeWindow() is window)
        QTest.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)

    press_keys(Qt.Key.Key_W)  # File > Close Window
    press_keys(Qt.Key.Key_Q)  # File > Exit
    other.close(quit_app=True, confirm_need=True)  # as it does in another window
    press_cross()
    assert running(step) or status(step) == "starting"
    assert window.isVisible()
    assert shown_dock.isVisible()
    assert step.session.project is not None
    parting = f"it has no better model yet; annotations are kept in {step.session.project.folder}"
    assert dialogs.questions == [
        f"A training is running. Closing {what} ends it: {parting}."
        for what in ("the window", "napari", "napari", "the dock")
    ]

    dialogs.accept = True
    press_cross()
    assert len(dialogs.questions) == 5
    assert status(step) == "idle"
    until(lambda: not process.is_running(), LONG)
    assert type(window).close is close, "the window is closed as before"


def test_previews_never_pile_up_and_closing_the_viewer_ends_the_child(
    viewer: Viewer,
    dock: SpatialEmbeddingsWidget,
    step: TrainStep,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often the model gets better, a second preview waits for its time."""
    monkeypatch.setattr(training, "PREVIEW_INTERVAL_MS", 60_000)
    texts: list[str] = []
    dock.prediction.progressed.connect(lambda _done, _total, text: texts.append(text))
    start(viewer, dock, step, until)

    def often_better() -> bool:
        return len([r for r in step.session.training.reports if r["saved"]]) >= 3

    until(often_better, LONG)
    assert texts.count("Loading the model") == 1

    process = psutil.Process(dock.training.pid)
    assert running(step)
    viewer.close()
    until(lambda: not process.is_running(), LONG)
