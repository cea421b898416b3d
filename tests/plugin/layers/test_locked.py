"""Outlines of locked objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from plugin.scenes import EditorBench, Scene, new_scene


@pytest.fixture
def scene(qtbot: QtBot) -> Iterator[Scene]:
    bench = EditorBench(qtbot)
    yield new_scene(bench, qtbot)
    bench.close()


def outlines(scene: Scene) -> Any:
    return find_layer(scene.viewer, "locked", scene.key)


def test_locked_objects_have_outlines(scene: Scene) -> None:
    active = scene.viewer.layers.selection.active
    a, b = scene.some(2)
    for labels in ([a], [a, b]):
        scene.use("accept", scene.middle(labels[-1]))
        expected = np.isin(scene.instances.labels, labels)
        np.testing.assert_array_equal(outlines(scene).data > 0, expected)
    scene.rig.correction_tool.leave()
    assert scene.viewer.layers.selection.active in (active, scene.layer)
    np.testing.assert_allclose(outlines(scene).scale, scene.layer.scale)
    assert scene.viewer.layers.index(outlines(scene)) > scene.viewer.layers.index(scene.layer)
    scene.rig.correction.undo()
    scene.wait()
    np.testing.assert_array_equal(outlines(scene).data > 0, scene.instances.labels == a)
    scene.rig.correction.do(lambda now: Corrections.none(now.maps.shape))
    scene.wait()
    assert outlines(scene) is None


def test_a_removed_layer_comes_back_with_the_next_result(scene: Scene) -> None:
    scene.use("accept", scene.middle(scene.some()[0]))
    scene.viewer.layers.remove(outlines(scene))
    scene.tune(margin_factor=0.9)
    assert outlines(scene) is not None
