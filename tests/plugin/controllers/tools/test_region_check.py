"""Regions: undone and redone, and compared with what the model finds in them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from napari.layers import Shapes
from napari.utils.key_bindings import KeymapHandler
from pytestqt.qtbot import QtBot

from builders import capsules
from napari_spatial_embeddings.editing import corrections as edit
from napari_spatial_embeddings.plugin.controllers.tools.region_check import RegionCheck
from plugin.scenes import EditorBench, Scene, new_scene

BOX = np.array([[0, 0], [0, 60], [45, 60], [45, 0]], float)


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


@pytest.fixture
def scene(bench: EditorBench, qtbot: QtBot) -> Scene:
    return new_scene(bench, qtbot)


@pytest.fixture
def check(scene: Scene) -> Iterator[RegionCheck]:
    made = RegionCheck(scene.rig.session, scene.rig.annotation)
    yield made
    made.close()


def press(layer: Shapes, key: str) -> None:
    handler = KeymapHandler()
    handler.keymap_providers = [layer]
    assert handler.press_key(key)


def test_missing_objects_are_counted_until_they_are_annotated(
    scene: Scene, check: RegionCheck, bench: EditorBench
) -> None:
    def checked() -> int:
        scene.until(lambda: not (check.busy or bench.annotation.busy))
        return check.missing

    assert checked() == 0, "there is no region"
    assert not check.warning
    regions = bench.annotation_actions.begin_region()
    regions.add_rectangles(BOX)
    inside = set(np.unique(scene.instances.labels[:46, :61]).tolist()) - {0}
    assert checked() == len(inside)
    assert f"{len(inside)} objects found in the regions are not annotated" in check.warning
    # A slider changes what is predicted.
    scene.tune(seed_threshold=1.0)
    assert checked() == 0
    scene.tune(seed_threshold=0.5)
    assert checked() == len(inside)
    first, *others = sorted(inside)
    bench.correction.do(lambda now: edit.accept(now.corrections, now.instances, others))
    scene.wait()
    bench.object_import.use_corrections()
    assert checked() == 1
    assert "is not annotated" in check.warning
    press(regions, "Control-Z")
    assert checked() == 0
    assert not check.warning
    press(regions, "Control-Shift-Z")
    assert checked() == 1
    strokes = bench.annotation.strokes(scene.key)
    assert strokes is not None
    strokes.layer.data_setitem(np.nonzero(scene.instances.labels == first), np.int32(strokes.next))
    assert checked() == 0


def test_another_image_has_regions_of_its_own(
    scene: Scene, check: RegionCheck, bench: EditorBench, qtbot: QtBot
) -> None:
    bench.annotation_actions.begin_region().add_rectangles(BOX)
    scene.until(lambda: check.missing)
    first = bench.images.layer
    new_scene(bench, qtbot, name="other")
    assert not check.missing
    bench.images.choose(first)
    scene.until(lambda: check.missing)


@pytest.mark.parametrize("shape", [(40, 50), (6, 40, 50)], ids=str)
def test_each_change_of_regions_is_undone_and_done_again(
    bench: EditorBench, qtbot: QtBot, shape: tuple[int, ...]
) -> None:
    scene = new_scene(bench, qtbot, capsules(shape, count=4))
    layer = bench.annotation_actions.begin_region()
    square = np.array([[5, 5], [5, 15], [15, 15], [15, 5]], float)
    corners = np.pad(square, ((0, 0), (len(shape) - 2, 0)), constant_values=2)

    def state() -> list[tuple[str, list[list[float]]]]:
        shapes = zip(layer.shape_type, layer.data, strict=True)
        return [(kind, np.asarray(data).tolist()) for kind, data in shapes]

    states = [state()]
    for change in (
        lambda: layer.add_rectangles(corners),
        lambda: layer.add_polygons(corners[:3] + 3),
        lambda: layer.add_ellipses(corners + 6),
        lambda: setattr(layer, "data", [*layer.data[:2], layer.data[2] + 1]),
        lambda: (layer.selected_data.add(0), layer.remove_selected()),
    ):
        change()
        states.append(state())
    widths = list(layer.edge_width)
    for expected in states[-2::-1]:
        press(layer, "Control-Z")
        assert state() == expected
    press(layer, "Control-Z")  # nothing is left
    assert state() == states[0]
    for expected in states[1:]:
        press(layer, "Control-Shift-Z")
        assert state() == expected
    assert list(layer.edge_width) == widths
    scene.until(lambda: not bench.annotation.busy)
    count = bench.annotation.count(scene.key)
    assert count is not None
    assert count.regions == len(states[-1])
    bench.viewer.layers.remove(layer)
    assert not layer.keymap
