"""TIFFs with metadata of what they were before, or of another program, are read by their pixels."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from label_files import in_files, numbers, tiff
from napari_spatial_embeddings.files import FileError, read_image, read_labels

SLICES = "ImageJ=1.53t\nimages=5\nslices=5\nunit=micron\nspacing=0.5\nloop=false\n"
FRAMES = "ImageJ=1.53t\nimages=5\nframes=5\n"
HYPERSTACK = "ImageJ=1.53t\nimages=10\nchannels=2\nslices=5\nhyperstack=true\n"
SHAPED = json.dumps({"shape": [5, 24, 32], "axes": "ZYX"})
UNNAMED = json.dumps({"shape": [5, 24, 32]})
WIDER = json.dumps({"shape": [5, 48, 64]})

STACKS = (SLICES, SHAPED, UNNAMED, WIDER)


def pages(path: Path, arrays: NDArray[Any] | list[NDArray[Any]], text: str, **options: Any) -> Path:
    """Write each page by itself, the first one with a description."""
    with tifffile.TiffWriter(path) as file:
        for k, array in enumerate(arrays):
            more = {"photometric": "minisblack", "metadata": None, "contiguous": False, **options}
            file.write(array, description=text if k == 0 else None, **more)
    return path


OPTIONS: list[dict[str, Any]] = [{}, {"compression": "zlib"}, {"tile": (16, 16)}]


@pytest.mark.parametrize("options", OPTIONS, ids=["plain", "zlib", "tiles"])
@pytest.mark.parametrize("text", [*STACKS, FRAMES, HYPERSTACK, "ImageJ=1\nslices=x", '{"shape": ['])
@pytest.mark.parametrize("large", [False, True], ids=["in memory", "in the file"])
def test_a_plane_of_what_was_a_stack(
    tmp_path: Path, text: str, options: dict[str, Any], large: bool
) -> None:
    plane = numbers((24, 32))
    path = tiff(tmp_path / "a.tif", plane, description=text, metadata=None, **options)
    with in_files(large):
        np.testing.assert_array_equal(read_image(path).data, plane[None])
    np.testing.assert_array_equal(read_labels(path), plane)


@pytest.mark.parametrize("options", OPTIONS[:2], ids=["plain", "zlib"])
@pytest.mark.parametrize("text", STACKS)
@pytest.mark.parametrize("count", [3, 7])
def test_some_slices_of_what_was_a_stack(
    tmp_path: Path,
    text: str,
    options: dict[str, Any],
    count: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    array = numbers((count, 24, 32))
    path = pages(tmp_path / "a.tif", array, text, **options)
    np.testing.assert_array_equal(read_image(path).data, array[None])
    assert f"names 5 planes, and it holds {count}" in caplog.text


def test_some_planes_of_which_nobody_knows_what_they_are(tmp_path: Path) -> None:
    array = numbers((6, 24, 32))
    path = pages(tmp_path / "a.tif", array, HYPERSTACK)
    with pytest.raises(FileError, match=r"6 planes, .* of 5 slices x 2 channels.*set axes=ZYX"):
        read_image(path)
    np.testing.assert_array_equal(read_image(path, "ZYX").data, array[None])
    with pytest.raises(FileError, match="time series of 3 frames"):
        read_image(pages(path, array[:3], FRAMES))


def test_a_stack_of_which_one_page_tells(tmp_path: Path) -> None:
    """ImageJ writes stacks above 4 GB so: their end is where the pixels end."""
    array = numbers((5, 24, 32))
    path = tiff(tmp_path / "a.tif", array[0], description=SLICES, metadata=None)
    content = path.read_bytes() + array[1:].tobytes()
    path.write_bytes(content)
    for large in (False, True):
        with in_files(large):
            np.testing.assert_array_equal(read_image(path).data, array[None])
    for left in (20, 2000, 4000):
        path.write_bytes(content[:-left])
        with pytest.raises(FileError, match=r"ends early: .* 5 planes, and it holds [234]"):
            read_image(path)


@pytest.mark.parametrize("name", ["IJMetadata", "Software", "ImageDescription"])
def test_a_tag_that_leads_out_of_the_file(tmp_path: Path, name: str) -> None:
    array = numbers((24, 32))
    options: dict[str, Any] = {"metadata": {"Info": "x" * 99}} if name == "IJMetadata" else {}
    text = "x" * 99
    if name == "IJMetadata":
        path = tiff(tmp_path / "a.tif", array, imagej=True, **options)
    else:
        path = tiff(tmp_path / "a.tif", array, description=text, software=text, metadata=None)
    with tifffile.TiffFile(path) as file:
        at = file.pages.first.tags[name].offset
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, at + 8, 2**31)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_image(path).data, array[None])


@pytest.mark.parametrize("count", [0, 7, 10**6])
def test_the_number_of_bytes_is_wrong(tmp_path: Path, count: int) -> None:
    """It does not matter where pixels are not compressed, and is damage where they are."""
    array = numbers((24, 32))
    for options, intact in (({}, True), ({"compression": "zlib"}, False)):
        path = tiff(tmp_path / "a.tif", array, metadata=None, **options)
        with tifffile.TiffFile(path) as file:
            tag = file.pages.first.tags["StripByteCounts"]
        content = bytearray(path.read_bytes())
        struct.pack_into("<I", content, tag.valueoffset, count)
        path.write_bytes(content)
        if intact:
            np.testing.assert_array_equal(read_image(path).data, array[None])
        else:
            with pytest.raises(FileError, match=r"not all pixels of plane 1 of 1|is damaged"):
                read_image(path)


@pytest.mark.parametrize("kind", ["Strip", "Tile"])
def test_parts_that_hold_nothing(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Tiles may be left out, as slide scanners do; strips never, and never all."""
    array = numbers((3, 96, 96)) + np.uint16(1)
    options = {"tile": (16, 16)} if kind == "Tile" else {"rowsperstrip": 16}
    path = pages(tmp_path / "a.tif", array, "", compression="zlib", **options)
    with tifffile.TiffFile(path) as file:
        tag = file.pages.get(1).aspage().tags[f"{kind}ByteCounts"]
    size = struct.calcsize(form := {3: "<H", 4: "<I"}[int(tag.dtype)])
    content = bytearray(path.read_bytes())
    for k in range(tag.count):
        if k in (1, tag.count - 1):
            path.write_bytes(content)
            if kind == "Tile" and k > 0:
                found = np.asarray(read_image(path).data)
                assert (found[0, 1] == 0).sum() == k * 16 * 16
                assert f"{k} of its {3 * tag.count} tiles hold nothing" in caplog.text
        struct.pack_into(form, content, tag.valueoffset + k * size, 0)
    path.write_bytes(content)
    with pytest.raises(FileError, match="not all pixels of plane 2 of 3 are there"):
        read_image(path)


def test_the_last_page_leads_nowhere(tmp_path: Path) -> None:
    """As many pages as the metadata name are all; without metadata, more may have been there."""
    array = numbers((5, 24, 32))
    for text, intact in ((SLICES, True), ("", False)):
        path = pages(tmp_path / "a.tif", array, text)
        with tifffile.TiffFile(path) as file:
            len(file.pages)
            at = file.pages.next_page_offset
        assert at is not None
        content = bytearray(path.read_bytes())
        struct.pack_into("<I", content, at, 2**31)
        path.write_bytes(content)
        if intact:
            np.testing.assert_array_equal(read_image(path).data, array[None])
        else:
            with pytest.raises(FileError, match="its pages break off after page 5"):
                read_image(path)


def test_pages_that_are_not_alike(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    array = numbers((12, 24, 32))
    mixed = [*array[:10], array[10, :12], array[11]]
    path = pages(tmp_path / "a.tif", mixed, "")
    np.testing.assert_array_equal(read_image(path).data[0], array[[*range(10), 11]])
    assert "holds 2 images; the first is read" in caplog.text


@pytest.mark.parametrize("options", OPTIONS[:2], ids=["plain", "zlib"])
def test_planes_of_different_height_are_no_stack(tmp_path: Path, options: dict[str, Any]) -> None:
    """Of an ImageJ stack, the size of the first page alone is read."""
    array = numbers((5, 24, 32))
    mixed = [*array[:2], array[2, :9], array[3], numbers((60, 32))]
    path = pages(tmp_path / "a.tif", mixed, SLICES, **options)
    with pytest.raises(FileError, match=r"differ in size|is damaged"):
        read_image(path)
