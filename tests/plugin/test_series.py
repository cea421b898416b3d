"""A time series in the window: the slider, the mouse, and what the dock says."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtWidgets import QApplication

from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from plugin.conftest import Until
from plugin.robot_actions import button, press, stroke

SIZE = 60


def test_strokes_land_on_the_frame_that_the_slider_is_at(
    shown: Viewer, shown_dock: SpatialEmbeddingsWidget, until: Until
) -> None:
    dock = shown_dock
    pixels = np.random.default_rng(0).integers(0, 99, (5, SIZE, SIZE), np.uint8)
    shown.add_image(pixels, name="film", axis_labels=("t", "y", "x"))
    QApplication.processEvents()
    press(dock, "Annotate")
    layer = shown.layers.selection.active
    assert isinstance(layer, Labels)
    layer.brush_size = 5
    for t in (0, 1, 2, 3):  # faster than the dock follows
        shown.dims.set_point(0, t)
    stroke(shown, dock, (3, 15, 15), (3, 15, 30))
    shown.dims.set_point(0, 1)
    stroke(shown, dock, (1, 40, 15), (1, 40, 30))
    stroke(shown, dock, (1, 15, 15), (1, 15, 30))
    assert [len(np.unique(frame)) - 1 for frame in layer.data] == [0, 2, 0, 1, 0]
    assert dock.session.image == "film.t0001"
    assert button(dock, "Draw").isChecked(), "the tool stays"
    until(lambda: annotated(dock) == "2 objects on frame 1; 3 on 2 frames in all")
    shown.dims.set_point(0, 3)
    until(lambda: annotated(dock) == "1 object on frame 3; 3 on 2 frames in all")
    layer.undo()
    until(lambda: annotated(dock) == "0 objects on frame 3; 2 on 1 frame in all")
    dock.autosave.flush()
    project = dock.session.project
    assert project is not None
    assert {entry.frame for entry in project.card.images} == {1, 3}


def annotated(dock: SpatialEmbeddingsWidget) -> str:
    """Return the count that the dock shows."""
    text: str = next(step.text for step in dock.steps if hasattr(step, "text"))
    return text
