"""The window with layers of several units: the mouse acts where it is."""

from __future__ import annotations

import numpy as np
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication

from napari_spatial_embeddings.plugin.layers.annotation import regions_of
from napari_spatial_embeddings.plugin.layers.viewport import look_at, visible_box
from plugin.window_scenes import open_scene


def test_clicks_strokes_and_shapes_are_where_the_mouse_is(shown: Viewer, qtbot: QtBot) -> None:
    """The image has micrometres, another layer has nanometres: the canvas shows nanometres."""
    scene = open_scene(shown, qtbot)
    dock, image = scene.dock, scene.rig.images.layer
    assert image is not None
    shown.add_image(np.zeros((4, 4), np.uint8), scale=(90, 90), units="nm", visible=False)
    look_at(shown, image)
    qtbot.wait(100)
    assert visible_box(shown, image, "YX") == tuple(slice(0, n) for n in scene.result.maps.shape)
    deleted, other = scene.some(2)
    dock.correction_tool.use("delete")
    scene.click(scene.middle(deleted))
    scene.wait()
    assert deleted not in scene.instances.ids
    assert other in scene.instances.ids
    dock.explanation.set_on(True)
    scene.hover(scene.middle(other))
    dock.explanation.set_on(False)
    dock.annotation_actions.use_tool("draw")
    strokes = dock.annotation.strokes(scene.key)
    assert strokes is not None
    strokes.layer.brush_size = 3
    start, end = (20, 30), (40, 60)
    scene.drag(start, end)
    painted = np.argwhere(strokes.layer.data == 1)
    assert np.abs(painted.min(0) - start).max() <= 3
    assert np.abs(painted.max(0) - end).max() <= 3
    dock.annotation_actions.use_tool("region")
    QApplication.processEvents()  # the new layer is drawn before a hand reaches it
    scene.drag(start, end)
    (region,) = regions_of(dock.annotation.regions(scene.key))
    np.testing.assert_allclose(region.corners.min(0), start, atol=1)
    np.testing.assert_allclose(region.corners.max(0), end, atol=1)
