"""Dots that become annotations: with a model, without one, and where it sees no object."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Points
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from builders import capsules
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.proposing.dots import DotImport
from napari_spatial_embeddings.plugin.layers.strokes import Strokes
from napari_spatial_embeddings.plugin.layers.tags import tag_of
from plugin.fake_results import set_maps
from plugin.scenes import EditorBench, maps_of, open_image
from plugin.untrained import model_of


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


@pytest.fixture
def dots(bench: EditorBench) -> DotImport:
    return bench.dots


def strokes(bench: EditorBench) -> Strokes:
    found = bench.annotation.strokes(bench.session.image)
    assert found is not None
    return found


def proposed(bench: EditorBench) -> set[int]:
    tag = tag_of(strokes(bench).layer)
    assert tag is not None
    return set(tag.proposed)


def centres(labels: NDArray[np.int32]) -> NDArray[np.float64]:
    ids = [k for k in np.unique(labels).tolist() if k and (labels == k).sum() > 20]
    return np.array([np.argwhere(labels == k).mean(0) for k in ids])


def points(bench: EditorBench, at: NDArray[np.float64], **how: object) -> Points:
    layer = bench.viewer.add_points(at, name="dots", **how)
    assert isinstance(layer, Points)
    return layer


def take(bench: EditorBench, qtbot: QtBot, dots: DotImport, layer: Points) -> None:
    dots.use(layer)
    parts = dots, bench.start_maps, bench.annotation
    qtbot.waitUntil(lambda: not any(part.busy for part in parts), timeout=300_000)


@pytest.mark.parametrize("shape", [(80, 90), (12, 50, 60)], ids=["image", "volume"])
def test_each_dot_becomes_the_object_that_the_model_sees(
    bench: EditorBench, qtbot: QtBot, dots: DotImport, shape: tuple[int, ...]
) -> None:
    labels = capsules(shape, count=8)
    key = open_image(bench, labels)  # of half a micrometre
    set_maps(bench, key, maps_of(labels))
    bench.wait()
    at = centres(labels)
    empty = np.argwhere(labels == 0)[3]
    where = np.vstack([at, empty, np.array(shape) + 40.0])
    # Points of another scale and unit lie where they are seen.
    ndim = len(shape)
    layer = points(bench, where * 250.0, scale=(2.0,) * ndim, units=("nm",) * ndim)
    take(bench, qtbot, dots, layer)
    new = strokes(bench).labels
    assert len(np.unique(new)) == len(at) + 1
    for one in at.round().astype(int):
        own, mine = labels == labels[tuple(one)], new == new[tuple(one)]
        assert (own & mine).sum() >= 0.75 * (own | mine).sum()
    assert proposed(bench) == set(np.unique(new).tolist()) - {0}
    assert f"{len(at)} objects of dots outlined" in bench.message
    assert "at 1 dot the model sees no object" in bench.message
    assert layer.selected_data == {len(at)}
    assert layer.visible
    # Taken again, nothing is there to be done; painted on, an object is the user's own.
    before = np.array(new)
    take(bench, qtbot, dots, layer)
    assert "sees no object at 1 dot" in bench.message
    assert np.array_equal(strokes(bench).labels, before)
    bench.annotation_actions.use_tool("draw")
    strokes(bench).layer.selected_label = 2
    with strokes(bench).layer.block_history():
        strokes(bench).layer.paint(tuple(empty.tolist()), 2)
    assert proposed(bench) == set(np.unique(before).tolist()) - {0, 2}
    while np.any(strokes(bench).labels):
        left = strokes(bench).labels.sum()
        strokes(bench).layer.undo()
        if strokes(bench).labels.sum() == left:
            break
    assert not strokes(bench).labels.any()


def test_the_model_is_run_once_where_nothing_is_known(
    bench: EditorBench, qtbot: QtBot, dots: DotImport, tmp_path: Path
) -> None:
    labels = capsules((60, 70), count=6)
    open_image(bench, labels)
    model = model_of()
    model.save(tmp_path / "model")
    bench.session.set_model(tmp_path / "model", model.clustering)
    bench.annotation_actions.begin()
    bench.annotation_actions.set_scribbled(True)
    layer = points(bench, centres(labels), scale=(0.5, 0.5), units=("um", "um"))
    dots.use(layer)
    assert bench.start_maps.busy
    dots.use(layer)  # another press changes nothing
    qtbot.waitUntil(lambda: not (bench.start_maps.busy or dots.busy), timeout=300_000)
    assert not bench.session.results
    new = strokes(bench).labels
    at = centres(labels).round().astype(int)
    assert all(new[tuple(one)] > 0 for one in at), "outlined, or a dot as it is"
    assert len(np.unique(new)) == len(at) + 1
    assert not layer.visible


def test_without_a_model_dots_are_scribbles(
    bench: EditorBench, qtbot: QtBot, dots: DotImport
) -> None:
    labels = capsules((60, 70), count=6)
    open_image(bench, labels)
    at = centres(labels)
    layer = points(bench, at, scale=(0.5, 0.5), units=("um", "um"))
    take(bench, qtbot, dots, layer)
    tag = tag_of(strokes(bench).layer)
    assert tag is not None
    assert tag.scribbled
    assert not tag.proposed
    assert f"{len(at)} dots taken as scribbles" in bench.message
    new = strokes(bench).labels
    assert all(new[tuple(one)] == k for k, one in enumerate(at.round().astype(int), 1))
    assert (new > 0).sum() == 9 * len(at)
    bench.annotation_actions.set_scribbled(False)
    with pytest.raises(InputError, match="no model that outlines"):
        dots.use(layer)


def test_points_that_are_not_on_the_image_are_refused(bench: EditorBench, dots: DotImport) -> None:
    open_image(bench, capsules((60, 70), count=6))
    with pytest.raises(InputError, match="no point of dots lies on the image"):
        dots.use(points(bench, np.array([[900.0, 900.0]])))
    with pytest.raises(InputError, match="coordinates"):
        dots.use(points(bench, np.ones((1, 4))))


@pytest.mark.parametrize("ndim", [2, 3])
def test_of_a_series_the_dots_of_the_frame_in_view_are_taken(
    bench: EditorBench, qtbot: QtBot, dots: DotImport, ndim: int
) -> None:
    film = np.stack([capsules((50, 60), seed, count=5) for seed in range(3)])
    image = bench.viewer.add_image((film > 0).astype(np.float32), name="film")
    bench.images.choose(image, "TYX")
    bench.images.show_frame(1)
    set_maps(bench, str(bench.session.image), maps_of(film[1]))
    bench.wait()
    at = centres(film[1])
    other = np.insert(centres(film[0]), 0, 0, 1)
    where = at if ndim == 2 else np.vstack([np.insert(at, 0, 1, 1), other])
    take(bench, qtbot, dots, points(bench, where))
    data = strokes(bench).layer.data
    assert len(np.unique(data[1])) == len(at) + 1
    assert not data[[0, 2]].any()
    # The marks are those of the frame.
    marks = proposed(bench)
    bench.images.show_frame(0)
    assert not proposed(bench)
    bench.images.show_frame(1)
    assert proposed(bench) == marks
