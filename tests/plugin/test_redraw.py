"""A Labels layer that is changed in part shows what it would show if it were new."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from napari.layers import Labels
from napari.viewer import Viewer
from numpy.typing import NDArray

from builders import capsules
from napari_spatial_embeddings.plugin.layers.labels_update import changed, redraw


def test_the_box_of_a_change_is_the_smallest() -> None:
    rng = np.random.default_rng(0)
    for shape in ((20, 30), (5, 20, 30)):
        old = rng.integers(0, 5, shape).astype(np.int32)
        assert changed(old, old.copy()) is None
        new = old.copy()
        points = rng.integers(1, [n - 1 for n in shape], (3, len(shape)))
        new[tuple(points.T)] += 1
        box = changed(old, new)
        assert box is not None
        for axis, part in enumerate(box):
            assert (part.start, part.stop) == (points[:, axis].min(), points[:, axis].max() + 1)


def picture(viewer: Viewer) -> NDArray[np.uint8]:
    return np.asarray(viewer.screenshot(canvas_only=True, flash=False))


@pytest.mark.parametrize("contour", [0, 2])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_partial_change_looks_like_a_new_layer(
    make_napari_viewer: Callable[..., Viewer], contour: int, order: tuple[int, int]
) -> None:
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    viewer.dims.order = order
    labels = capsules((80, 90), count=20)
    layer = viewer.add_labels(labels.copy())
    assert isinstance(layer, Labels)
    layer.contour = contour
    before = picture(viewer)
    new = labels.copy()
    new[20:40, 30:50] = np.where(new[20:40, 30:50] > 0, 0, 77)
    own = layer.data
    assert redraw(layer, new)
    assert layer.data is own
    assert np.array_equal(own, new)
    partial = picture(viewer)
    assert not np.array_equal(partial, before)
    layer.data = new
    assert np.array_equal(partial, picture(viewer))
    box = (slice(0, 10), slice(0, 90))
    assert redraw(layer, np.full((10, 90), 3, np.int32), box)
    partial = picture(viewer)
    layer.refresh()
    assert np.array_equal(partial, picture(viewer))
    assert not redraw(layer, layer.data.copy())
