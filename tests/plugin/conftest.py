"""Fixtures of the plugin's tests: a home folder, viewers, docks, and waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pytestqt.qtbot import QtBot

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.viewer import Viewer

    from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
    from napari_spatial_embeddings.plugin.sections.train import TrainStep
    from plugin.shared_window import SharedWindow

Until = Callable[..., None]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder that is this test's alone: projects go there by default."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    return folder


@pytest.fixture
def until(qtbot: QtBot) -> Until:
    """Return a function that runs the event loop until a condition holds."""

    def wait(condition: Callable[[], object], timeout: float = 300.0) -> None:
        qtbot.waitUntil(lambda: bool(condition()), timeout=int(1000 * timeout))

    return wait


@pytest.fixture
def model() -> ViewerModel:
    """Return a viewer without a window."""
    from napari.components import ViewerModel

    return ViewerModel()


@pytest.fixture
def no_other_window(shared_window: SharedWindow) -> None:
    """Close the window that tests share."""
    shared_window.close()


@pytest.fixture
def new_viewer(
    no_other_window: None,  # noqa: ARG001 - before napari looks for windows that are left
    make_napari_viewer: Any,
) -> Callable[..., Viewer]:
    """Return a function that opens a viewer of its own; none may leave a widget behind."""

    def make(show: bool = False) -> Viewer:
        viewer: Viewer = make_napari_viewer(show=show, strict_qt="raise")
        # The size that a small notebook's screen has.
        viewer.window._qt_window.resize(1280, 800)
        return viewer

    return make


def failed(request: pytest.FixtureRequest) -> bool:
    """Return whether a test failed, or did not come to run."""
    report = getattr(request.node, "rep_call", None)
    return report is None or bool(report.failed)


@pytest.fixture(scope="session")
def shared_window() -> Iterator[SharedWindow]:
    """Return the window that tests share."""
    from plugin.shared_window import SharedWindow

    shared = SharedWindow()
    yield shared
    shared.close()


@pytest.fixture
def viewer(
    shared_window: SharedWindow, request: pytest.FixtureRequest, qtbot: QtBot
) -> Iterator[Viewer]:
    """Return a viewer whose window is not shown."""
    yield shared_window.lend(qtbot, show=False)
    shared_window.take_back(failed(request))


@pytest.fixture
def shown(
    shared_window: SharedWindow, request: pytest.FixtureRequest, qtbot: QtBot
) -> Iterator[Viewer]:
    """Return a viewer whose window is shown, for mouse and keys."""
    yield shared_window.lend(qtbot, show=True)
    shared_window.take_back(failed(request))


@pytest.fixture
def dock(viewer: Viewer) -> SpatialEmbeddingsWidget:
    """Return the dock widget of ``viewer``."""
    from plugin.robot_actions import open_dock

    return open_dock(viewer)


@pytest.fixture
def shown_dock(shown: Viewer) -> SpatialEmbeddingsWidget:
    """Return the dock widget of ``shown``."""
    from plugin.robot_actions import open_dock

    return open_dock(shown)


@pytest.fixture
def step(dock: SpatialEmbeddingsWidget, monkeypatch: pytest.MonkeyPatch) -> TrainStep:
    """Return the training step of ``dock``; nothing on the machine starves its trainings."""
    from napari_spatial_embeddings.plugin.qt import process
    from plugin.training_child import train_step

    monkeypatch.setattr(process, "NICENESS", 0)
    return train_step(dock)
