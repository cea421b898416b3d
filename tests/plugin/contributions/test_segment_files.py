"""A layer that was opened from a file is segmented as the file is by the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.layers import Image
from napari.layers._source import layer_source

from napari_spatial_embeddings.files import read_image
from napari_spatial_embeddings.plugin.contributions.segment import SegmentJob


def job(path: Path, axes: str | None = None) -> SegmentJob:
    with layer_source(path=str(path)):
        layer = Image(tifffile.imread(path), contrast_limits=(0, 99))
    return SegmentJob.of(layer, "nuclei-2d", None, "cpu", False, axes, "")


def test_the_pixel_size_is_that_of_the_file(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 99, (5, 32, 40), np.uint16)
    facts = {"axes": "ZYX", "spacing": 2, "unit": "um"}
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, imagej=True, resolution=(4, 4), metadata=facts)
    image, read = job(path).request.image, read_image(path)
    assert (image.pixel_size, image.unit) == (read.pixel_size, read.unit) == ((2, 0.25, 0.25), "um")


@pytest.mark.parametrize("axes", [None, "YXC"])
def test_transparency_is_no_channel(axes: str | None, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 99, (32, 40, 2), np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", extrasamples=[2])
    image = job(path, axes).request.image
    assert np.array_equal(np.asarray(image.data), np.asarray(read_image(path).data))
