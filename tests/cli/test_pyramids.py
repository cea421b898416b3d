"""``predict`` of a pyramidal TIFF: the level that suits the model is read, as of an OME-Zarr."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from command_line import done
from label_files import in_files, ome_zarr
from napari_spatial_embeddings import samples
from napari_spatial_embeddings.files import read_image, read_labels

ENLARGED = 3
"""How much larger the nuclei are than those that the model works with."""


@pytest.fixture(autouse=True)
def _in_files() -> Iterator[None]:
    """Have a small pyramid be read as a large one is."""
    with in_files():
        yield


@pytest.fixture(scope="module")
def levels() -> list[NDArray[np.uint16]]:
    """Large nuclei, and a coarser copy that lacks those on the left, to tell which one is read."""
    small = samples.crowded_nuclei(3, 100).image[0].astype(np.uint16)
    fine = np.kron(small, np.ones((ENLARGED, ENLARGED), np.uint16))
    half = fine[::2, ::2].copy()
    half[:, : half.shape[1] // 2] = np.percentile(half, 5)
    return [fine, half]


def as_zarr(folder: Path, levels: list[NDArray[np.uint16]]) -> Path:
    path = ome_zarr(folder / "a.zarr", levels[0], "YX", "0.5", [0.2, 0.2])
    zarr.open_array(path / "1", mode="r+")[...] = levels[1]
    return path


def as_tiff(folder: Path, levels: list[NDArray[np.uint16]]) -> Path:
    path = folder / "a.ome.tif"
    size = {f"PhysicalSize{a}": 0.2 for a in "XY"} | {f"PhysicalSize{a}Unit": "µm" for a in "XY"}
    tiles: dict[str, Any] = {"tile": (64, 64), "compression": "zlib", "photometric": "minisblack"}
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(levels[0], subifds=1, metadata={"axes": "YX", **size}, **tiles)
        file.write(levels[1], subfiletype=1, **tiles)
    return path


def predicted(image: Path, output: Path) -> NDArray[np.integer]:
    large = "--object-diameter", 22 * ENLARGED, "--block", 128, "--tile", 128
    done("predict", image, "--model", "nuclei-2d", *large, "--output", output, "--table")
    return read_labels(output)


def test_a_pyramidal_tiff_gives_what_the_same_ome_zarr_gives(
    tmp_path: Path, levels: list[NDArray[np.uint16]]
) -> None:
    store, file = as_zarr(tmp_path, levels), as_tiff(tmp_path, levels)
    expected = predicted(store, tmp_path / "store.zarr")
    found = predicted(file, tmp_path / "file.ome.tif")
    np.testing.assert_array_equal(found, expected)
    assert (tmp_path / "file.csv").read_bytes() == (tmp_path / "store.csv").read_bytes()
    assert found.shape == levels[0].shape, "the labels are those of the finest level's pixels"
    assert read_image(tmp_path / "file.ome.tif").pixel_size == pytest.approx((0.2, 0.2))
    middle = levels[0].shape[1] // 2
    assert len(np.unique(found[:, middle:])) > 4
    assert not found[:, : middle - 22 * ENLARGED].any(), "the coarser level was read"
