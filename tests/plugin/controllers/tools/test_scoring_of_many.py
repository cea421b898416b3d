"""Scores of several images, of the frames of a series, and of views."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.core import image_data
from napari_spatial_embeddings.core.metrics import score
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from plugin.fake_results import segmentation
from plugin.films import Film
from plugin.scenes import EditorBench, Scene, default_labels, maps_of, new_scene
from plugin.scored import PLACE, Scoring, assert_same, truth_of


def test_each_image_has_ground_truth_of_its_own(
    scene: Scene, scoring: Scoring, bench: EditorBench, qtbot: QtBot
) -> None:
    first = scoring.against(truth_of(scene), **PLACE)
    scoring.controller.show_errors(True)
    assert scoring.errors is not None
    other = new_scene(bench, qtbot, name="other")
    assert scoring.controller.layer is None
    assert scoring.errors is None
    assert other.layer.visible
    second = scoring.against(np.array(other.instances.labels), **PLACE)
    assert scoring.scores.ap[0] == 1
    bench.images.choose(bench.images.layer_of(scene.key))
    assert scoring.controller.layer is first
    assert scoring.scores.ap[0] < 1
    errors = scoring.errors
    assert errors is not None
    assert find_layer(bench.viewer, "errors", scene.key) is errors
    bench.images.choose(bench.images.layer_of(other.key))
    assert scoring.controller.layer is second
    scoring.controller.show_errors(False)
    bench.images.choose(bench.images.layer_of(scene.key))
    assert scene.layer.visible, "its objects were hidden below its errors"


def test_of_a_series_the_frame_in_view_is_scored(scoring: Scoring, bench: EditorBench) -> None:
    labels = [default_labels(), np.roll(default_labels(), 3, 0), default_labels()]
    film = Film(bench, labels, predicted=(0, 1))
    truth = np.stack(labels)
    truth[1][truth[1] == truth[1].max()] = 0
    layer = scoring.against(truth)
    scoring.controller.show_errors(True)
    for t in (0, 1, 0):
        film.go(t)
        assert_same(scoring.scores, score(truth[t], film.objects(t).labels))
        errors = scoring.errors
        assert errors is not None
        assert errors.ndim == 2
        assert bool(errors.data.any()) == (t == 1)
    film.go(2)
    assert scoring.problem == "Predict this image first."
    assert scoring.errors is None
    film.go(1)
    scoring.controller.choose(None)
    bench.viewer.layers.remove(layer)
    scoring.against(truth[0])
    assert_same(scoring.scores, score(truth[0], film.objects(1).labels))
    scoring.controller.choose(None)
    bench.viewer.layers.remove("masks")
    scoring.against(truth[:2])
    assert "has 2 frames, and the image 3" in scoring.problem


def test_a_view_is_scored_against_labels_of_the_large_image(
    scoring: Scoring, bench: EditorBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_data, "MAX_PIXELS", 2**21)
    large = bench.viewer.add_image(np.zeros((2000, 1800), np.uint8), name="slide", scale=(2, 2))
    bench.images.choose(large)
    truth = np.zeros((2000, 1800), np.int32)
    for k, (row, column) in enumerate(np.ndindex(50, 45)):
        truth[40 * row + 5 : 40 * row + 30, 40 * column + 5 : 40 * column + 25] = k + 1
    scoring.against(truth, scale=(2, 2))
    for at in ((2000, 1500), (600, 600)):
        camera(bench.viewer).center, camera(bench.viewer).zoom = (0, *at), 1.5
        strokes = bench.annotation_actions.begin()
        start = [int(x) // 2 for x in strokes.layer.translate]
        box = tuple(slice(s, s + n) for s, n in zip(start, strokes.layer.data.shape, strict=True))
        found = np.array(truth[box])
        found[found == found.max()] = 0
        result = segmentation(bench.session, maps_of(found))
        bench.session.set_result(str(bench.session.image), result)
        assert_same(scoring.scores, score(truth[box], result.instances.labels))
