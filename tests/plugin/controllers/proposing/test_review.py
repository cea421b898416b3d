"""Review of objects: where the view goes, what keys do, what is left, and what undo brings back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from threading import Event

import numpy as np
import pytest
from napari.utils.key_bindings import KeymapHandler
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from builders import capsules
from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.editing.corrections import delete
from napari_spatial_embeddings.editing.reviewing import ObjectToReview
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.proposing.annotated_results import (
    images_to_search,
)
from napari_spatial_embeddings.plugin.controllers.proposing.queue import ProposalQueue
from napari_spatial_embeddings.plugin.controllers.proposing.review import NO_RESULT, ObjectReview
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.plugin.layers.tags import tagged
from napari_spatial_embeddings.plugin.tasks.proposing.objects import objects_of_image
from napari_spatial_embeddings.plugin.tasks.proposing.search import ImageToSearch
from plugin.films import Film
from plugin.scenes import EditorBench, Scene, open_image, predict

Labels = NDArray[np.int32]


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()
    assert not list(tagged(bench.viewer, "proposed"))


def graded(labels: Labels) -> EmbeddingMaps:
    """Return maps on which an object is the less sure, the higher its label."""
    ideal = ideal_maps(labels, sigma=4.0)
    sure = (1 - 0.01 * np.arange(labels.max() + 1)).astype(np.float32)
    return replace(ideal, seed=ideal.seed * sure[labels])


def scene_of(bench: EditorBench, qtbot: QtBot, labels: Labels, name: str = "cells") -> Scene:
    scene = Scene(bench, open_image(bench, labels, name), qtbot)
    predict(scene, graded(labels))
    return scene


def squares(shape: tuple[int, ...] = (40, 150)) -> Labels:
    """Return seven squares, or cubes, in a row, of which the last two nearly touch."""
    labels = np.zeros(shape, np.int32)
    for k in range(1, 8):
        start = 20 * k - 10 if k < 7 else 121
        labels[..., 15:25, start : start + 10] = k
    return labels


def wait(scene: Scene) -> None:
    scene.until(lambda: not scene.rig.review.busy)
    scene.wait()


def press(scene: Scene, key: str) -> None:
    """Press a key over the objects' layer."""
    active = scene.viewer.layers.selection.active
    assert active is scene.layer
    handler = KeymapHandler()
    handler.keymap_providers = [active, scene.viewer]
    assert handler.press_key(key)
    wait(scene)


def shown(review: ObjectReview, labels: Labels) -> int:
    """Return which of the true objects is shown."""
    assert review.walk.item is not None
    (own,) = set(np.unique(labels[review.walk.item.box]).tolist()) - {0}
    return int(own)


def test_nothing_is_reviewed_before_there_is_a_result(bench: EditorBench) -> None:
    review = bench.review
    assert review.text == NO_RESULT
    with pytest.raises(InputError, match="Predict"):
        review.next()
    for action in (review.accept, review.reject, review.back):
        with pytest.raises(InputError, match="No object is shown"):
            action()


@pytest.mark.parametrize("shape", [(40, 150), (6, 40, 150)], ids=["image", "volume"])
def test_keys_decide_object_by_object_from_the_least_sure(
    bench: EditorBench, qtbot: QtBot, shape: tuple[int, ...]
) -> None:
    labels = squares(shape)
    scene, review = scene_of(bench, qtbot, labels), bench.review
    review.next()
    wait(scene)
    assert review.on
    assert shown(review, labels) == 7
    assert review.text.endswith("; 6 left.")
    assert review.text.startswith(f"Object {scene.instances.labels[..., 20, 125].max()}: ")
    (outline,) = [x for x in tagged(scene.viewer, "proposed") if x.visible]
    assert len(outline.data) == (1 if len(shape) == 2 else shape[0])
    middle = np.array(scene.layer.data_to_world([*[0] * (len(shape) - 2), 19.5, 125.5]))[-2:]
    assert np.allclose(np.array(camera(scene.viewer).center)[-2:], middle, atol=0.51)
    item = review.walk.item
    press(scene, "K")
    assert item is not None
    assert item.label in scene.corrections.ids
    assert shown(review, labels) == 6
    press(scene, "D")
    assert not (scene.instances.labels[labels == 6]).any()
    assert shown(review, labels) == 5
    press(scene, "G")  # passed over
    assert shown(review, labels) == 4
    assert review.text.endswith("; 3 left.")
    press(scene, "B")
    assert shown(review, labels) == 5
    press(scene, "B")  # the one before was deleted
    assert shown(review, labels) == 7
    assert "locked" in review.text
    with pytest.raises(InputError, match="first object"):
        review.back()
    bench.correction.undo()
    wait(scene)
    assert (scene.instances.labels[labels == 6]).all()
    for own in (6, 5, 4, 3, 2, 1):
        review.next()
        wait(scene)
        assert shown(review, labels) == own
    press(scene, "K")
    assert not review.on
    assert "reviewed" in review.text
    assert bench.correction_tool.keys_first is None
    assert not [x for x in tagged(scene.viewer, "proposed") if x.visible]


def test_merge_and_split_start_from_the_object_that_is_shown(
    bench: EditorBench, qtbot: QtBot
) -> None:
    labels = squares()
    scene, review, tool = scene_of(bench, qtbot, labels), bench.review, bench.correction_tool
    review.next()
    wait(scene)
    press(scene, "J")
    assert tool.tool == "merge"
    assert "merge with object" in tool.hint
    tool._pointer.clicked.emit(scene.layer.data_to_world((20, 115)))
    wait(scene)
    assert scene.instances.labels[20, 115] == scene.instances.labels[20, 125]
    assert review.on
    assert "locked" in review.text
    press(scene, "S")
    assert tool.tool == "split"
    for pixel in ((20, 114), (20, 127)):
        tool._pointer.clicked.emit(scene.layer.data_to_world(pixel))
    wait(scene)
    assert scene.instances.labels[20, 114] != scene.instances.labels[20, 127]
    press(scene, "G")
    assert not tool.tool
    assert shown(review, labels) == 5
    # Without a review, the keys are the tools' again.
    review.leave()
    scene.layer.mode = "pan_zoom"
    bench.viewer.layers.selection.active = scene.layer
    press(scene, "D")
    assert "stays deleted" in tool.hint
    assert scene.instances.labels[labels == 5].all()


def test_other_images_and_frames_follow(bench: EditorBench, qtbot: QtBot) -> None:
    one = scene_of(bench, qtbot, squares(), "one")
    film = Film(bench, [capsules((50, 60), seed, count=3) for seed in (3, 4)], maps=graded)
    review = bench.review
    counts = [len(film.objects(t)) for t in (0, 1)]
    records = [film.frame(t) for t in (0, 1)]
    seen = []
    review.next()
    wait(one)
    while review.on:
        assert review.walk.item is not None
        assert review.walk.in_view
        seen.append(review.walk.item.image)
        review.accept()
        wait(one)
        assert len(seen) < 30
    keys = [*(record.key for record in records), one.key]
    assert seen == [keys[0]] * counts[0] + [keys[1]] * counts[1] + [keys[2]] * 7
    assert len(one.corrections) == 7
    assert [len(record.corrections or ()) for record in records] == counts


def test_a_result_that_goes_ends_the_review(bench: EditorBench, qtbot: QtBot) -> None:
    scene, review = scene_of(bench, qtbot, squares()), bench.review
    review.next()
    wait(scene)
    assert review.on
    bench.session.set_result(scene.key, None)
    assert not review.on
    assert review.text == NO_RESULT


def test_a_decision_that_is_undone_is_asked_for_again(bench: EditorBench, qtbot: QtBot) -> None:
    labels = squares()
    scene, review = scene_of(bench, qtbot, labels), bench.review
    review.next()
    wait(scene)
    press(scene, "D")
    press(scene, "K")
    assert shown(review, labels) == 5
    for own in (6, 7):
        bench.correction.undo()
        wait(scene)
        assert shown(review, labels) == own
    for own in (7, 6, 5, 4, 3, 2, 1):
        assert shown(review, labels) == own
        press(scene, "D")
    assert not review.on
    bench.correction.undo()
    wait(scene)
    assert not review.on, "it was left"
    review.next()
    wait(scene)
    assert shown(review, labels) == 1


def test_what_is_corrected_while_it_is_searched_is_searched_again(
    bench: EditorBench, qtbot: QtBot
) -> None:
    scene = scene_of(bench, qtbot, squares())
    begun, go_on = Event(), Event()
    searched = []

    def find(image: ImageToSearch) -> list[ObjectToReview]:
        searched.append(image.result.instances)
        begun.set()
        assert go_on.wait(60)
        return objects_of_image(image)

    queue = ProposalQueue(bench.session, find, lambda every, *_: every, "")

    def search() -> None:
        queue.search(images_to_search(bench.viewer, bench.session))

    search()
    assert begun.wait(60)
    before = scene.instances
    bench.correction.do(lambda now: delete(now.corrections, now.instances, 1))
    scene.wait()
    go_on.set()
    scene.until(lambda: not queue.busy)
    assert len(queue.order) == 7, "what was found is shown, as far as it is there"
    assert not queue.outdated
    for _ in range(2):
        search()
        scene.until(lambda: not queue.busy)
        assert len(queue.order) == 6
    assert len(searched) == 2
    assert searched[0] is before
    assert searched[1] is scene.instances
    queue.close()
