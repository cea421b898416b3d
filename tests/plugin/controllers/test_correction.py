"""Corrections by each tool: they last, whatever the settings; without a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from builders import capsules
from napari_spatial_embeddings.core.instances import NOTHING
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from plugin.scenes import EditorBench, Scene, maps_of, new_scene, predict

MOVES: list[dict[str, Any]] = [
    {"seed_threshold": 0.3},
    {"seed_threshold": 0.95},
    {"foreground_threshold": 0.05},
    {"margin_factor": 1.6},
    {"min_size": 1, "min_free_fraction": 0.0},
    {"margin_factor": 0.6},
]


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


@pytest.fixture
def scene(bench: EditorBench, qtbot: QtBot) -> Scene:
    return new_scene(bench, qtbot)


def test_a_deleted_object_stays_deleted(scene: Scene) -> None:
    (label,) = scene.some()
    deleted = scene.instances.labels == label
    scene.use("delete", scene.middle(label))
    assert not scene.instances.labels[deleted].any()
    for move in MOVES:
        scene.tune(**move)
        assert not scene.instances.labels[deleted].any()
        np.testing.assert_array_equal(scene.layer.data, scene.instances.labels)
    assert scene.corrections.emptied


def test_two_objects_become_one_and_stay_one(scene: Scene, bench: EditorBench) -> None:
    a, b = scene.some(2)
    both = np.isin(scene.instances.labels, [a, b])
    for asked in (True, False):
        scene.use("merge", scene.middle(a))
        assert f"object {a}" in scene.rig.correction_tool.hint
        scene.use("merge", scene.middle(b))
        assert (b in scene.instances.ids) == asked
        assert bench.session.message_holds() == asked
    assert "do not touch" in bench.message
    for move in [{}, *MOVES]:
        scene.tune(**move)
        np.testing.assert_array_equal(scene.instances.labels == a, both)


def test_objects_that_touch_are_merged_at_once(bench: EditorBench, qtbot: QtBot) -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[10:30, 10:25], labels[10:30, 25:40] = 1, 2
    scene = new_scene(bench, qtbot, labels)
    assert len(scene.instances) == 2
    scene.use("merge", (20, 15), (20, 35))
    assert len(scene.instances) == 1


def test_another_pair_is_asked_for_again(scene: Scene, bench: EditorBench) -> None:
    a, b, c = (scene.middle(label) for label in scene.some(3))
    count = len(scene.instances)
    scene.use("merge", a, b, a, c, b, a)
    assert len(scene.instances) == count
    assert "do not touch" in bench.message
    scene.use("merge", a, b)
    assert len(scene.instances) == count - 1


def test_the_first_of_two_clicks_is_shown(scene: Scene) -> None:
    tool, (label,) = scene.rig.correction_tool, scene.some()
    first, last = scene.ends(label)

    def mark() -> Any:
        return find_layer(scene.viewer, "click", scene.key)

    active = scene.layer
    for leave in (tool.leave, lambda: tool.use("delete")):
        scene.use("split", first)
        assert mark().visible
        np.testing.assert_allclose(mark().data, [first])
        np.testing.assert_allclose(mark().scale, scene.layer.scale)
        assert scene.viewer.layers.selection.active is active
        assert tool.tool == "split"
        leave()
        assert mark() is None
    scene.use("split", first)
    layer = mark()
    scene.use("split", last)
    assert not layer.visible
    scene.use("split", last)
    assert mark() is layer, "napari takes long to remove a layer"
    assert layer.visible
    np.testing.assert_allclose(layer.data, [last])


def test_an_object_is_not_added_where_the_model_sees_background(
    bench: EditorBench, qtbot: QtBot
) -> None:
    labels = capsules((90, 110), count=6, radius=6)
    scene = new_scene(bench, qtbot, labels)
    maps = scene.result.maps
    # A haze of small seed values, all of whose embeddings agree, as far from objects too.
    at = scene.empty()
    away = np.indices(labels.shape) - np.reshape(at, (2, 1, 1))
    near = (np.abs(away) <= 6).all(0) & (labels == 0)
    offsets, seed, sigma = maps.offsets.copy(), maps.seed.copy(), maps.sigma.copy()
    for value, added in ((0.03, False), (0.3, True)):
        offsets[:, near], seed[:, near], sigma[:, near] = -away[:, near], value, 4.0
        predict(scene, replace(maps, offsets=offsets, seed=seed, sigma=sigma))
        before = len(scene.instances)
        scene.use("add", at)
        assert (len(scene.instances) == before + 1) == added
        assert added or "no object here" in bench.message


def test_a_split_object_stays_split_after_the_next_prediction(scene: Scene) -> None:
    (label,) = scene.some()
    whole = scene.instances.labels == label
    first, last = scene.ends(label)
    scene.use("split", first)
    assert f"object {label}" in scene.rig.correction_tool.hint
    scene.use("split", last)
    parts = {int(scene.instances.labels[first]), int(scene.instances.labels[last])}
    assert len(parts) == 2
    np.testing.assert_array_equal(np.isin(scene.instances.labels, list(parts)), whole)
    after = scene.instances.labels
    predict(scene, maps_of(capsules((90, 110), count=14, radius=6, length=6), seed=3))
    for part in parts:
        np.testing.assert_array_equal(scene.instances.labels == part, after == part)


def test_a_missed_object_is_added(scene: Scene) -> None:
    (label,) = scene.some()
    at = scene.middle(label)
    scene.tune(seed_threshold=1.0)
    assert not scene.instances.labels[at]
    scene.use("add", at)
    assert scene.instances.labels[at]
    assert len(scene.instances) == 1


def test_an_accepted_object_is_locked_until_it_is_released(scene: Scene) -> None:
    (label,) = scene.some()
    at, before = scene.middle(label), scene.instances.labels == label
    scene.use("accept", at)
    assert len(scene.corrections) == 1
    assert not scene.corrections.emptied
    scene.tune(seed_threshold=1.0, margin_factor=0.4)
    np.testing.assert_array_equal(scene.instances.labels > 0, before)
    scene.use("accept", at)  # once more
    assert len(scene.corrections) == 0
    assert not scene.instances.labels.any()


def test_a_stroke_of_the_brush_is_a_correction(scene: Scene) -> None:
    at, count = scene.empty(), len(scene.instances)
    scene.use("paint")
    scene.layer.brush_size = 5
    new = int(scene.layer.selected_label)
    scene.paint(new, at, (at[0], at[1] + 2))
    assert scene.instances.labels[at] == new
    assert len(scene.instances) == count + 1
    painted = scene.instances.labels == new
    for move in MOVES:
        scene.tune(**move)
        np.testing.assert_array_equal(scene.instances.labels == new, painted)
    # The next stroke is another object.
    assert int(scene.layer.selected_label) not in scene.instances.ids


def test_erased_pixels_stay_empty(scene: Scene) -> None:
    (label,) = scene.some()
    at, size = scene.middle(label), int((scene.instances.labels == label).sum())
    scene.use("paint")
    scene.layer.brush_size = 3
    scene.paint(0, at)
    assert scene.corrections.labels[at] == NOTHING
    assert 0 < (scene.instances.labels == label).sum() < size


def test_a_class_is_set(bench: EditorBench, qtbot: QtBot) -> None:
    scene = new_scene(bench, qtbot, classes=2)
    (label,) = scene.some()
    (before,) = scene.instances.class_index[scene.instances.ids == label]
    bench.correction_tool.class_index = 1 - int(before)
    scene.use("class", scene.middle(label))
    assert scene.instances.class_index[scene.instances.ids == label] == 1 - before


def test_a_volume_is_corrected_on_its_slice(bench: EditorBench, qtbot: QtBot) -> None:
    scene = new_scene(bench, qtbot, capsules((9, 40, 50), count=8, radius=5))
    a, b = scene.instances.ids[:2].tolist()
    for tool, label in (("delete", a), ("accept", b)):
        at, whole = scene.middle(label), scene.instances.labels == label
        bench.viewer.dims.set_current_step(0, at[0])
        scene.use(tool, at)
        expected = NOTHING if tool == "delete" else label
        assert (scene.corrections.labels[whole] == expected).all()
    scene.tune(seed_threshold=1.0)
    assert set(np.unique(scene.instances.labels)) == {0, b}
