"""Clicks that propose objects: what they add, where they wait, and what ends the tool."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from builders import capsules
from napari_spatial_embeddings.editing.picking import object_at
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.strokes import Strokes
from napari_spatial_embeddings.plugin.layers.tags import tagged
from plugin.scenes import EditorBench, maps_of, open_image
from plugin.untrained import model_of


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


def with_model(bench: EditorBench, folder: Path, ndim: int = 2) -> None:
    model = model_of(ndim=ndim, spacing=(1.0,) * ndim)
    model.save(folder)
    bench.session.set_model(folder, model.clustering)


def strokes(bench: EditorBench) -> Strokes:
    found = bench.annotation.strokes(bench.session.image)
    assert found is not None
    return found


def wait(bench: EditorBench, qtbot: QtBot) -> None:
    parts = bench.start_maps, bench.annotation
    qtbot.waitUntil(lambda: not any(part.busy for part in parts), timeout=300_000)


def click(bench: EditorBench, qtbot: QtBot, *pixel: int) -> None:
    """Click on a pixel as the canvas reports it, and wait for what comes of it."""
    bench.click_tool._pointer.clicked.emit(strokes(bench).layer.data_to_world(pixel))
    wait(bench, qtbot)


def surest(bench: EditorBench, at: slice = slice(None)) -> tuple[int, ...]:
    """Return a pixel that the model is sure of, among those where nothing is annotated."""
    maps = bench.start_maps.maps()
    assert maps is not None
    seed = maps.seed.max(0) * (strokes(bench).labels[...] == 0)
    return tuple(int(i) for i in np.unravel_index(int(seed[at].argmax()), seed[at].shape))


@pytest.mark.parametrize("shape", [(60, 70), (10, 40, 50)], ids=["image", "volume"])
def test_clicks_add_what_the_model_proposes_and_undo_takes_it_back(
    bench: EditorBench, qtbot: QtBot, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    open_image(bench, capsules(shape, count=6))
    with_model(bench, tmp_path / "model", len(shape))
    bench.click_tool.use()
    assert bench.click_tool.on
    assert bench.start_maps.busy
    wait(bench, qtbot)
    assert not bench.session.results, "nothing of it is shown"
    assert not list(tagged(bench.viewer, "instances"))
    maps = bench.start_maps.maps()
    assert maps is not None
    settings = bench.session.clustering
    for count in (1, 2):
        labels = strokes(bench).labels
        pixel, before = surest(bench), np.array(labels)
        found = object_at(maps, pixel, settings, labels != 0)
        click(bench, qtbot, *pixel)
        new = np.argwhere(labels != before)
        assert len(new) == found.size
        assert set(labels[tuple(new.T)].tolist()) == {count}
        assert f"{found.size} pixel" in bench.message
        totals = bench.annotation.count(bench.session.image)
        assert totals is not None
        assert totals.total == count
    click(bench, qtbot, *pixel)
    assert "annotated already" in bench.message
    strokes(bench).layer.undo()
    assert np.array_equal(strokes(bench).labels, before)
    empty = np.argwhere(maps.seed.max(0) < 0.1)
    if len(empty):
        click(bench, qtbot, *empty[0].tolist())
        assert "no object here" in bench.message
    assert bench.click_tool.on


def test_a_click_before_the_maps_are_there_waits_for_them(
    bench: EditorBench, qtbot: QtBot, tmp_path: Path
) -> None:
    labels = capsules((60, 70), count=6)
    open_image(bench, labels)
    with_model(bench, tmp_path / "model")
    bench.click_tool.use()
    tool, layer = bench.click_tool, strokes(bench).layer
    tool._pointer.clicked.emit(layer.data_to_world((30, 35)))
    assert bench.start_maps.busy
    assert "looks at the image" in bench.message
    wait(bench, qtbot)
    maps = bench.start_maps.maps()
    assert maps is not None
    assert strokes(bench).labels[30, 35] == (maps.seed[0, 30, 35] >= 0.1)
    tool._pointer.clicked.emit((-500.0, 3.0))
    assert "outside" in bench.message


def test_the_result_of_the_chosen_model_is_used_without_another_prediction(
    bench: EditorBench, qtbot: QtBot, tmp_path: Path
) -> None:
    from plugin.fake_results import set_maps

    labels = capsules((60, 70), count=6)
    key = open_image(bench, labels)
    set_maps(bench, key, maps_of(labels))
    bench.wait()
    bench.click_tool.use()
    assert not bench.start_maps.busy
    at = np.argwhere(labels == 3).mean(0).round().astype(int)
    click(bench, qtbot, *at)
    found: NDArray[np.bool_] = strokes(bench).labels > 0
    own = labels == 3
    assert (found & own).sum() >= 0.8 * (found | own).sum()
    # Another model makes maps of its own.
    with_model(bench, tmp_path / "model")
    assert bench.start_maps.maps() is None
    empty = np.argwhere(~found)[0]
    click(bench, qtbot, *empty)
    assert bench.start_maps.maps() is not None


def test_what_cannot_be_is_a_sentence_and_other_things_end_the_tool(
    bench: EditorBench, qtbot: QtBot, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="image"):
        bench.click_tool.use()
    open_image(bench, capsules((60, 70), count=6))
    with pytest.raises(InputError, match="no model"):
        bench.click_tool.use()
    with_model(bench, tmp_path / "volumes", 3)
    with pytest.raises(InputError, match="takes a volume"):
        bench.click_tool.use()
    assert not bench.click_tool.on
    with_model(bench, tmp_path / "model")
    ends = {
        "another tool": lambda: bench.annotation_actions.use_tool("draw"),
        "another layer": lambda: bench.viewer.layers.selection.select_only(bench.images.layer),
        "Esc": bench.click_tool.leave,
        "the button": bench.click_tool.toggle,
    }
    for what, end in ends.items():
        bench.click_tool.toggle()
        assert bench.click_tool.on, what
        end()
        qtbot.waitUntil(lambda: not bench.click_tool.on)
    wait(bench, qtbot)


def test_frames_of_a_series_each_have_their_own_maps(
    bench: EditorBench, qtbot: QtBot, tmp_path: Path
) -> None:
    film = np.stack([capsules((50, 60), seed, count=5) for seed in range(3)])
    layer = bench.viewer.add_image((film > 0).astype(np.float32), name="film")
    bench.images.choose(layer, "TYX")
    bench.images.show_frame(0)
    with_model(bench, tmp_path / "model")
    bench.click_tool.use()
    wait(bench, qtbot)
    first = bench.start_maps.maps()
    bench.images.show_frame(2)
    assert bench.start_maps.maps() is None
    qtbot.waitUntil(lambda: bench.start_maps.maps() is not None, timeout=300_000)
    wait(bench, qtbot)
    assert bench.click_tool.on
    assert bench.start_maps.maps() is not first
    pixel = surest(bench)
    click(bench, qtbot, 2, *pixel)
    data = strokes(bench).layer.data
    assert data[2][pixel] == 1
    assert not data[:2].any()
    bench.images.show_frame(0)
    assert bench.start_maps.maps() is first
