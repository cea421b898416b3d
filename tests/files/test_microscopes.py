"""Dialects of TIFF of some microscopes: axes and pixel sizes."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from label_files import in_files, numbers, tiff
from napari_spatial_embeddings.files import FileError, read_image, read_pixel_size

META_SERIES = (
    "<MetaData><PlaneInfo>"
    '<prop id="spatial-calibration-state" type="bool" value="on"/>'
    '<prop id="spatial-calibration-x" type="float" value="0.325"/>'
    '<prop id="spatial-calibration-y" type="float" value="0.325"/>'
    '<prop id="spatial-calibration-units" type="string" value="um"/>'
    "</PlaneInfo></MetaData>"
)


def patched(path: Path, tag: int, count: int) -> bytearray:
    """Return a file's content, with another count of a tag's values."""
    with tifffile.TiffFile(path) as file:
        at = file.pages.first.tags[tag].offset
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, at + 4, count)
    return content


def stk(path: Path, array: np.ndarray, distance: float, size: float, unit: str) -> Path:
    """Write planes as MetaMorph does: one page, which the others follow."""
    n = len(array)
    planes = b"".join(
        struct.pack("<6I", round(1000 * distance), 1000, 1, k, 1, k) for k in range(n)
    )
    uic1 = struct.pack("<8I", 3, 1, 4, 0, 5, 0, 6, 0)
    tags = [(33628, 4, 8, uic1, True), (33629, 5, 3 * n, planes, True)]
    tiff(path, array[0], metadata=None, extratags=[*tags, (33630, 5, n, b"\1\0\0\0" * 2 * n, True)])
    path.write_bytes(patched(path, 33629, n))
    content = patched(path, 33628, 4)
    with tifffile.TiffFile(path) as file:
        at = file.pages.first.tags[33628].valueoffset
    content += array[1:].tobytes()
    text = unit.encode() + b"\0"
    places = len(content), len(content), len(content) + 8
    content += struct.pack("<2I", round(1000 * size), 1000) + struct.pack("<I", len(text)) + text
    for k, place in enumerate(places):
        struct.pack_into("<I", content, at + 12 + 8 * k, place)
    path.write_bytes(content)
    return path


def lsm(path: Path, array: np.ndarray, scan: int, voxel: tuple[float, float, float]) -> Path:
    """Write planes as Zeiss's LSM does: a page for each, and one for its thumbnail."""
    n, height, width = array.shape
    slices, frames = (n, 1) if scan == 0 else (1, n)
    facts = struct.pack("<2I8i", 67127628, 196, width, height, slices, 1, frames, 2, 8, 8)
    facts += struct.pack("<6d", *(s * 1e-6 for s in voxel), 0, 0, 0) + struct.pack("<2H", scan, 0)
    facts = facts.ljust(200, b"\0")
    with tifffile.TiffWriter(path) as file:
        for k, plane in enumerate(array):
            more: list[Any] = [(34412, 1, len(facts), facts, True)] if k == 0 else []
            options: dict[str, Any] = {"metadata": None, "photometric": "minisblack"}
            file.write(plane, contiguous=False, extratags=more, **options)
            file.write(plane[:8, :8].copy(), subfiletype=1, contiguous=False, **options)
    return path


def test_metamorph_stack(tmp_path: Path) -> None:
    array = numbers((4, 24, 32))
    path = stk(tmp_path / "a.stk", array, 0.5, 0.25, "um")
    for large in (False, True):
        with in_files(large):
            np.testing.assert_array_equal(read_image(path).data, array[None])
    found = read_image(path)
    assert (found.pixel_size, found.unit) == ((0.5, 0.25, 0.25), "um")
    assert read_pixel_size(path, "YX") == ((0.25, 0.25), "um")
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(FileError, match="damaged"):
        read_image(path)


def test_metaseries_plane(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tiff(path, numbers((24, 32)), description=META_SERIES, software="MetaSeries", metadata=None)
    assert (read_image(path).pixel_size, read_image(path).unit) == ((0.325, 0.325), "um")


def test_micromanager(tmp_path: Path) -> None:
    for size, known in ((0.325, (0.325, 0.325)), (0, None)):
        note = json.dumps({"PixelSizeUm": size, "Camera": "a"}).encode() + b"\0"
        more = [(51123, 2, len(note), note, True)]
        path = tiff(tmp_path / "a.tif", numbers((24, 32)), metadata=None, extratags=more)
        assert read_image(path).pixel_size == known == read_pixel_size(path, "YX")[0]


def test_zeiss_lsm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    array = numbers((4, 24, 32))
    path = lsm(tmp_path / "a.lsm", array, 0, (0.2, 0.2, 1.0))
    found = read_image(path)
    np.testing.assert_array_equal(found.data, array[None])
    assert (found.pixel_size, found.unit, found.name) == ((1.0, 0.2, 0.2), "um", "a")
    assert not caplog.text, "thumbnails are no images"
    with pytest.raises(FileError, match="time series of 4 frames"):
        read_image(lsm(path, array, 3, (0.2, 0.2, 1.0)))
