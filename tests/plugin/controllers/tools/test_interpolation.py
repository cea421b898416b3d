"""Slices of a volume are filled between painted ones, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.tools.interpolation import Interpolation
from plugin.scenes import EditorBench, open_image


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[EditorBench]:
    bench = EditorBench(qtbot)
    yield bench
    bench.close()


def test_a_picked_object_is_painted_further_on_and_filled(bench: EditorBench, qtbot: QtBot) -> None:
    open_image(bench, np.ones((9, 30, 40), np.int32))
    filling = Interpolation(bench.viewer, bench.session, bench.annotation)
    strokes = bench.annotation_actions.begin()
    layer = strokes.layer

    def wait() -> None:
        qtbot.waitUntil(lambda: not filling.busy, timeout=300_000)

    def paint(z: int, label: int) -> None:
        bench.viewer.dims.set_current_step(0, z)
        with layer.block_history():
            layer.paint((z, 15, 15), label)

    layer.brush_size = 7
    bench.annotation_actions.use_tool("background")
    paint(0, layer.selected_label)
    paint(8, layer.selected_label)
    bench.annotation_actions.use_tool("draw")
    own = int(layer.selected_label)
    paint(1, own)
    filling.start()
    wait()
    assert "Nothing to fill" in bench.message
    layer.mode = "pick"
    layer.selected_label = own
    bench.annotation_actions.use_tool("draw")
    assert layer.selected_label == own
    paint(6, own)
    before = layer.data.copy()
    filling.start()
    wait()
    assert "1 object filled in 4 slices" in bench.message
    assert (layer.data[1:7] == layer.data[1]).all()
    assert set(np.unique(layer.data[2:6])) == {0, own}
    np.testing.assert_array_equal(layer.data[[0, 1, 6, 7, 8]], before[[0, 1, 6, 7, 8]])
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    bench.viewer.dims.ndisplay = 3
    with pytest.raises(InputError, match="2D view"):
        filling.start()
    filling.close()


def test_an_image_without_slices_is_refused(bench: EditorBench) -> None:
    open_image(bench, np.ones((30, 40), np.int32))
    filling = Interpolation(bench.viewer, bench.session, bench.annotation)
    for _ in range(2):
        with pytest.raises(InputError, match="volumes"):
            filling.start()
        bench.annotation_actions.begin()
    filling.close()
