"""Corrections over time: undone exactly, under new settings and predictions, saved and loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from builders import capsules
from napari_spatial_embeddings.core.instances import NOTHING, Corrections
from napari_spatial_embeddings.editing import corrections as edit
from napari_spatial_embeddings.inference.segmentation import Segmentation
from napari_spatial_embeddings.plugin.tasks.correction_actions import Scene as Objects
from plugin.scenes import (
    EditorBench,
    Scene,
    maps_of,
    new_scene,
    open_image,
    predict,
)


def without_corrections(result: Segmentation) -> Segmentation:
    """Return a result as a prediction that started before its corrections were made."""
    clustering = result.clustering.corrected(None)
    return replace(
        result,
        clustering=clustering,
        instances=clustering(result.settings),
        corrections=None,
    )


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


@pytest.fixture
def scene(bench: EditorBench, qtbot: QtBot) -> Scene:
    return new_scene(bench, qtbot)


def test_undo_and_redo_are_exact(scene: Scene) -> None:
    correction = scene.rig.correction
    a, b, c = scene.some(3)
    scene.use("merge", scene.middle(b), scene.middle(c))  # it is asked whether that was meant
    states = [(scene.instances, scene.result.corrections)]
    for tool, labels in (("merge", [b, c]), ("delete", [a]), ("accept", [b])):
        scene.use(tool, *[scene.middle(label) for label in labels])
        states.append((scene.instances, scene.result.corrections))
    for instances, _ in states[-2::-1]:
        correction.undo()
        scene.wait()
        assert scene.instances is instances
        np.testing.assert_array_equal(scene.layer.data, instances.labels)
    assert not correction.can_undo
    for instances, corrections in states[1:]:
        correction.redo()
        scene.wait()
        assert scene.instances is instances
        assert scene.result.corrections is corrections
    assert not correction.can_redo


@pytest.mark.parametrize("predicted", [False, True], ids=["slider", "prediction"])
def test_undo_is_right_for_the_present_settings_and_maps(scene: Scene, predicted: bool) -> None:
    (label,) = scene.some()
    scene.use("delete", scene.middle(label))
    if predicted:
        predict(scene, maps_of(capsules((90, 110), seed=5, count=14), seed=3))
    else:
        scene.tune(margin_factor=0.7)
    scene.rig.correction.undo()
    scene.wait()
    expected = scene.result.clustering.corrected(None)(scene.rig.session.clustering)
    np.testing.assert_array_equal(scene.instances.labels > 0, expected.labels > 0)
    assert len(scene.instances) == len(expected)
    assert scene.result.settings == scene.rig.session.clustering


def test_fast_clicks_all_count(scene: Scene) -> None:
    places = [scene.middle(label) for label in scene.some(4)]
    scene.use("delete", *places)
    assert not any(scene.instances.labels[place] for place in places)


def test_a_slider_that_moves_while_a_correction_runs_counts(scene: Scene) -> None:
    (label,) = scene.some()
    deleted = scene.instances.labels == label
    at = scene.middle(label)
    scene.rig.correction.do(lambda now: edit.delete(now.corrections, now.instances, now.label(at)))
    scene.rig.session.tune(margin_factor=0.7)
    scene.wait()
    assert scene.result.settings.margin_factor == 0.7
    assert not scene.instances.labels[deleted].any()
    np.testing.assert_array_equal(scene.layer.data, scene.instances.labels)


def test_a_failed_change_is_a_message_and_leaves_all_as_it_was(
    scene: Scene, bench: EditorBench
) -> None:
    def fail(_now: Objects) -> Corrections:
        raise MemoryError

    before = scene.instances.labels
    scene.layer.data[:5, :5] = 77  # painted, and not taken over
    bench.correction.do(fail)
    scene.wait()
    assert "not enough memory" in bench.message
    np.testing.assert_array_equal(scene.layer.data, before)
    assert not bench.correction.can_undo


def test_without_a_prediction_there_is_a_message(bench: EditorBench) -> None:
    open_image(bench, np.ones((20, 30), np.int32))
    bench.correction.do(lambda now: now.corrections)
    assert "predict the image first" in bench.message
    assert not bench.correction.busy


# --------------------------------------------------------- predictions, images


def test_a_result_made_without_the_corrections_gets_them(scene: Scene) -> None:
    """Such as that of a prediction that started before them."""
    scene.rig.correction.do(lambda now: edit.accept(now.corrections, now.instances))
    scene.wait()
    before, known = scene.instances.labels, scene.corrections
    scene.rig.session.set_result(scene.key, without_corrections(scene.result))
    scene.wait()
    assert scene.corrections is known
    np.testing.assert_array_equal(scene.instances.labels[before > 0], before[before > 0])


def test_each_image_has_its_own_history(scene: Scene, bench: EditorBench, qtbot: QtBot) -> None:
    first = bench.images.layer
    scene.use("delete", scene.middle(scene.some()[0]))
    other = new_scene(bench, qtbot, name="other")
    assert not bench.correction.can_undo
    other.use("accept", other.middle(other.some()[0]))
    bench.images.choose(first)
    scene.rig.correction.undo()
    scene.wait()
    assert not bench.correction.can_undo
    assert len(other.corrections) == 1


def test_removing_the_image_meanwhile_ends_it(scene: Scene, bench: EditorBench) -> None:
    bench.correction.do(lambda now: edit.accept(now.corrections, now.instances))
    bench.viewer.layers.remove("cells")
    scene.until(lambda: not bench.correction.busy)
    assert bench.session.results == {}


# --------------------------------------------------------- saving and loading


def test_corrections_are_saved_and_loaded(scene: Scene, bench: EditorBench) -> None:
    a, b = scene.some(2)
    deleted, kept = scene.instances.labels == a, scene.instances.labels == b
    scene.use("delete", scene.middle(a))
    scene.use("accept", scene.middle(b))
    maps = scene.result.maps
    bench.autosave.save_now()
    project = bench.session.project
    assert project is not None
    saved = project.corrections(scene.key)
    assert saved is not None
    np.testing.assert_array_equal(saved.labels, scene.corrections.labels)
    bench.project.open(project.folder)
    assert bench.session.image == scene.key
    assert not bench.correction.can_undo
    bench.session.tune(seed_threshold=1.0)
    predict(scene, maps)
    np.testing.assert_array_equal(scene.instances.labels > 0, kept)
    assert (scene.corrections.labels[deleted] == NOTHING).all()


def test_loaded_corrections_are_not_saved_again(scene: Scene, bench: EditorBench) -> None:
    scene.use("accept", scene.middle(scene.some()[0]))
    maps = scene.result.maps
    bench.autosave.save_now()
    project = bench.session.project
    assert project is not None
    bench.project.open(project.folder)
    predict(scene, maps)
    (file,) = project.folder.rglob("*orrections*")
    before = file.stat().st_mtime_ns
    bench.autosave.save_now()
    assert file.stat().st_mtime_ns == before
    image = bench.session.images[scene.key]
    assert image.saved_corrections is image.corrections is scene.corrections


def test_what_is_not_saved_is_saved_the_next_time(scene: Scene, bench: EditorBench) -> None:
    scene.use("accept", scene.middle(scene.some()[0]))
    bench.autosave.save_now()
    image = bench.session.images[scene.key]
    scene.until(lambda: image.saved_corrections is image.corrections)
    project = bench.session.project
    assert project is not None
    scene.use("delete", scene.middle(scene.some()[0]))
    assert image.saved_corrections is not image.corrections
    assert bench.autosave.pending
    bench.autosave.save_now()
    saved = project.corrections(scene.key)
    assert saved is not None
    np.testing.assert_array_equal(saved.labels, scene.corrections.labels)
