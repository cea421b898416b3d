"""Scores against ground truth in the window: those of the command line, and what they follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from command_line import call, save
from napari_spatial_embeddings.cli.tables import MEASURES
from napari_spatial_embeddings.core.metrics import score
from napari_spatial_embeddings.plugin.layers.tracks.series import series_axes
from napari_spatial_embeddings.plugin.tasks.checks.scores import FALSE, MERGED, MISSED, SPLIT
from plugin.scenes import EditorBench, Scene, new_scene
from plugin.scored import PLACE, Scoring, assert_same, truth_of

Ints = NDArray[np.int32]


KINDS: dict[str, Any] = {
    "objects": lambda labels: labels,
    "unknown parts": lambda labels: np.where(np.arange(labels.shape[1]) > 95, -1, labels),
    "a mask": lambda labels: np.where(labels > 0, 255, 0).astype(np.uint8),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_line_prints_the_same_numbers(
    kind: str, scene: Scene, scoring: Scoring, tmp_path: Path
) -> None:
    truth = KINDS[kind](truth_of(scene))
    scoring.against(truth, **PLACE)
    scores = scoring.scores
    save(tmp_path / "labels/a.tif", truth)
    save(tmp_path / "predictions/a.tif", scene.instances.labels)
    folders = "--labels", tmp_path / "labels", "--predictions", tmp_path / "predictions"
    (printed,) = call("evaluate", *folders, "--json").facts
    assert 0 < scores.ap[0] < 1
    for measure in MEASURES:
        np.testing.assert_allclose(printed["pooled"][measure], getattr(scores, measure), atol=1e-4)
    counts = {"tp": scores.tp.tolist(), "fp": scores.fp.tolist(), "fn": scores.fn.tolist()}
    counts |= {"split": scores.split, "merged": scores.merged}
    assert printed["counts"] == counts
    assert scoring.controller.report.partial == (kind == "unknown parts")


def test_scores_follow_sliders_corrections_and_the_ground_truth(
    scene: Scene, scoring: Scoring, bench: EditorBench
) -> None:
    truth = np.array(scene.instances.labels)
    layer = scoring.against(truth, **PLACE)
    n = len(scene.instances)
    assert scoring.scores.tp[0] == n
    scene.tune(seed_threshold=1.0)
    assert scoring.scores.fn[0] == n
    scene.tune(seed_threshold=0.5)
    assert scoring.scores.fn[0] == 0
    gone = scene.some()[0]
    scene.use("delete", scene.middle(gone))
    assert (scoring.scores.fn[0], scoring.scores.fp[0]) == (1, 0)
    bench.correction.undo()
    scene.wait()
    assert scoring.scores.fn[0] == 0
    at = scene.empty()
    layer.brush_size = 5
    layer.paint(at, 950)
    assert scoring.scores.fn[0] == 1
    layer.undo()
    assert scoring.scores.fn[0] == 0, "napari's own undo makes no event of its own"
    layer.data = np.where(layer.data == gone, 0, layer.data)
    assert scoring.scores.fp[0] == 1
    layer.translate = (1000, 0)
    assert "beside the image" in scoring.problem
    image = bench.images.layer
    assert image is not None
    image.translate = (1000, 0)
    assert scoring.scores.fp[0] == 1
    bench.session.set_result(scene.key, None)
    assert scoring.problem == "Predict this image first."


def test_what_does_not_fit_is_a_sentence(
    scoring: Scoring, bench: EditorBench, qtbot: QtBot
) -> None:
    assert "Choose an image" in scoring.problem
    scene = new_scene(bench, qtbot)
    assert "Open ground truth" in scoring.problem
    layer = bench.viewer.add_labels(np.zeros((90, 110), np.int32), name="masks", **PLACE)
    assert "Choose the layer" in scoring.problem
    scoring.controller.choose(layer)
    assert "masks has no object on this image" in scoring.problem
    layer.data = np.random.default_rng(0).integers(1, 250, (90, 110)).astype(np.int32)
    assert "change from pixel to pixel" in scoring.problem
    layer.data = np.array(scene.instances.labels)
    assert scoring.scores.ap[0] == 1
    scoring.controller.choose(None)
    assert "Choose the layer" in scoring.problem
    scoring.against(np.ones((30, 20), np.int32))
    assert "has the shape (30, 20), the image (90, 110)" in scoring.problem
    scoring.controller.show_errors(True)
    assert scoring.errors is None
    bench.viewer.layers.clear()
    assert "Choose an image" in scoring.problem


def test_a_crop_and_other_pixels_are_scored_where_they_lie(scene: Scene, scoring: Scoring) -> None:
    found, truth = scene.instances.labels, truth_of(scene)
    box = slice(20, 80), slice(10, 70)
    fine = np.kron(truth[box], np.ones((2, 2), np.int32))
    # The middle of the crop's first pixel, of half the size, lies a quarter of a pixel before.
    scoring.against(fine, scale=(0.25, 0.25), translate=(9.875, 4.875), units="um")
    unknown = np.ones(truth.shape, bool)
    unknown[box] = False
    assert_same(scoring.scores, score(np.where(unknown, 0, truth), found, ignore=unknown))
    assert scoring.controller.report.partial


def test_errors_are_a_layer_of_their_own_on_the_image(scene: Scene, scoring: Scoring) -> None:
    truth = truth_of(scene)
    merged, false, *_ = scene.some(2)
    layer = scoring.against(truth, **PLACE)
    scoring.controller.show_errors(True)
    errors = scoring.errors
    assert errors is not None
    np.testing.assert_allclose(errors.scale, scene.layer.scale)
    assert errors.units == scene.layer.units
    assert not scene.layer.visible, "errors would be lost among the colours of the objects"
    for label, kind in ((merged, MERGED), (false, FALSE)):
        own = errors.data[scene.instances.labels == label]
        assert set(own.tolist()) <= {0, kind}
        assert (own == kind).mean() > 0.6
    assert (errors.data[truth == 901] == MISSED).all()
    assert not errors.data[(scene.instances.labels == 0) & (truth == 0)].any()
    # It is no annotation, no result, no series and no ground truth, and cannot be painted on.
    assert scoring.controller.layers() == [layer]
    assert scene.rig.object_import.layers() == [layer]
    assert not series_axes(scene.viewer, errors)
    assert not errors.editable
    layer.data = np.array(scene.instances.labels)
    assert scoring.errors is errors, "it is changed in place"
    assert not errors.data.any()
    scoring.controller.show_errors(False)
    assert scoring.errors is None
    assert scene.layer.visible


def test_pieces_of_a_split_object_are_apart(scene: Scene, scoring: Scoring) -> None:
    label = scene.some()[0]
    truth = np.array(scene.instances.labels)
    scene.use("split", *scene.ends(label))
    parts = [x for x in np.unique(scene.instances.labels[truth == label]) if x]
    assert len(parts) == 2
    scoring.against(truth, **PLACE)
    scoring.controller.show_errors(True)
    assert scoring.scores.split == 1
    errors = scoring.errors
    assert errors is not None
    from scipy import ndimage as ndi

    assert ndi.label(errors.data == SPLIT)[1] == 2
    assert set(np.unique(errors.data)) == {0, SPLIT}


def test_nothing_stays_behind(scene: Scene, scoring: Scoring, bench: EditorBench) -> None:
    truth = truth_of(scene)
    layer = scoring.against(truth, **PLACE)
    scoring.controller.show_errors(True)
    errors = scoring.errors
    assert errors is not None
    bench.viewer.layers.remove(errors)
    assert not scoring.controller.shown, "the user removed it"
    assert scene.layer.visible
    scoring.controller.show_errors(True)
    assert scoring.errors is not None
    bench.viewer.layers.remove(layer)
    assert scoring.errors is None
    assert scoring.controller.layer is None
    scoring.against(truth, **PLACE)
    assert scoring.errors is not None
    bench.viewer.layers.remove(bench.images.layer)
    assert scoring.errors is None
    assert "Choose an image" in scoring.problem


def test_closing_removes_the_errors(bench: EditorBench, qtbot: QtBot, scene: Scene) -> None:
    scoring = Scoring(bench, qtbot)
    scoring.against(truth_of(scene), **PLACE)
    scoring.controller.show_errors(True)
    assert scoring.errors is not None
    scoring.controller.close()
    assert scoring.errors is None
    assert scene.layer.visible


def test_nothing_is_computed_that_is_not_seen(scene: Scene, scoring: Scoring) -> None:
    scoring.controller.set_seen(False)
    scoring.against(truth_of(scene), **PLACE)
    assert not scoring.controller.busy
    assert scoring.controller.scores is None
    scoring.controller.show_errors(True)
    assert scoring.errors is not None
    scoring.controller.show_errors(False)
    before = scoring.scores
    scene.tune(seed_threshold=1.0)
    assert scoring.scores is before
    scoring.controller.set_seen(True)
    assert scoring.scores.tp[0] == 0
