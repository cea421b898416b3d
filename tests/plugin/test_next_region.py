"""The next region to annotate, in the window: by key, by button, and grey without a prediction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

from napari_spatial_embeddings.files.regions import covered
from napari_spatial_embeddings.plugin.controllers.proposing.next_region import NO_RESULT
from napari_spatial_embeddings.plugin.layers.annotation import regions_of
from napari_spatial_embeddings.plugin.sections.proposing.next_region import NextRegionRow
from plugin.scenes import default_labels, maps_of, predict
from plugin.window_scenes import open_scene

SHIFT = Qt.KeyboardModifier.ShiftModifier


def test_a_key_goes_to_the_region_and_a_button_accepts_it(shown: Viewer, qtbot: QtBot) -> None:
    scene = open_scene(shown, qtbot)
    row, dock, labels = scene.section(NextRegionRow), scene.dock, default_labels()
    buttons = tuple(row.buttons.values())
    maps = maps_of(labels)
    unsure = np.where(labels == 3, np.float32(0.86), 1)
    predict(scene, replace(maps, seed=maps.seed * unsure))
    assert [b.isEnabled() for b in buttons] == [True, False, False, False]
    heights = {b.height() for b in buttons}, row.height()
    scene.key_press(Qt.Key.Key_G, SHIFT)
    scene.until(lambda: dock.idle and dock.next_region.region is not None)
    assert [b.isEnabled() for b in buttons] == [True, True, True, False]
    assert row.text.startswith("Region 1 of ")
    assert "unsure" in row.text or "nearly found" in row.text
    assert ({b.height() for b in buttons}, row.height()) == heights
    region = dock.next_region.region
    assert region is not None
    assert (labels[region.box] == 3).any()
    # All of it is on the canvas.
    for corner in ([p.start for p in region.box], [p.stop - 1 for p in region.box]):
        scene.spot(corner)
    row.buttons["Accept"].click()
    scene.until(lambda: dock.idle)
    image = dock.session.current
    assert image is not None
    assert covered(regions_of(image.regions), labels.shape)[region.box].all()
    drawn = image.strokes.labels[region.box] > 0
    assert np.array_equal(drawn, scene.instances.labels[region.box] > 0)
    assert row.text.endswith("complete.")
    dock.session.set_result(scene.key, None)
    assert not any(b.isEnabled() for b in buttons)
    assert row.buttons["Next"].toolTip() == row.text == NO_RESULT
