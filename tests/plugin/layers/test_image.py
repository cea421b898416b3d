"""Image layers as images, whatever holds their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image

from counted import Huge, Recorded
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import stored
from napari_spatial_embeddings.plugin.layers.annotation import (
    add_layer,
    image_layer,
    project_layers,
)
from napari_spatial_embeddings.plugin.layers.axes import possible_axes
from napari_spatial_embeddings.plugin.layers.image import image_data
from napari_spatial_embeddings.project import Project


def layer_of(data: object, **how: object) -> Image:
    return Image(data, contrast_limits=(0, 200), **how)


@pytest.mark.parametrize("axes", ["YX", "CYX", "ZYX", "CZYX"])
def test_no_pixel_is_read(axes: str) -> None:
    source = Recorded(np.zeros((2, 3, 40, 50)[-len(axes) :], np.uint16))
    layer = layer_of(source)
    before = len(source.reads)
    image = image_data([layer], axes)
    assert axes in possible_axes(layer)
    assert image.axes == ("CZYX" if "Z" in axes else "CYX")
    assert image.frames is None
    assert len(source.reads) == before
    assert np.asarray(image.data[:, :1]).shape == (image.channels, 1, *image.data.shape[2:])


def test_colours_are_not_read_either() -> None:
    source = Recorded(np.zeros((40, 50, 4), np.uint8))
    layer = layer_of(source, rgb=True)
    before = len(source.reads)
    image = image_data([layer], "YXC")
    assert image.channels == 3
    assert len(source.reads) == before
    assert np.asarray(image.data[:, 3, 4:6]).shape == (3, 2)
    assert source.reads[-1].size == 6


def test_a_time_series_has_frames_and_nothing_of_it_is_read() -> None:
    source = Recorded(np.zeros((2, 2, 3, 40, 50), np.uint16))
    layer = layer_of(source, name="film")
    assert possible_axes(layer)[0] == "TCZYX", "in this order if nothing is named"
    before = len(source.reads)
    image = image_data([layer], "TCZYX")
    assert (image.axes, image.frames, image.frame(1).data.shape) == ("TCZYX", 2, (2, 3, 40, 50))
    assert len(source.reads) == before
    with pytest.raises(InputError, match=r"film has 5 axes without names: choose what they mean"):
        image_data([layer], "")
    layer = layer_of(Recorded(np.ones((1, 2, 3, 40, 50), np.uint16)), name="frame")
    assert image_data([layer], "TCZYX").data.shape == (2, 3, 40, 50)


@pytest.mark.parametrize(
    ("shape", "dtype", "axes"),
    [
        ((1, 30_000, 40_000), np.uint16, "YX"),
        ((2, 30_000, 40_000), np.uint16, "CYX"),
        ((3, 30_000, 40_000), np.uint8, "YXC"),
        ((3, 90, 30_000, 40_000), np.uint8, "ZYXC"),
    ],
)
def test_the_layer_of_an_image_reads_nothing(
    shape: tuple[int, ...], dtype: type[np.generic], axes: str
) -> None:
    order = "CYX" if len(shape) == 3 else "CZYX"
    image = ImageData(Huge(shape, dtype, most=0), order, None, None, "huge")
    data, options, _ = image_layer(image, "huge", "huge", None)
    sizes = dict(zip(order, shape, strict=True))
    assert data.shape == tuple(sizes[axis] for axis in axes)
    assert options.get("rgb", False) == (axes[-1] == "C")


@pytest.mark.parametrize("shape", [(60, 70), (2, 60, 70), (3, 60, 70), (2, 5, 60, 70)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_projects_large_image_is_shown_from_its_file(
    shape: tuple[int, ...],
    dtype: type[np.generic],
    tmp_path: Path,
    model: ViewerModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stored, "MAX_BYTES_IN_MEMORY", 1000)
    pixels = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
    axes = {2: "YX", 3: "CYX", 4: "CZYX"}[len(shape)]
    project = Project.create(tmp_path / "cells")
    entry = project.add_image(tmp_path / "a.tif", axes=axes)
    (made,) = project_layers(project, entry.key)
    assert not isinstance(made[0], np.ndarray)
    layer = add_layer(model, made)
    assert isinstance(layer, Image)
    tag_axes = "YXC" if layer.rgb else axes
    assert layer.rgb == (dtype is np.uint8 and shape[0] == 3)
    np.testing.assert_array_equal(
        image_data([layer], tag_axes).data, pixels if len(shape) > 2 else pixels[None]
    )
    model.dims.ndisplay = 3 if len(shape) == 4 else 2
    assert np.asarray(layer._slice.image.raw).size
