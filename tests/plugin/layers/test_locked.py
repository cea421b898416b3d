"""Outlines of locked objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from scipy import ndimage as ndi

from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.plugin.layers.locked import changed_outlines
from napari_spatial_embeddings.plugin.layers.locked import outlines as locked_outlines
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.plugin.tasks import changed_labels
from plugin.scenes import EditorBench, Scene, new_scene


@pytest.fixture
def scene(qtbot: QtBot) -> Iterator[Scene]:
    bench = EditorBench(qtbot)
    yield new_scene(bench, qtbot)
    bench.close()


def outlines(scene: Scene) -> Any:
    return find_layer(scene.viewer, "locked", scene.key)


def assert_outlined(scene: Scene, labels: list[int]) -> None:
    """Assert that the outlines of these objects are drawn, and nothing else."""
    expected = np.zeros_like(scene.instances.labels)
    for label in labels:
        own = scene.instances.labels == label
        expected[own & ~ndi.binary_erosion(own, border_value=1)] = label
    np.testing.assert_array_equal(outlines(scene).data, expected)


@pytest.mark.parametrize("shape", [(23, 17), (4, 23, 17), (1, 9)])
def test_outlines_are_those_of_each_slice(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changed_labels, "BLOCK_PIXELS", 50)
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 3, shape).repeat(3, -1).repeat(3, -2).astype(np.int32)
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])[(None,) * (labels.ndim - 2)]
    same = ndi.grey_dilation(labels, footprint=cross) == ndi.grey_erosion(labels, footprint=cross)
    expected = np.where(same, 0, labels).clip(0)
    np.testing.assert_array_equal(locked_outlines(labels), expected)


@pytest.mark.parametrize("shape", [(30, 30), (3, 30, 20)])
def test_outlines_are_replaced_where_labels_change(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        shown, labels = (rng.integers(-1, 4, shape, dtype=np.int32) for _ in range(2))
        box = tuple(slice(a, a + int(rng.integers(1, 6))) for a in rng.integers(0, shape))
        new = shown.copy()
        new[box] = labels[box]
        found = changed_outlines(shown, new)
        assert found is not None
        drawn = locked_outlines(shown)
        drawn[found[0]] = found[1]
        np.testing.assert_array_equal(drawn, locked_outlines(new))
        assert all(part.stop - part.start <= 5 + 2 for part in found[0])
    assert changed_outlines(shown, shown.copy()) is None


def test_outlines_follow_when_corrections_come_faster_than_they_are_drawn(scene: Scene) -> None:
    labels = scene.some(3)
    scene.use("accept", *(scene.middle(label) for label in labels))
    correction = scene.rig.correction
    for move in (correction.undo, correction.undo, correction.redo):
        move()
        scene.until(lambda: not correction.busy)
    scene.wait()
    assert_outlined(scene, labels[:2])


def test_locked_objects_have_outlines(scene: Scene) -> None:
    active = scene.viewer.layers.selection.active
    a, b = scene.some(2)
    for labels in ([a], [a, b]):
        scene.use("accept", scene.middle(labels[-1]))
        assert_outlined(scene, labels)
    scene.rig.correction_tool.leave()
    assert scene.viewer.layers.selection.active in (active, scene.layer)
    np.testing.assert_allclose(outlines(scene).scale, scene.layer.scale)
    assert scene.viewer.layers.index(outlines(scene)) > scene.viewer.layers.index(scene.layer)
    scene.rig.correction.undo()
    scene.wait()
    assert_outlined(scene, [a])
    scene.rig.correction.do(lambda now: Corrections.none(now.maps.shape))
    scene.wait()
    assert outlines(scene) is None


def test_a_removed_layer_comes_back_with_the_next_result(scene: Scene) -> None:
    scene.use("accept", scene.middle(scene.some()[0]))
    scene.viewer.layers.remove(outlines(scene))
    scene.tune(margin_factor=0.9)
    assert outlines(scene) is not None
