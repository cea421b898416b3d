"""The dock widget: opening it, and closing it in every way there is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from napari.layers import Points
from napari.utils import progress
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QEventLoop, QTimer
from qtpy.QtWidgets import QApplication, QDockWidget, QPushButton, QWidget

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.tags import LayerTag
from napari_spatial_embeddings.plugin.sections.sliders import Sliders
from napari_spatial_embeddings.plugin.sections.tune import TuneStep
from plugin.robot_actions import PLUGIN, open_dock


def dock_of(widget: SpatialEmbeddingsWidget) -> QDockWidget:
    found = widget.parent()
    assert isinstance(found, QDockWidget)
    return found


def press_x(widget: SpatialEmbeddingsWidget) -> None:
    button = dock_of(widget).findChild(QPushButton, "QTitleBarCloseButton")
    assert button is not None
    button.click()


def float_and_close(viewer: Viewer, widget: SpatialEmbeddingsWidget) -> None:
    dock_of(widget).setFloating(True)
    viewer.close()


WAYS: dict[str, Callable[[Viewer, SpatialEmbeddingsWidget], object]] = {
    "its x": lambda _, widget: press_x(widget),
    "removed": lambda viewer, widget: viewer.window.remove_dock_widget(widget),
    "viewer": lambda viewer, _: viewer.close(),
    "floating": float_and_close,
}


@pytest.mark.parametrize("way", WAYS)
def test_closing_saves_what_waited(way: str, viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    saved: list[bool] = []
    dock.autosave.add_source(lambda: saved.append(True))
    dock.autosave.schedule()
    WAYS[way](viewer, dock)
    assert saved == [True]


def test_a_layer_that_goes_saves_what_waits_but_not_a_mark(
    viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    saved: list[bool] = []
    dock.autosave.add_source(lambda: saved.append(True))
    dock.autosave.schedule()
    mark = Points([[1, 1]], metadata=LayerTag("click", "image").metadata())
    viewer.add_layer(mark)
    image = viewer.add_image(np.zeros((9, 9)))
    viewer.layers.remove(mark)
    assert not saved
    viewer.layers.remove(image)
    assert saved == [True]


def test_what_is_folded_is_made_when_it_is_opened(viewer: Viewer) -> None:
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Spatial Embeddings")
    assert isinstance(dock, SpatialEmbeddingsWidget)
    assert not dock.styleSheet(), "Qt would style every widget twice"
    tune = next(step for step in dock.steps if isinstance(step, TuneStep))
    assert dock.findChild(Sliders) is None
    tune.set_open(True)
    assert dock.findChild(Sliders) is not None
    for group in (tune.correct, tune.scores, tune.export, tune.predict.settings):
        before = len(group.findChildren(QWidget))
        group.set_open(True)
        assert len(group.findChildren(QWidget)) > before + 5


def test_what_cannot_be_saved_keeps_nothing_else_from_it(dock: SpatialEmbeddingsWidget) -> None:
    def broken() -> None:
        raise InputError("this cannot be saved")

    saved: list[bool] = []
    dock.autosave.add_source(broken)
    dock.autosave.add_source(lambda: saved.append(True))
    dock.autosave.save_now()
    assert saved == [True]
    assert dock.message == "Not saved: this cannot be saved."


def test_hiding_is_not_closing(dock: SpatialEmbeddingsWidget) -> None:
    saved: list[bool] = []
    dock.autosave.add_source(lambda: saved.append(True))
    dock.autosave.schedule()
    button = dock_of(dock).findChild(QPushButton, "QTitleBarHideButton")
    assert button is not None
    button.click()
    assert not saved


def test_opens_again_after_its_x(viewer: Viewer, dock: SpatialEmbeddingsWidget) -> None:
    press_x(dock)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    again = open_dock(viewer)
    assert again is not dock
    again.session.say("it works")
    assert again.message == "It works."


@pytest.mark.parametrize("tool", ["draw", "region"])
def test_no_tool_is_on_without_a_dock_that_names_it(
    tool: str, viewer: Viewer, dock: SpatialEmbeddingsWidget
) -> None:
    viewer.add_image(np.zeros((40, 50), np.uint8), name="cells")
    dock.annotation_actions.use_tool(tool)
    layer = viewer.layers.selection.active
    assert layer is not None
    mode = str(layer.mode)
    assert mode != "pan_zoom"
    press_x(dock)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert str(layer.mode) == "pan_zoom"
    layer.mode = mode  # with napari's own button
    again = open_dock(viewer)
    assert again.active_tool.name
    assert again.active_tool.name in again.status.tool.text


def test_two_viewers_do_not_share(new_viewer: Callable[..., Viewer]) -> None:
    first, second = open_dock(new_viewer()), open_dock(new_viewer())
    first.session.say("to the first")
    assert (first.message, second.message) == ("To the first.", "")


@pytest.mark.usefixtures("dock")
def test_the_square_in_naparis_brush_is_transparent_and_not_switched_off(viewer: Viewer) -> None:
    brush = viewer.canvas.overlays._brush_circle
    assert brush.box_color is not None
    assert brush.box_color[-1] == 0
    assert brush.box  # without it, software OpenGL crashes when the layer is removed


@pytest.mark.usefixtures("dock")
def test_work_under_way_does_not_have_the_window_painted(viewer: Viewer) -> None:
    bar = progress(total=9)
    button = viewer.window._qt_window._activity_dialog._toggleButton
    movie = button._inProgressIndicator.movie()
    shown: list[int] = []
    movie.frameChanged.connect(shown.append)
    loop = QEventLoop()
    QTimer.singleShot(300, loop.quit)
    loop.exec()
    assert not button._inProgressIndicator.isHidden()
    assert len(shown) <= 1
    bar.close()
