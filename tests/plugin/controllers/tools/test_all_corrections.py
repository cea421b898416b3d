"""The corrections of all images are added to their annotations at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from builders import capsules
from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.editing import corrections as edit
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.tools.all_corrections import AllCorrections
from napari_spatial_embeddings.plugin.layers.tags import image_key
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.project.training_set import load_training_set
from plugin.scenes import EditorBench, Scene, new_scene


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


@pytest.fixture
def everything(bench: EditorBench) -> Iterator[AllCorrections]:
    made = AllCorrections(
        bench.session, bench.autosave, bench.annotation, bench.annotation_actions, bench.parent
    )
    yield made
    made.close()


def corrected(bench: EditorBench, qtbot: QtBot, name: str, locked: int) -> Scene:
    """Open an image, lock some of its objects and delete one."""
    pixels = capsules((90, 110), seed=len(name), count=14, radius=6, length=6)
    scene = new_scene(bench, qtbot, pixels, name=name)
    gone, *kept = scene.some(locked + 1)
    at = scene.middle(gone)
    bench.correction.do(lambda now: edit.accept(now.corrections, now.instances, kept))
    scene.wait()
    scene.use("delete", at)
    scene.wait()
    assert len(scene.corrections) == locked
    return scene


def added(bench: EditorBench, qtbot: QtBot, everything: AllCorrections) -> str:
    """Add all corrections, and return the message."""
    everything.add()
    parts = (everything, bench.annotation, bench.autosave)
    qtbot.waitUntil(lambda: not any(part.busy for part in parts), timeout=300_000)
    return bench.message


def test_of_open_and_closed_images_with_and_without_annotations(
    bench: EditorBench, everything: AllCorrections, qtbot: QtBot
) -> None:
    with pytest.raises(InputError, match="nothing is corrected yet"):
        everything.add()
    closed = corrected(bench, qtbot, "closed", 2).key
    bench.autosave.save_now()
    for layer in [x for x in bench.viewer.layers if image_key(x) == closed]:
        bench.viewer.layers.remove(layer)
    bare = corrected(bench, qtbot, "bare", 1).key
    drawn = corrected(bench, qtbot, "drawn", 3)
    strokes = bench.annotation_actions.begin()
    strokes.draw()
    strokes.layer.paint(drawn.empty(), strokes.next)
    before = strokes.layer.data.copy()
    current = corrected(bench, qtbot, "current", 1).key
    assert everything.images() == [bare, drawn.key, current, closed]

    assert added(bench, qtbot, everything) == (
        "Of 4 images: 7 objects added to the annotations, and as background 4 deleted objects:"
        " train again to learn them."
    )
    bench.autosave.save_now()
    assert bench.session.project is not None
    project = Project.open(bench.session.project.folder)
    expected = {bare: 1, drawn.key: 4, current: 1, closed: 2}
    for key, objects in expected.items():
        annotation = project.annotation(key)
        assert annotation is not None
        classes = [annotation.classes[int(i)] for i in np.unique(annotation.labels) if i]
        assert classes.count("object") == objects
        assert classes.count(BACKGROUND) == 1
        count = bench.annotation.count(key)
        assert count is not None
        assert (count.total, count.background) == (objects, True)
    assert len(load_training_set(project).images) == 4
    assert bench.annotation.strokes(bare) is None
    assert (strokes.layer.data[before > 0] == before[before > 0]).all()

    assert added(bench, qtbot, everything) == "All corrections are among the annotations already."
    strokes.layer.undo()
    assert np.array_equal(strokes.layer.data, before)


def test_what_is_painted_meanwhile_stays(
    bench: EditorBench, everything: AllCorrections, qtbot: QtBot
) -> None:
    first = corrected(bench, qtbot, "first", 1)
    second = corrected(bench, qtbot, "second", 2)
    strokes = bench.annotation_actions.begin()
    strokes.draw()
    at = second.empty()
    everything.add()
    assert everything._worker is not None
    everything._worker._thread.join()  # what it found waits for the event loop
    stroke = strokes.next
    strokes.layer.paint(at, stroke)
    painted = strokes.layer.data == stroke
    qtbot.waitUntil(lambda: not (everything.busy or bench.annotation.busy), timeout=300_000)
    assert "3 objects" in bench.message
    assert (strokes.layer.data[painted] == stroke).all()
    assert (strokes.layer.data == stroke).sum() == painted.sum()
    count = bench.annotation.count(second.key)
    assert count is not None
    assert count.total == 3
    assert everything.images() == [first.key, second.key]


def test_what_is_released_is_not_corrected_any_more(
    bench: EditorBench, everything: AllCorrections, qtbot: QtBot
) -> None:
    scene = corrected(bench, qtbot, "cells", 1)
    assert everything.images() == [scene.key]
    bench.correction.undo()
    scene.wait()
    bench.correction.undo()
    scene.wait()
    assert everything.images() == []
