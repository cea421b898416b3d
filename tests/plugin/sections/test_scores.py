"""The section that scores objects against ground truth, in the window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.core.metrics import score
from napari_spatial_embeddings.core.quality.calibration import Calibration
from napari_spatial_embeddings.plugin.layers.tags import tagged
from napari_spatial_embeddings.plugin.sections.scores import NONE, ScoresSection
from plugin.fake_results import tune_step
from plugin.window_scenes import open_scene


def test_ground_truth_is_chosen_scored_and_its_errors_are_shown(
    viewer: Viewer, qtbot: QtBot
) -> None:
    scene = open_scene(viewer, qtbot)
    scoring = scene.dock.scoring
    section = scene.section(ScoresSection)
    section.set_open(True)
    assert [section.truth.itemText(k) for k in range(section.truth.count())] == [NONE]
    assert not section.errors.isEnabled()
    assert section.errors.toolTip() == section.text.text()
    assert "Open ground truth" in section.text.text()
    truth = np.array(scene.instances.labels)
    truth[truth == truth.max()] = 0
    truth[:4, :4] = 999
    viewer.add_labels(truth, name="masks", scale=(0.5, 0.5), units="um")
    assert section.truth.itemText(1) == "masks"
    section.truth.setCurrentIndex(1)
    section.truth.activated.emit(1)
    scene.until(lambda: scoring.scores is not None and scene.dock.idle)
    expected = score(truth, scene.instances.labels)
    text = section.text.text()
    assert f"AP <b>{expected.ap[0]:.3f}</b>" in text
    assert f"{expected.tp[0]} right" in text
    assert "1 missed" in text
    assert "1 false" in text
    assert section.expected.text() == f"Right: {expected.precision[0]:.0%} found"
    known = Calibration(scores=(0.5,), ious=(0.5,), right=(0.75,), objects=30)
    card = {"calibration": known.model_dump(mode="json")}
    scene.dock.session.set_result(scene.key, replace(scene.result, card=card))
    scene.until(lambda: scene.dock.idle)
    assert section.expected.text().startswith("Right: 75% expected, ")
    assert " · 75% right" in tune_step(scene.dock).count.text()
    section.errors.click()
    scene.until(lambda: scene.dock.idle)
    (layer,) = tagged(viewer, "errors")
    assert layer.data.any()
    section.threshold.setCurrentIndex(section.threshold.count() - 1)
    section.threshold.activated.emit(section.threshold.count() - 1)
    scene.until(lambda: scene.dock.idle)
    assert f"AP <b>{expected.ap[-1]:.3f}</b>" in section.text.text()
    assert f"mean AP <b>{expected.ap.mean():.3f}</b>" in section.text.text()
    section.truth.activated.emit(0)
    assert "Choose the layer" in section.text.text()
    assert not list(tagged(viewer, "errors"))
