"""The part of an image that is in view."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Layer
from numpy.typing import NDArray

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.napari_compat import camera, canvas_size
from napari_spatial_embeddings.plugin.layers.viewport import look_at, visible_box
from napari_spatial_embeddings.plugin.state.open_image import Box


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def rotation(degrees: float) -> NDArray[np.float64]:
    a = np.deg2rad(degrees)
    return np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])


def add(viewer: ViewerModel, shape: tuple[int, ...], **how: Any) -> Image:
    layer = viewer.add_image(np.zeros(shape, np.float32), **how)
    assert isinstance(layer, Image)
    return layer


def seen(viewer: ViewerModel, layer: Layer, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return whether the centre of each pixel is on the canvas."""
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, 2)
    world = np.array([layer.data_to_world(point) for point in index])
    eye = camera(viewer)
    offset = (world - np.array(eye.center[-2:])) * eye.zoom
    size = canvas_size(viewer)
    return np.asarray((np.abs(offset) <= size / 2).all(1).reshape(shape))


@pytest.mark.parametrize("zoom", [5.0, 30.0, 200.0])
@pytest.mark.parametrize(
    "where",
    [
        {},
        {"scale": (2.0, 0.5), "translate": (-7, 30)},
        {"rotate": rotation(90)},
        {"rotate": rotation(30), "scale": (0.5, 0.5)},
    ],
)
def test_the_box_holds_what_is_seen(
    viewer: ViewerModel, zoom: float, where: dict[str, Any]
) -> None:
    layer = add(viewer, (50, 60), **where)
    eye = camera(viewer)
    eye.center = (0, *layer.data_to_world((20, 33)))
    eye.zoom = zoom
    box = visible_box(viewer, layer, "YX")
    mask = seen(viewer, layer, (50, 60))
    assert mask.any()
    outside = mask.copy()
    outside[box] = False
    assert not outside.any()
    # No line of the box is far from all that is seen, unless the image is rotated by an odd angle.
    if "rotate" not in where or zoom > 100:
        for axis, part in enumerate(box):
            lines = np.flatnonzero(mask.any(1 - axis))
            assert part.start >= lines[0] - 1
            assert part.stop <= lines[-1] + 2


@pytest.mark.parametrize(
    ("axes", "shape", "rgb"),
    [("CYX", (3, 50, 60), False), ("YXC", (50, 60, 3), True), ("ZYX", (7, 50, 60), False)],
)
def test_of_other_axes_channels_are_left_out(
    viewer: ViewerModel, axes: str, shape: tuple[int, ...], rgb: bool
) -> None:
    layer = add(viewer, shape, **({"rgb": True} if rgb else {}))
    camera(viewer).zoom = 1e-3
    if axes == "ZYX":
        viewer.dims.set_current_step(0, 4)
    box = visible_box(viewer, layer, axes)
    expected: list[Box] = [(slice(0, 50), slice(0, 60))]
    if axes == "ZYX":
        expected = [(slice(4, 5), *expected[0])]
    assert box == expected[0]


def test_all_of_a_volume_is_in_view_in_3d(viewer: ViewerModel) -> None:
    layer = add(viewer, (7, 50, 60))
    viewer.dims.ndisplay = 3
    camera(viewer).zoom = 100
    assert visible_box(viewer, layer, "ZYX") == (slice(0, 7), slice(0, 50), slice(0, 60))


@pytest.mark.parametrize("centre", [(-500, -500), (500, 30), (20, -500)])
def test_out_of_view_is_an_error(viewer: ViewerModel, centre: tuple[float, float]) -> None:
    layer = add(viewer, (50, 60), name="cells")
    camera(viewer).zoom = 20
    camera(viewer).center = (0, *centre)
    with pytest.raises(InputError, match="nothing of cells is in view; press Home"):
        visible_box(viewer, layer, "YX")


def test_looking_at_an_image_fits_it_into_the_canvas(viewer: ViewerModel) -> None:
    add(viewer, (400, 400), translate=(900, 900))
    layer = add(viewer, (50, 60), scale=(2.0, 0.5))
    look_at(viewer, layer)
    assert visible_box(viewer, layer, "YX") == (slice(0, 50), slice(0, 60))
    camera(viewer).zoom *= 1.2
    assert visible_box(viewer, layer, "YX") != (slice(0, 50), slice(0, 60))
