"""Positions in the world and in layers of several units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_spatial_embeddings.plugin.layers.image import pixel_size, size_in_one_unit
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.plugin.layers.viewport import look_at, visible_box
from napari_spatial_embeddings.plugin.layers.world import (
    extent,
    take_world_units,
    to_pixels,
    to_world,
)
from napari_spatial_embeddings.plugin.state.open_image import Box

METRES = {"nm": 1e-9, "um": 1e-6, "mm": 1e-3}


def add(viewer: ViewerModel, units: tuple[str, ...], size: float = 5e-7, **how: Any) -> Image:
    """Add an image of pixels of a size in metres, whatever its units are."""
    scale = [size / METRES[unit] for unit in units]
    shape = (6, 50, 60)[-len(units) :]
    layer = viewer.add_image(np.zeros(shape, np.float32), scale=scale, units=units, **how)
    assert isinstance(layer, Image)
    return layer


@pytest.mark.parametrize("units", [("um", "um"), ("nm", "um", "um"), ("mm", "nm", "um")])
@pytest.mark.parametrize("other", [None, "nm", "mm"])
def test_equal_pixels_meet_whatever_their_units(units: tuple[str, ...], other: str | None) -> None:
    viewer = ViewerModel()
    layer = add(viewer, units)
    same = add(viewer, (other or units[-1],) * len(units))
    ndim = len(units)
    pixel = np.arange(2.0, 2 + ndim)
    np.testing.assert_allclose(to_pixels(viewer, layer, to_world(viewer, layer, pixel)), pixel)
    np.testing.assert_allclose(to_pixels(viewer, layer, to_world(viewer, same, pixel)), pixel)
    np.testing.assert_allclose(extent(viewer, layer), extent(viewer, same))
    # The viewer's own idea of where layers lie is the same.
    np.testing.assert_allclose(extent(viewer, layer), viewer.layers.extent.world)
    # A layer that napari's brushes ask gives the same answer.
    take_world_units(viewer, layer)
    world = to_world(viewer, same, pixel)
    np.testing.assert_allclose(layer.world_to_data(world), pixel)
    np.testing.assert_allclose(to_pixels(viewer, layer, world), pixel)


def test_where_units_do_not_compare_numbers_count() -> None:
    viewer = ViewerModel()
    layer = add(viewer, ("um", "um"))
    viewer.add_labels(np.zeros((50, 60), np.int32))
    assert tuple(to_pixels(viewer, layer, (5, 10))) == (10, 20)


def test_the_view_is_that_of_the_screen() -> None:
    """The canvas shows the smallest unit of all layers."""
    viewer = ViewerModel()
    layer = add(viewer, ("um", "um"))
    boxes: list[Box] = []
    for unit in (None, "nm"):
        if unit:
            add(viewer, (unit, unit), size=1e-5)
        look_at(viewer, layer)
        boxes.append(visible_box(viewer, layer, "YX"))
        camera(viewer).zoom *= 4
        boxes.append(visible_box(viewer, layer, "YX"))
    assert boxes[:2] == boxes[2:]
    assert boxes[0] == (slice(0, 50), slice(0, 60))
    assert boxes[1][0].start > 10


@pytest.mark.parametrize(
    ("scale", "units", "expected"),
    [
        ((1000, 0.25, 0.25), ("nm", "um", "um"), ((1.0, 0.25, 0.25), "um")),
        ((0.001, 250, 250), ("mm", "micrometer", "nm"), ((1000.0, 250_000.0, 250.0), "nm")),
        ((2, 0.5, 0.5), ("micron", "micrometer", "um"), ((2.0, 0.5, 0.5), "um")),
        ((1, 1), ("decimeter", "um"), ((100_000.0, 1.0), "um")),
        ((30, 0.3, 0.3), ("second", "um", "um"), ((None, 0.3, 0.3), "um")),
        ((30, 30), ("second", "second"), (None, None)),
        ((2, 0.5, 0.5), ("pixel", "um", "um"), ((None, 0.5, 0.5), "um")),
        ((3, 1, 1), ("pixel",) * 3, ((3.0, 1.0, 1.0), None)),
    ],
)
def test_pixel_sizes_have_one_unit(
    scale: tuple[float, ...], units: tuple[str, ...], expected: Any
) -> None:
    layer = Labels(np.zeros((4,) * len(scale), np.int32), scale=scale, units=units)
    size, unit = pixel_size(layer, "ZYX"[-len(scale) :])
    assert size_in_one_unit(layer.scale, layer.units) == (size, unit)
    assert unit == expected[1]
    assert (size is None) == (expected[0] is None)
    if size is not None:
        assert size == expected[0]
