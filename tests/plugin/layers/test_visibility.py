"""Objects are seen while they are corrected or explained, whatever is annotated over them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from plugin.scenes import EditorBench, Scene, new_scene


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


@pytest.fixture
def scene(bench: EditorBench, qtbot: QtBot) -> Scene:
    """Return an image with objects and an annotation over one, with the brush active."""
    scene = new_scene(bench, qtbot)
    strokes = bench.annotation_actions.begin()
    strokes.layer.mode = "paint"
    return scene


def annotation(scene: Scene) -> list[bool]:
    """Return which layers of the annotation are visible."""
    names = ("annotations", "regions")
    return [x.visible for x in scene.viewer.layers if x.name.endswith(names)]


def in_front(scene: Scene) -> bool:
    """Return whether the objects are seen, and clicks reach them and paint nothing."""
    layer = scene.layer
    active = scene.viewer.layers.selection.active is layer
    hidden = not any(annotation(scene))
    return active and layer.visible and str(layer.mode) == "pan_zoom" and hidden


def test_explanations_are_seen(scene: Scene) -> None:
    scene.rig.explanation.set_on(True)
    assert in_front(scene)
    scene.rig.explanation.set_on(False)
    assert annotation(scene) == [True]


def test_tools_work_on_what_is_seen(scene: Scene, bench: EditorBench) -> None:
    bench.annotation_actions.begin_region()
    for tool in ("delete", "split", "add"):
        bench.correction_tool.use(tool)
        assert in_front(scene)
    bench.correction_tool.leave()
    assert annotation(scene) == [True, True]


def test_two_users_hide_it_until_both_are_done(scene: Scene, bench: EditorBench) -> None:
    bench.explanation.set_on(True)
    bench.correction_tool.use("delete")
    bench.explanation.set_on(False)
    assert in_front(scene)
    bench.correction_tool.leave()
    assert annotation(scene) == [True]


def test_a_layer_that_the_user_hid_stays_hidden(scene: Scene, bench: EditorBench) -> None:
    scene.viewer.layers["cells · annotations"].visible = False
    bench.correction_tool.use("delete")
    bench.correction_tool.leave()
    assert annotation(scene) == [False]


def test_an_annotation_that_is_made_active_is_shown(scene: Scene, bench: EditorBench) -> None:
    bench.correction_tool.use("delete")
    layer = bench.annotation_actions.begin().layer
    scene.until(lambda: bench.correction_tool.tool == "")
    assert layer.visible
    assert scene.viewer.layers.selection.active is layer


def test_objects_used_as_annotation_stay_in_front(scene: Scene, bench: EditorBench) -> None:
    scene.use("accept", scene.middle(scene.some()[0]))
    bench.object_import.use_corrections()
    assert "1 object added" in bench.message
    assert in_front(scene)


def test_an_annotation_that_is_made_meanwhile_is_hidden_as_well(
    scene: Scene, bench: EditorBench
) -> None:
    scene.viewer.layers.remove("cells · annotations")
    scene.use("accept", scene.middle(scene.some()[0]))
    bench.object_import.use_corrections()
    scene.until(lambda: in_front(scene))
    bench.correction_tool.leave()
    assert annotation(scene) == [True]


def test_another_image_gets_its_own_back(scene: Scene, bench: EditorBench) -> None:
    bench.explanation.set_on(True)
    first = bench.images.layer
    bench.images.choose(bench.viewer.add_image(np.zeros((40, 50), np.float32), name="other"))
    assert not bench.explanation.on
    assert annotation(scene) == [False], "it is the other image's"
    bench.images.choose(first)
    assert annotation(scene) == [True]


def test_closing_shows_it_again(scene: Scene, bench: EditorBench) -> None:
    bench.correction_tool.use("delete")
    bench.annotation_hider.close()
    assert annotation(scene) == [True]
