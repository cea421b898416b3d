"""Going back to the model from before the last training, and forth, in the dock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QPushButton

from builders import network
from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.sections.train import BACK, TrainStep
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.project.previous import keep_previous
from plugin.project_files import two_fields

Until = Callable[..., None]

PARTS = {
    "seconds_left": 0.0,
    "steps_per_second": 9.0,
    "loss": 0.5,
    "instance": 0.1,
    "variance": 0.1,
    "seed": 0.1,
}


def leave_training(project: Project, width: int, start: str | None) -> None:
    """Leave what a training leaves in its project; the width tells its model from others."""
    keep_previous(project)
    settings = ModelSettings(width=width, levels=2)
    SpatialEmbeddings(settings, network(settings)).save(project.model_folder)
    pixels = {"object_pixels": 9, "background_pixels": 9, "ignored_pixels": 9}
    used = {"objects": 9, "images": 2, **pixels}
    project.history.note({"event": "start", "used": used, "start": start, "device": "cpu"})
    for step, ap50 in ((0, 0.42), (900, 0.57)):
        found = {"ap50": ap50, "mean_ap": 0.3, "held_out": True}
        facts = {"step": step, "seconds": 2.0 * step, "validation": found, "saved": step > 0}
        better = {"improved": step > 0, "done": step > 0}
        project.history.note({"event": "report", **PARTS, **facts, **better})
    project.history.note({"event": "end", "model": str(project.model_folder)})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open(two_fields(tmp_path))


class Room:
    """A dock with an open project, as a person sees it."""

    def __init__(self, dock: SpatialEmbeddingsWidget, until: Until) -> None:
        self.dock, self.until = dock, until
        self.step = next(step for step in dock.steps if isinstance(step, TrainStep))
        self.step.set_open(True)

    @property
    def back(self) -> QPushButton | None:
        """The button that goes back, or forth, if it is there."""
        buttons = self.step.findChildren(QPushButton)
        found = [b for b in buttons if b.text() in BACK.values() and b.isVisibleTo(self.dock)]
        return found[0] if found else None

    def press(self) -> None:
        assert self.back is not None
        self.back.click()

    @property
    def note(self) -> str:
        return self.step.progress.texts[1]

    def predicted_by(self) -> int:
        """Return the width of the model that the image is predicted with, once it is."""
        self.until(lambda: self.dock.idle and self.dock.session.result is not None)
        result = self.dock.session.result
        assert result is not None
        card: dict[str, Any] = result.card
        return int(card["model"]["width"])


@pytest.fixture
def enter(qapp: object, until: Until) -> Iterator[Callable[[Project], Room]]:  # noqa: ARG001
    """Return a function that opens a project in a new dock."""
    docks = list[SpatialEmbeddingsWidget]()

    def open_project(project: Project) -> Room:
        for dock in docks:
            dock.close_down()
        dock = SpatialEmbeddingsWidget(ViewerModel())
        docks.append(dock)
        dock.project.open(project.folder)
        until(lambda: dock.idle)
        dock.session.set_device("cpu")
        return Room(dock, until)

    yield open_project
    for dock in docks:
        dock.close_down()
        dock.deleteLater()


def test_back_forth_and_in_a_project_that_is_opened_again(
    project: Project, enter: Callable[[Project], Room]
) -> None:
    leave_training(project, 4, "nuclei-2d")
    leave_training(project, 8, str(project.model_folder))
    room = enter(project)
    own = str(project.model_folder)
    assert room.note == "Of the held-out objects, 42% were right before, and 57% are now."
    assert room.back is not None
    assert room.back.text() == "Back to the model before"

    room.press()
    assert room.dock.session.model == room.step.start_model.chosen == own
    assert SpatialEmbeddings.load(own).settings.width == 4
    assert room.predicted_by() == 4
    assert room.note == "The model from before this training is used again."
    assert room.back.text() == "Take the new model again"

    room.press()
    assert room.predicted_by() == 8
    assert "57% are now" in room.note
    room.press()
    assert room.predicted_by() == 4

    again = enter(project)
    assert again.dock.session.model == own
    assert again.note == "The model from before this training is used again."
    again.dock.prediction.image()
    assert again.predicted_by() == 4
    again.press()
    assert again.predicted_by() == 8


def test_a_first_model_goes_back_to_the_one_it_started_from(
    project: Project, enter: Callable[[Project], Room], tmp_path: Path
) -> None:
    start, settings = tmp_path / "start", ModelSettings(width=12, levels=2)
    SpatialEmbeddings(settings, network(settings)).save(start)
    project.update(start=str(start))
    leave_training(project, 8, str(start))
    room = enter(project)
    room.press()
    assert room.dock.session.model == room.step.start_model.chosen == str(start)
    assert room.predicted_by() == 12
    again = enter(project)
    assert again.dock.session.model == str(start), "and in a window that is opened later"
    again.press()
    assert again.dock.session.model == str(project.model_folder)
    assert again.predicted_by() == 8

    # Where the start model is gone, the new one stays.
    (start / "model.safetensors").unlink()
    again.press()
    assert project.has_model
    assert "start" in again.dock.message
    assert again.dock.session.model == str(project.model_folder)


def test_without_another_model_there_is_no_way_back(
    project: Project, enter: Callable[[Project], Room]
) -> None:
    assert enter(project).back is None
    leave_training(project, 8, None)
    assert enter(project).back is None, "a first model, from scratch"
