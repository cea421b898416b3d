"""What belongs to an image that is removed goes with it, whatever was under way."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.editing import corrections as edit
from napari_spatial_embeddings.plugin.layers.tags import image_key, role_of
from plugin.fake_results import segmentation
from plugin.scenes import EditorBench, Scene, default_labels, maps_of, new_scene, open_image


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


@pytest.fixture
def scene(bench: EditorBench, qtbot: QtBot) -> Scene:
    return new_scene(bench, qtbot)


def all_idle(bench: EditorBench) -> bool:
    parts: tuple[Any, ...] = (
        bench.reclustering,
        bench.correction,
        bench.results,
        bench.explanation,
        bench.annotation,
        bench.autosave,
        bench.export,
    )
    return not (bench.prediction.running or any(part.busy for part in parts))


@pytest.mark.parametrize("annotated", [False, True])
def test_its_memory_is_let_go_of(
    bench: EditorBench, scene: Scene, annotated: bool, tmp_path: Path
) -> None:
    """After sliders, corrections, an explanation and an export.

    An annotation layer that stays in the viewer keeps nothing but the annotation.
    """
    label = scene.some()[0]
    if annotated:
        bench.annotation_actions.begin()
    scene.tune(seed_threshold=0.6)
    scene.use("accept", scene.middle(label))
    bench.explanation.set_on(True)
    bench.explanation._pointer.moved.emit(scene.layer.data_to_world(scene.middle(label)))
    bench.export.export_current(tmp_path, ["labels"])
    scene.until(lambda: all_idle(bench))
    held: dict[str, Callable[[], object]] = {
        "seed maps": weakref.ref(scene.result.maps.seed),
        "offsets": weakref.ref(scene.result.maps.offsets),
        "clustering": weakref.ref(scene.result.clustering),
        "instances": weakref.ref(scene.instances.labels),
        "corrections": weakref.ref(scene.corrections.labels),
    }
    other = open_image(bench, default_labels(), "other")
    for layer in list(bench.viewer.layers):
        if image_key(layer) == scene.key and role_of(layer) != "annotations":
            bench.viewer.layers.remove(layer)
    del layer

    def left() -> list[str]:
        gc.collect()
        return [name for name, what in held.items() if what() is not None]

    scene.qtbot.waitUntil(lambda: all_idle(bench) and not left(), timeout=60_000)
    assert list(bench.session.images) == [other]
    assert bench.export.exportable() == []
    assert bench.session.image in (None, other)


def test_what_was_under_way_reaches_no_image_of_the_same_name(
    bench: EditorBench, scene: Scene
) -> None:
    """A correction and a clustering that end after another image has the name and the key."""
    key, result = scene.key, scene.result
    bench.correction.do(lambda now: edit.accept(now.corrections, now.instances))
    bench.reclustering.recluster(key, result)
    bench.session.tune(seed_threshold=0.3)
    bench.viewer.layers.clear()
    assert open_image(bench, default_labels()) == key
    scene.until(lambda: all_idle(bench))
    assert bench.session.results == {}
    assert [role_of(x) for x in bench.viewer.layers] == ["image"]


def test_a_prediction_of_other_axes_is_dropped(bench: EditorBench, scene: Scene) -> None:
    before = scene.result
    turned = maps_of(default_labels().T.copy())
    bench.prediction._publish(scene.key, segmentation(bench.session, turned))
    assert scene.result is before
    again = segmentation(bench.session, maps_of(default_labels(), seed=3))
    bench.prediction._publish(scene.key, again)
    assert scene.result is again
