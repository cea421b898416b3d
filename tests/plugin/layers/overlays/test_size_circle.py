"""Circle of the object size: where it lies, how large it is, and what the mouse makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers.shapes._shapes_mouse_bindings import select
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.plugin.layers.overlays.size_circle import SizeCircle
from napari_spatial_embeddings.plugin.layers.tags import tagged
from plugin.fake_results import Bench, add_image, discs, new_bench


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    with new_bench(qtbot) as bench:
        yield bench


def corners(viewer: ViewerModel) -> NDArray[np.float64]:
    (layer,) = tagged(viewer, "proposed", part="size")
    assert layer.visible
    (shape,) = layer.data
    return np.asarray(shape)


def drag(viewer: ViewerModel, start: Any, stop: Any) -> None:
    """Press the mouse at a position of the world, move it, and let go, as napari does."""
    (layer,) = tagged(viewer, "proposed", part="size")
    layer.scale_factor = 0.1  # ten pixels of the screen for one of the world, as a canvas sets it
    event = SimpleNamespace(position=tuple(start), modifiers=(), type="mouse_press")
    steps = select(layer, event)
    next(steps)
    for share in (0.3, 0.7, 1.0):
        event.type = "mouse_move"
        event.position = tuple(np.array(start) + share * (np.array(stop) - np.array(start)))
        next(steps)
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(steps)


@pytest.mark.parametrize(
    ("shape", "spacing"), [((90, 110), (1.0, 1.0)), ((12, 60, 70), (3.0, 1.0, 1.0))]
)
def test_it_is_as_large_as_the_size_where_one_looks(
    bench: Bench, shape: tuple[int, ...], spacing: tuple[float, ...]
) -> None:
    key = add_image(bench, discs(shape, 5))
    camera(bench.viewer).center = (0, 40, 30)
    circle = SizeCircle(bench.viewer, lambda _: None)
    box = tuple(slice(0, n) for n in shape)
    for diameter in (10.0, 24.0):
        circle.show(key, diameter, spacing, box)
        found = corners(bench.viewer)[:, -2:]
        assert np.allclose(np.ptp(found, axis=0), diameter)
        assert np.allclose(found.mean(0), (40, 30))
    at = [bench.viewer.dims.point[0]] if len(shape) == 3 else []
    assert np.allclose(corners(bench.viewer)[:, :-2], at)
    # It stays where it is while that is in view, and comes along when it is not.
    camera(bench.viewer).center = (0, 20, 20)
    circle.show(key, 12.0, spacing, box)
    assert np.allclose(corners(bench.viewer)[:, -2:].mean(0), (40, 30))
    circle.show(key, 12.0, spacing, (*box[:-2], slice(10, 30), slice(10, 30)))
    assert np.allclose(corners(bench.viewer)[:, -2:].mean(0), (20, 20))
    circle.hide()
    assert not any(x.visible for x in tagged(bench.viewer, "proposed", part="size"))
    circle.clear()
    assert not list(tagged(bench.viewer, "proposed", part="size"))


def test_the_mouse_moves_it_and_makes_it_larger(bench: Bench) -> None:
    key = add_image(bench, discs((90, 110), 5), scale=(0.5, 0.5))
    sizes: list[float] = []

    def take(size: float) -> None:
        sizes.append(size)
        circle.show(key, size, (1.0, 1.0), (slice(0, 90), slice(0, 110)))

    circle = SizeCircle(bench.viewer, take)
    camera(bench.viewer).center = (0, 20, 20)
    circle.show(key, 20.0, (1.0, 1.0), (slice(0, 90), slice(0, 110)))
    circle.take_mouse()
    assert bench.viewer.layers.selection.active is next(tagged(bench.viewer, "proposed"))
    drag(bench.viewer, (20.7, 21.1), (22.7, 25.1))
    assert sizes == [], "moved, and as large as before"
    assert np.allclose(corners(bench.viewer).mean(0), (44, 48))
    right = corners(bench.viewer)[:, 1].max()
    drag(bench.viewer, (22, right / 2), (22, right / 2 + 5))
    assert sizes == [pytest.approx(30, abs=2)]
    assert np.allclose(np.ptp(corners(bench.viewer), axis=0), sizes[0])
