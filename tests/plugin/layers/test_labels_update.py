"""Updates of Labels layers: their drawing, and its cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from napari.viewer import Viewer
from numpy.typing import NDArray

from builders import capsules
from napari_spatial_embeddings.plugin.layers.labels_update import copied, update_labels
from napari_spatial_embeddings.plugin.layers.napari_compat import painted_box
from napari_spatial_embeddings.plugin.tasks.changed_labels import changed_box


def screenshot(viewer: Viewer) -> NDArray[np.uint8]:
    return np.asarray(viewer.screenshot(canvas_only=True, flash=False))


@pytest.mark.parametrize("contour", [0, 2])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_partial_change_looks_like_a_new_layer(
    shown: Viewer, contour: int, order: tuple[int, int]
) -> None:
    viewer = shown
    viewer.dims.order = order
    labels = capsules((80, 90), count=20)
    layer = viewer.add_labels(labels.copy())
    assert isinstance(layer, Labels)
    layer.contour = contour
    before = screenshot(viewer)
    new = labels.copy()
    new[20:40, 30:50] = np.where(new[20:40, 30:50] > 0, 0, 77)
    own = layer.data
    assert update_labels(layer, new)
    assert layer.data is own
    assert np.array_equal(own, new)
    partial = screenshot(viewer)
    assert not np.array_equal(partial, before)
    layer.data = new
    assert np.array_equal(partial, screenshot(viewer))
    box = (slice(0, 10), slice(0, 90))
    assert update_labels(layer, np.full((10, 90), 3, np.int32), box)
    partial = screenshot(viewer)
    layer.refresh()
    assert np.array_equal(partial, screenshot(viewer))
    assert not update_labels(layer, layer.data.copy())


@pytest.mark.parametrize("contour", [0, 2])
def test_a_small_change_is_drawn_at_the_cost_of_its_part(contour: int) -> None:
    """Fails when napari's partial drawing is not taken, though all would look right."""
    viewer = ViewerModel()
    layer = viewer.add_labels(capsules((80, 90), count=20))
    layer.contour = contour
    parts: list[tuple[Any, Any]] = []
    refreshed: list[object] = []
    layer.events.labels_update.connect(lambda e: parts.append((e.data.shape, tuple(e.offset))))
    layer.events.set_data.connect(refreshed.append)
    labels = layer.data.copy()
    labels[20:30, 40:60] = 99
    assert update_labels(layer, labels)
    if contour:  # contours reach beyond the part; napari draws around it
        assert len(parts) == 1
    else:
        assert parts == [((10, 20), (20, 40))]
    assert not refreshed
    labels[:] = 7
    assert update_labels(layer, labels)
    assert len(parts) == 1, "of a large change, all is updated at once"
    assert len(refreshed) == 1


def test_what_is_not_seen_as_a_slice_of_two_axes_is_refreshed() -> None:
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((5, 20, 30), np.int32))
    refreshed: list[object] = []
    layer.events.set_data.connect(refreshed.append)
    assert update_labels(layer, np.ones((1, 4, 4), np.int32), (slice(2, 3), *[slice(0, 4)] * 2))
    assert len(refreshed) == 1


def test_a_copy_holds_what_is_there_and_nothing_below_zero() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((2500, 700), np.int32)
    labels[1400:1500, 100:300] = rng.integers(-1, 9, (100, 200))
    copy = copied(labels)
    np.testing.assert_array_equal(copy, labels.clip(0))
    assert not np.shares_memory(copy, labels)


@pytest.mark.parametrize("stroke", [True, False])
def test_the_box_of_a_stroke_holds_what_it_changed(stroke: bool) -> None:
    layer = Labels(np.zeros((40, 50), np.int32))
    boxes: list[Any] = []
    layer.events.paint.connect(lambda event: boxes.append(painted_box(event)))
    if stroke:
        layer.brush_size = 5
        with layer.block_history():
            for k in range(10, 30):
                layer.paint((k, k + 3), 2)
    else:
        layer.data_setitem((np.array([4, 9]), np.array([7, 30])), np.array([1, 2]))
    assert boxes == [changed_box(np.zeros((40, 50), np.int32), layer.data)]
