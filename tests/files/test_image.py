"""Images and labels come back as they were written, whoever wrote them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from label_files import laid_out, numbers, tiff
from napari_spatial_embeddings.files import FileError, read_image, read_labels

INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]


@pytest.mark.parametrize(
    ("writer", "axes"),
    [
        *itertools.product(
            ["ome", "imagej", "shaped"], ["YX", "TYX", "CYX", "ZYX", "ZCYX", "TZCYX"]
        ),
        *itertools.product(["ome", "shaped"], ["CZYX", "TCZYX"]),  # not what ImageJ writes
    ],
)
def test_tiff_with_named_axes(tmp_path: Path, writer: str, axes: str) -> None:
    shape = (3 if "C" in axes else 1, *([4] if "Z" in axes else []), 6, 5)
    image = numbers(shape)
    options = {} if writer == "shaped" else {writer: True}
    path = tmp_path / ("a.ome.tif" if writer == "ome" else "a.tif")
    tiff(path, laid_out(image, axes), metadata={"axes": axes}, **options)
    found = read_image(path)
    assert found.axes == ("CZYX" if "Z" in axes else "CYX")
    np.testing.assert_array_equal(found.data, image)
    assert found.data.dtype == image.dtype
    assert found.name == "a"


@pytest.mark.parametrize(
    ("shape", "dtype", "axes", "expected"),
    [
        ((5, 8, 9), "uint16", "CZYX", (1, 5, 8, 9)),
        ((5, 8, 9), "float32", "CZYX", (1, 5, 8, 9)),
        ((8, 9, 3), "uint8", "CYX", (3, 8, 9)),
        ((8, 9, 3), "uint16", "CYX", (3, 8, 9)),
        ((8, 9, 3), "float32", "CZYX", (1, 8, 9, 3)),
        ((1, 9), "uint8", "CYX", (1, 1, 9)),
        ((1, 1), "uint8", "CYX", (1, 1, 1)),
        ((1, 8, 9), "uint8", "CYX", (1, 8, 9)),
        ((64, 48, 5), "uint16", "CYX", (5, 64, 48)),
        ((40, 48, 2), "float32", "CYX", (2, 40, 48)),
        ((40, 48, 8), "uint8", "CZYX", (1, 40, 48, 8)),
    ],
)
@pytest.mark.parametrize("metadata", [{}, None], ids=["shaped", "plain"])
def test_tiff_without_names(
    tmp_path: Path,
    shape: tuple[int, ...],
    dtype: str,
    axes: str,
    expected: tuple[int, ...],
    metadata: dict[str, Any] | None,
) -> None:
    array = numbers(shape, dtype)
    found = read_image(tiff(tmp_path / "a.tif", array, metadata=metadata))
    assert (found.axes, found.data.shape) == (axes, expected)


@pytest.mark.parametrize("samples", [3, 4])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_rgb_loses_transparency_only(tmp_path: Path, samples: int, planar: str) -> None:
    array = numbers((8, 9, samples), "uint8")
    stored = array if planar == "contig" else np.moveaxis(array, -1, 0)
    path = tiff(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    np.testing.assert_array_equal(read_image(path).data, np.moveaxis(array[..., :3], -1, 0))


def test_rgb_volume(tmp_path: Path) -> None:
    array = numbers((5, 8, 9, 3), "uint8")
    found = read_image(tiff(tmp_path / "a.tif", array, photometric="rgb"))
    assert found.axes == "CZYX"
    np.testing.assert_array_equal(found.data, np.moveaxis(array, -1, 0))


def test_channels_side_by_side_are_no_transparency(tmp_path: Path) -> None:
    array = numbers((8, 9, 2), "uint16")
    options: dict[str, Any] = {"planarconfig": "contig", "extrasamples": ["unspecified"]}
    found = read_image(tiff(tmp_path / "a.tif", array, **options))
    np.testing.assert_array_equal(found.data, np.moveaxis(array, -1, 0))


@given(axes=st.permutations("CZYX"), data=st.data())
def test_told_axes_win(
    tmp_path_factory: pytest.TempPathFactory, axes: list[str], data: st.DataObject
) -> None:
    image = numbers((2, 3, 4, 5))
    kept = data.draw(st.sampled_from(["CZYX", "CYX", "ZYX", "YX"]))
    stored = "".join(a for a in axes if a in kept)
    image = image[: 2 if "C" in kept else 1, : 3 if "Z" in kept else 1]
    image = image if "Z" in kept else image[:, 0]
    path = tmp_path_factory.getbasetemp() / "stored.tif"
    found = read_image(tiff(path, laid_out(image, stored)), stored)
    np.testing.assert_array_equal(found.data, image)


def test_a_slice_may_be_a_volume(tmp_path: Path) -> None:
    plane = numbers((6, 5))
    for array in (plane, plane[None]):
        path = tiff(tmp_path / "a.tif", array)
        assert read_image(path).data.shape == (1, 6, 5)
        assert read_image(path, "ZYX").data.shape == (1, 1, 6, 5)
        assert read_labels(path).shape == (6, 5)
        assert read_labels(path, "ZYX").shape == (1, 6, 5)


@pytest.mark.parametrize(
    ("shape", "metadata", "axes", "says"),
    [
        ((4, 6, 5), {"axes": "TYX"}, None, "time series of 4 frames.*set axes=ZYX"),
        ((4, 2, 6, 5), {"axes": "TZYX"}, None, "time series of 4 frames; save each frame"),
        ((4, 2, 6, 5), {}, None, "its axes are unknown; name them with axes"),
        ((4, 6, 5), {}, "TYX", "expected Y and X, and perhaps Z and C"),
        ((4, 6, 5), {}, "ZYY", "each once"),
        ((4, 6, 5), {}, "YX", "names 2 axes, expected 3"),
        ((4, 6, 5), {"axes": "RYX"}, None, "has the axes RYX"),
    ],
)
def test_axes_that_do_not_work(
    tmp_path: Path, shape: tuple[int, ...], metadata: dict[str, Any], axes: str | None, says: str
) -> None:
    path = tiff(tmp_path / "a.tif", numbers(shape), metadata=metadata)
    with pytest.raises(FileError, match=says):
        read_image(path, axes)


def test_unnamed_planes_that_may_be_channels(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_image(tiff(tmp_path / "a.tif", numbers((5, 8, 9)))).axes == "CZYX"
    assert not caplog.text
    assert read_image(tiff(tmp_path / "a.tif", numbers((2, 8, 9)))).axes == "CZYX"
    assert "its 2 planes are taken for slices; if they are channels, set axes=CYX" in caplog.text


@pytest.mark.parametrize("zunit", ["sec", "ms", "minutes"])
def test_slices_that_lie_seconds_apart_are_frames(tmp_path: Path, zunit: str) -> None:
    metadata = {"axes": "ZYX", "unit": "um", "zunit": zunit, "spacing": 30}
    path = tiff(tmp_path / "a.tif", numbers((4, 6, 5)), imagej=True, metadata=metadata)
    with pytest.raises(FileError, match=r"time series of 4 frames.*set axes=ZYX"):
        read_image(path)
    found = read_image(path, "ZYX")
    assert (found.axes, found.pixel_size, found.unit) == ("CZYX", (None, 1, 1), "um")
    # Where all axes are measured in it, it says nothing of the slices.
    metadata = {"axes": "ZYX", "unit": zunit, "spacing": 30}
    tiff(path, numbers((4, 6, 5)), imagej=True, metadata=metadata)
    assert (read_image(path).axes, read_image(path).pixel_size) == ("CZYX", None)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [*INTEGERS, "float16", "float32", "float64", "bool"])
def test_types(tmp_path: Path, dtype: str, order: str) -> None:
    array = numbers((6, 5), dtype)
    found = read_image(tiff(tmp_path / "a.tif", array, byteorder=order))
    np.testing.assert_array_equal(found.data[0], array)
    assert found.data.dtype == array.dtype
    assert found.data.dtype.isnative
    assert np.asarray(found.data).flags.c_contiguous


@pytest.mark.parametrize("dtype", INTEGERS)
def test_labels_of_every_integer_type(tmp_path: Path, dtype: str) -> None:
    array = np.array([[0, 1], [np.iinfo(dtype).max, np.iinfo(dtype).min]], dtype)
    found = read_labels(tiff(tmp_path / "a.tif", array))
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype


def test_labels_of_true_and_false(tmp_path: Path) -> None:
    array = numbers((6, 5)) > 50
    Picture.fromarray(array).save(tmp_path / "a.png")
    for path in (tiff(tmp_path / "a.tif", array), tmp_path / "a.png"):
        found = read_labels(path)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, np.where(array, 255, 0))
        np.testing.assert_array_equal(read_image(path).data[0], array)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.full((6, 5), 1.5, "float32"), "type float32 that are not whole, such as 1.5; expected"),
        (numbers((6, 5, 3), "uint8"), "holds colours; expected a label image"),
        (np.ones((6, 5), "complex64"), "type complex64"),
    ],
)
def test_no_labels(tmp_path: Path, array: Any, says: str) -> None:
    kind = "rgb" if array.ndim == 3 else "minisblack"
    with pytest.raises(FileError, match=says):
        read_labels(tiff(tmp_path / "a.tif", array, photometric=kind))


def test_labels_that_fiji_saved_in_32_bits(tmp_path: Path) -> None:
    array = numbers((6, 5), "float32")
    found = read_labels(tiff(tmp_path / "a.tif", array, imagej=True))
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, array)


def test_labels_that_fiji_saved_with_a_sign(tmp_path: Path) -> None:
    """As values without one, and the offset in the description; the image keeps what is stored."""
    labels = numbers((6, 5), "int16") - np.int16(1)
    stored = (labels.astype(np.int32) + 2**15).astype(np.uint16)
    facts = {"c0": -32768.0, "c1": 1.0, "cf": 0}
    path = tiff(tmp_path / "a.tif", stored, imagej=True, metadata=facts)
    np.testing.assert_array_equal(read_labels(path), labels)
    np.testing.assert_array_equal(read_image(path).data[0], stored)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_labels_that_a_program_for_pictures_saved(tmp_path: Path, ending: str) -> None:
    labels = numbers((6, 5), "uint8")
    colours = np.repeat(labels[..., None], 4, -1)
    for samples in (3, 4):
        Picture.fromarray(colours[..., :samples]).save(tmp_path / f"a.{ending}")
        np.testing.assert_array_equal(read_labels(tmp_path / f"a.{ending}"), labels)


def test_white_that_is_zero_is_mentioned(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    array = numbers((6, 5))
    path = tiff(tmp_path / "a.tif", array, photometric="miniswhite")
    np.testing.assert_array_equal(read_labels(path), array)
    assert not caplog.messages
    np.testing.assert_array_equal(read_image(path).data[0], array)
    assert "0 is white by its metadata, and its values are used as they are" in caplog.text


def test_some_channels(tmp_path: Path) -> None:
    array = numbers((3, 6, 5))
    path = tiff(tmp_path / "a.tif", array, metadata={"axes": "CYX"})
    np.testing.assert_array_equal(read_image(path, channels=(2, 0)).data, array[[2, 0]])
    np.testing.assert_array_equal(read_labels(path, channel=1), array[1])
    for read in (lambda: read_image(path, channels=(3,)), lambda: read_labels(path, channel=3)):
        with pytest.raises(FileError, match="has 3 channels, none with the index 3"):
            read()
    # Files of one channel need no choice: those that are compared may differ in that.
    one = tiff(tmp_path / "b.tif", array[0])
    np.testing.assert_array_equal(read_labels(one, channel=1), array[0])


def test_complex_image(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", np.ones((6, 5), "complex64"))
    with pytest.raises(FileError, match="type complex64; expected real numbers"):
        read_image(path)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("samples", [None, 2, 3, 4])
def test_png(tmp_path: Path, dtype: str, samples: int | None) -> None:
    array = numbers((6, 5) if samples is None else (6, 5, samples), dtype)
    (tmp_path / "a.PNG").write_bytes(imagecodecs.png_encode(array))
    colours = array[..., None] if samples is None else array[..., : 3 if samples > 2 else 1]
    np.testing.assert_array_equal(read_image(tmp_path / "a.PNG").data, np.moveaxis(colours, -1, 0))


def test_png_with_a_table_of_colours(tmp_path: Path) -> None:
    indices = numbers((6, 5), "uint8") % 4
    colours = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8)
    picture = Picture.new("P", (5, 6))
    picture.putdata(indices.ravel().tolist())
    picture.putpalette(colours.ravel().tolist())
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), indices)
    shown = np.moveaxis(colours[indices], -1, 0)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").data, shown)


def test_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "a.jpeg"
    content = imagecodecs.jpeg_encode(np.full((64, 48, 3), 90, "uint8"))
    path.write_bytes(content)
    assert abs(np.asarray(read_image(path).data, int) - 90).max() < 3
    assert read_image(path).data.shape == (3, 64, 48)
    with pytest.raises(FileError, match="JPEG does not keep label values"):
        read_labels(path)
    path.write_bytes(content[: 2 * len(content) // 3])
    with pytest.raises(FileError, match="truncated"):
        read_image(path)
