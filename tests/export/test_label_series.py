"""Labels of time series as files: in any order of frames, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaozarrs
import zarr

from movies import moving
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.export.label_series import label_series
from napari_spatial_embeddings.files import read_image, read_label_series

NAMES = ("a.tif", "a.ome.tif", "a.zarr")


def image_of(shape: tuple[int, ...]) -> ImageData:
    axes = "TCYX" if len(shape) == 3 else "TCZYX"
    data = np.zeros((shape[0], 1, *shape[1:]), np.uint8)
    return ImageData(data, axes, (0.5, 0.25, 0.25)[-data.ndim + 2 :], "um", "a", 20.0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(5, 40, 36), (5, 6, 40, 36)], ids=["2D", "3D"])
def test_comes_back(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    labels = moving(6, shape[0], shape[1:], step=1)
    image = image_of(shape)
    with label_series(tmp_path / name, image, image.spacing, {"model": "m"}) as add:
        for t in (3, 0, 4, 1, 2):
            add(t, labels[t])
        assert not (tmp_path / name).exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    found = read_label_series([tmp_path / name])
    np.testing.assert_array_equal(np.asarray(found.data), labels)
    again = read_image(tmp_path / name, time=True)
    assert again.pixel_size == pytest.approx(image.pixel_size)
    assert (again.unit, again.frame_interval, again.frames) == ("um", 20.0, 5)


def test_a_store_is_what_the_format_says(tmp_path: Path) -> None:
    labels = moving(6, 3, (40, 36), step=1)
    image = image_of(labels.shape)
    with label_series(tmp_path / "a.zarr", image, image.spacing, {}) as add:
        for t in range(3):
            add(t, labels[t])
    yaozarrs.validate_zarr_store(str(tmp_path / "a.zarr"))
    facts: Any = dict(zarr.open_group(tmp_path / "a.zarr").attrs)
    multiscale = facts["ome"]["multiscales"][0]
    assert [axis["name"] for axis in multiscale["axes"]] == list("tyx")
    assert multiscale["axes"][0] == {"name": "t", "type": "time", "unit": "second"}
    scale = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"]
    assert scale == [20.0, 0.25, 0.25]


@pytest.mark.parametrize("name", NAMES)
def test_high_ids_and_nothing_half(tmp_path: Path, name: str) -> None:
    labels = moving(6, 3, (40, 36), step=1)
    image = image_of(labels.shape)
    writing = label_series(tmp_path / name, image, (1, 1), {})
    add = writing.__enter__()
    add(0, labels[0])
    stopped = KeyboardInterrupt()
    assert not writing.__exit__(KeyboardInterrupt, stopped, None)
    assert not any(tmp_path.iterdir())
    high = labels * 70_000
    with label_series(tmp_path / name, image, (1, 1), {}) as add:
        for t in range(3):
            add(t, high[t])
    np.testing.assert_array_equal(np.asarray(read_label_series([tmp_path / name]).data), high)
    if name != "a.zarr":
        with tifffile.TiffFile(tmp_path / name) as file:
            assert file.series[0].dtype == np.uint32
        assert read_image(tmp_path / name, time=True).frame_interval == 20.0
