"""What napari shows of a file otherwise than it is read is mentioned where the file is opened."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image as Picture

from label_files import numbers, tiff
from napari_spatial_embeddings.files import (
    FileError,
    PixelError,
    read_axes,
    read_image,
    read_labels,
    read_pixel_size,
)
from napari_spatial_embeddings.files.tiff_pages import MAX_PAGES
from ome_files import ome, pixels, write

SLICES = "ImageJ=1.53t\nimages=9\nslices=9\n"
FRAMES = "ImageJ=1.53t\nimages=9\nframes=9\n"


def several(path: Path, *images: NDArray[Any], mark: bool = False, text: str | None = None) -> Path:
    """Write images one after another; the first one marked as a small copy, or with a text."""
    with tifffile.TiffWriter(path) as file:
        for k, image in enumerate(images):
            first: dict[str, Any] = {"subfiletype": int(mark), "description": text}
            more = first if k == 0 else {"resolution": (4e4, 4e4), "resolutionunit": 3}
            file.write(image, photometric="minisblack", metadata=None, contiguous=False, **more)
    return path


@pytest.mark.parametrize("mark", [True, False], ids=["marked", "not marked"])
@pytest.mark.parametrize("slices", [1, 6])
def test_a_small_copy_that_comes_first(
    tmp_path: Path, mark: bool, slices: int, caplog: pytest.LogCaptureFixture
) -> None:
    image = numbers((slices, 40, 50))
    path = several(tmp_path / "a.tif", numbers((10, 12)), *image, mark=mark)
    found = read_image(path)
    np.testing.assert_array_equal(np.asarray(found.data).reshape(image.shape), image)
    assert not caplog.messages
    assert read_pixel_size(path, "YX")[0] == (found.pixel_size or ())[-2:] == (0.25, 0.25)
    shown = read_axes(path)
    assert shown is not None
    assert shown.shape == (10, 12)
    assert "starts with a small copy of 12 x 10 pixels, which napari shows" in caplog.text
    assert "its image has 50 x 40" in caplog.text


def test_images_that_are_no_copies_of_each_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = numbers((40, 50)), numbers((90, 50))
    path = several(tmp_path / "a.tif", one, other)
    for read in (read_image, read_axes):
        caplog.clear()
        read(path)
        assert caplog.text.count("holds 2 images; the first is read") == 1
    np.testing.assert_array_equal(read_image(path).data[0], one)
    caplog.clear()
    read_image(several(path, numbers((80, 100)), one, numbers((20, 25))))
    assert not caplog.messages, "a pyramid"


@pytest.mark.parametrize("left", [0.6, -100])
@pytest.mark.parametrize("how", ["imagej", "ome", "zlib"])
def test_a_file_that_ends_early(
    tmp_path: Path, how: str, left: float, caplog: pytest.LogCaptureFixture
) -> None:
    """napari shows the first of its planes, or all, without a word; the window refuses it."""
    options: dict[str, Any] = {"compression": "zlib"} if how == "zlib" else {how: True}
    path = tiff(tmp_path / "a.tif", numbers((9, 40, 50)), metadata={"axes": "ZYX"}, **options)
    content = path.read_bytes()
    path.write_bytes(content[: int(left * len(content)) if left > 0 else int(left)])
    with pytest.raises(FileError) as refused:
        read_image(path)
    caplog.clear()
    said = ""
    try:
        read_axes(path)
    except FileError as error:
        said = str(error)
    assert str(refused.value) in said + caplog.text


def test_of_a_long_stack_few_pages_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes a millisecond, and the window waits."""
    looked = Counter[str]()
    whole = tifffile.TiffPage.__init__

    def counted(self: tifffile.TiffPage, *args: Any, **more: Any) -> None:
        looked["pages"] += 1
        whole(self, *args, **more)

    path = several(tmp_path / "a.tif", *numbers((MAX_PAGES + 50, 8, 8)))
    monkeypatch.setattr(tifffile.TiffPage, "__init__", counted)
    assert read_pixel_size(path, "ZYX") == (None, None)
    assert looked["pages"] < 10
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(PixelError, match="its pages break off"):
        read_axes(path)


@pytest.mark.parametrize(("text", "axes"), [(SLICES, "ZYX"), (FRAMES, "TYX")])
@pytest.mark.parametrize("held", [6, 1])
def test_fewer_planes_than_the_description_names(
    tmp_path: Path, text: str, axes: str, held: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = several(tmp_path / "a.tif", *numbers((held, 40, 50)), text=text)
    found = read_axes(path)
    assert found is not None
    assert found.axes == axes[-2 - (held > 1) :]
    assert not found.guessed
    assert f"its description names 9 planes, and it holds {held}" in caplog.text


def test_more_planes_than_an_image_has(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Elements without a number of planes stand for as many as the image has."""
    array = numbers((6, 40, 50))
    path = write(tmp_path / "a.ome.tif", array, ome(pixels({"Z": 3}, (40, 50), ["<TiffData/>"])))
    np.testing.assert_array_equal(read_image(path).data[0], array[:3])
    assert "has 6 pages, and its metadata name 3, which are read" in caplog.text


@pytest.mark.parametrize(
    ("dtype", "options", "image", "labels"),
    [
        ("uint8", {"software": "other"}, True, True),
        ("uint8", {}, True, False),
        ("uint8", {"description": "ImageJ=1.54f\n", "metadata": None}, True, False),
        ("bool", {"software": "other"}, True, True),
        ("bool", {}, False, False),  # tifffile writes it, and means nothing by it
    ],
)
def test_white_that_is_zero(
    tmp_path: Path,
    dtype: str,
    options: dict[str, Any],
    image: bool,
    labels: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The values are those that are stored, here and in napari."""
    mask = (numbers((40, 50)) > 50).astype(dtype)
    path = tiff(tmp_path / "a.tif", mask, photometric="miniswhite", **options)
    for read, mentioned in ((read_image, image), (read_axes, image), (read_labels, labels)):
        caplog.clear()
        read(path)
        assert ("0 is white by its metadata" in caplog.text) == mentioned
    np.testing.assert_array_equal(read_image(path).data[0], mask)
    np.testing.assert_array_equal(read_labels(path) > 0, mask)


def test_bits_that_napari_drops(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.png"
    for shape, mentioned in (((6, 5), False), ((6, 5, 2), True), ((6, 5, 3), True)):
        path.write_bytes(imagecodecs.png_encode(numbers(shape)))
        caplog.clear()
        found = read_axes(path)
        assert found is not None
        assert found.shape == shape
        assert found.alpha == (shape[2:] == (2,))
        assert ("shows 8 of the 16 bits" in caplog.text) == mentioned


def test_an_intact_file_needs_no_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    array = numbers((9, 40, 50))
    kinds: list[dict[str, Any]] = [
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"metadata": {"axes": "ZYX"}},
        {"metadata": None},
        {"description": json.dumps({"a": 1}), "metadata": None, "tile": (16, 16)},
    ]
    for options in kinds:
        assert read_axes(tiff(tmp_path / "a.tif", array, **options)) is not None
        read_image(tmp_path / "a.tif")
    assert not caplog.messages


def test_chunks_that_are_missing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.zarr"
    array = zarr.create_array(path, shape=(64, 64), dtype="u2", chunks=(32, 32), zarr_format=2)
    for read in (read_image, read_axes):
        with pytest.raises(FileError, match="none of its 4 chunks is there"):
            read(path)
        caplog.clear()
    array[:] = 1
    read_axes(path)
    assert not caplog.messages
    (path / "0.1").unlink()
    read_axes(path)
    assert "1 of its 4 chunks are missing, and black" in caplog.text


@pytest.mark.parametrize("shape", [(0, 40, 50), (50,)])
def test_an_array_that_is_no_image(tmp_path: Path, shape: tuple[int, ...]) -> None:
    zarr.create_array(path := tmp_path / "a.zarr", data=np.ones(shape, "u2"))
    for read in (read_image, read_axes):
        with pytest.raises(FileError, match="holds no image: its shape is"):
            read(path)


def test_colours_of_print_and_wrong_endings(tmp_path: Path) -> None:
    colours = numbers((40, 50, 4), "uint8")
    Picture.fromarray(colours, "CMYK").save(print_ := tmp_path / "a.jpg")
    for read in (read_image, read_axes):
        with pytest.raises(FileError, match="colours of print"):
            read(print_)
    Picture.fromarray(colours[..., :3]).save(tmp_path / "b.jpg")
    assert read_axes(tmp_path / "b.jpg") is None
    (tmp_path / "b.jpg").rename(tmp_path / "b.png")
    with pytest.raises(FileError, match="is a JPEG by its content; rename it"):
        read_axes(tmp_path / "b.png")
