"""Images and labels come back as they were written, whoever wrote them."""

from __future__ import annotations

import itertools
import json
import logging
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from napari_spatial_embeddings.files import (
    FileError,
    Image,
    read_image,
    read_labels,
    read_pixel_size,
)
from written import laid_out, numbers, ome_zarr, sidecar, tiff

INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]


# ---------------------------------------------------------------------------- axes


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
    told = "".join(a for a in axes if a in kept)
    image = image[: 2 if "C" in kept else 1, : 3 if "Z" in kept else 1]
    image = image if "Z" in kept else image[:, 0]
    path = tmp_path_factory.getbasetemp() / "told.tif"
    found = read_image(tiff(path, laid_out(image, told)), told)
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
        ((4, 6, 5), {"axes": "TYX"}, None, "time series of 4 frames.*say axes=ZYX"),
        ((4, 2, 6, 5), {"axes": "TZYX"}, None, "time series of 4 frames; save each frame"),
        ((4, 2, 6, 5), {}, None, "does not tell its axes; say what they are with axes"),
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


# ---------------------------------------------------------------------------- types


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [*INTEGERS, "float16", "float32", "float64", "bool"])
def test_types(tmp_path: Path, dtype: str, order: str) -> None:
    array = numbers((6, 5), dtype)
    found = read_image(tiff(tmp_path / "a.tif", array, byteorder=order))
    np.testing.assert_array_equal(found.data[0], array)
    assert found.data.dtype == array.dtype
    assert found.data.dtype.isnative
    assert found.data.flags.c_contiguous


@pytest.mark.parametrize("dtype", INTEGERS)
def test_labels_of_every_integer_type(tmp_path: Path, dtype: str) -> None:
    array = np.array([[0, 1], [np.iinfo(dtype).max, np.iinfo(dtype).min]], dtype)
    found = read_labels(tiff(tmp_path / "a.tif", array))
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype


def test_labels_of_true_and_false(tmp_path: Path) -> None:
    array = numbers((6, 5)) > 50
    found = read_labels(tiff(tmp_path / "a.tif", array))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.ones((6, 5), "float32"), "type float32; expected whole numbers.*convert"),
        (np.ones((6, 5, 3), "uint8"), "holds colours; expected a label image"),
        (np.ones((6, 5), "complex64"), "type complex64"),
    ],
)
def test_no_labels(tmp_path: Path, array: Any, says: str) -> None:
    kind = "rgb" if array.ndim == 3 else "minisblack"
    with pytest.raises(FileError, match=says):
        read_labels(tiff(tmp_path / "a.tif", array, photometric=kind))


def test_complex_image(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", np.ones((6, 5), "complex64"))
    with pytest.raises(FileError, match="type complex64; expected real numbers"):
        read_image(path)


# ----------------------------------------------------------------------- pixel size


def read_measured(path: Path) -> Image:
    """Read an image, and see that its pixel size alone is read as the same."""
    found = read_image(path)
    assert read_pixel_size(path, found.axes[1:]) == (found.pixel_size, found.unit)
    return found


def test_size_from_ome(tmp_path: Path) -> None:
    metadata = {"axes": "ZYX", "PhysicalSizeZ": 300, "PhysicalSizeZUnit": "nm"}
    for axis in "YX":
        metadata |= {f"PhysicalSize{axis}": 0.1, f"PhysicalSize{axis}Unit": "µm"}
    found = read_measured(tiff(tmp_path / "a.ome.tif", numbers((4, 6, 5)), metadata=metadata))
    assert found.unit == "um"
    assert found.pixel_size == pytest.approx((0.3, 0.1, 0.1))
    assert found.spacing == pytest.approx((3, 1, 1))


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("micron", "um"),
        ("\\u00B5m", "um"),
        ("um", "um"),
        ("nm", "nm"),
        ("foot", "foot"),
    ],
)
def test_size_from_imagej(tmp_path: Path, unit: str, name: str) -> None:
    path = tmp_path / "a.tif"
    metadata = {"axes": "ZYX", "spacing": 0.3, "unit": unit}
    tiff(path, numbers((4, 6, 5)), imagej=True, resolution=(10, 8), metadata=metadata)
    found = read_measured(path)
    assert found.unit == name
    assert found.pixel_size == pytest.approx((0.3, 0.125, 0.1))


def test_anisotropy_without_a_unit(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    metadata = {"axes": "ZYX", "spacing": 2.5, "unit": "pixel"}
    tiff(path, numbers((4, 6, 5)), imagej=True, resolution=(1, 1), metadata=metadata)
    found = read_measured(path)
    assert (found.pixel_size, found.unit) == ((2.5, 1, 1), None)


@pytest.mark.parametrize(
    ("unit", "resolution", "expected"),
    [
        ("centimeter", (40_000, 20_000), (0.5, 0.25)),
        ("inch", (254_000, 254_000), (0.1, 0.1)),
        ("inch", (72, 72), None),  # how large to print it
        ("inch", (300, 300), None),
        ("none", (1, 1), None),
    ],
)
def test_size_from_resolution(
    tmp_path: Path, unit: str, resolution: tuple[int, int], expected: tuple[float, ...] | None
) -> None:
    options: dict[str, Any] = {"resolution": resolution, "resolutionunit": unit}
    found = read_measured(tiff(tmp_path / "a.tif", numbers((6, 5)), **options))
    assert found.pixel_size == (expected if expected is None else pytest.approx(expected))
    assert found.unit == (None if expected is None else "um")


def test_a_plane_does_not_tell_the_distance_of_slices(tmp_path: Path) -> None:
    options: dict[str, Any] = {"resolution": (40_000, 40_000), "resolutionunit": "centimeter"}
    found = read_measured(tiff(tmp_path / "a.tif", numbers((4, 6, 5)), **options))
    assert (found.pixel_size, found.unit, found.spacing) == (None, None, (1, 1, 1))


@pytest.mark.parametrize(
    "facts",
    [
        {"voxel_size_zyx_um": [0.3, 0.2, 0.1]},
        {"voxel_size_um_xyz": [0.1, 0.2, 0.3]},
        {"PixelSize": [0.3, 0.2, 0.1], "unit": "micrometer"},
        {"pixel_size_nm": [300, 200, 100]},
    ],
)
@pytest.mark.parametrize("where", ["beside", "above"])
def test_size_from_a_sidecar(tmp_path: Path, facts: dict[str, Any], where: str) -> None:
    (tmp_path / "images").mkdir()
    path = tiff(tmp_path / "images" / "a.ome.tif", numbers((4, 6, 5)), metadata={"axes": "ZYX"})
    sidecar(tmp_path / ("images" if where == "beside" else "") / "a.json", other=1, **facts)
    found = read_image(path)
    scale = {"um": 1, "nm": 1000}[found.unit or ""]
    assert found.pixel_size == pytest.approx([scale * s for s in (0.3, 0.2, 0.1)])


def test_one_number_for_all_axes(tmp_path: Path) -> None:
    sidecar(tmp_path / "a.json", pixel_size_um=0.5)
    assert read_image(tiff(tmp_path / "a.tif", numbers((6, 5)))).pixel_size == (0.5, 0.5)


@pytest.mark.parametrize("value", [[0.3, 0.1], [0.3, 0, 0.1], "0.3", [0.3, None, 0.1], []])
def test_a_sidecar_that_makes_no_sense(tmp_path: Path, value: Any) -> None:
    path = tiff(tmp_path / "a.tif", numbers((4, 6, 5)))
    sidecar(tmp_path / "a.json", voxel_size_zyx_um=value)
    with pytest.raises(
        FileError, match=r"a\.json: 'voxel_size_zyx_um' is .* expected one positive"
    ):
        read_image(path)
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(FileError, match=r"a\.json is damaged"):
        read_image(path)


# --------------------------------------------------------------------- PNG and JPEG


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
    assert abs(read_image(path).data.astype(int) - 90).max() < 3
    assert read_image(path).data.shape == (3, 64, 48)
    with pytest.raises(FileError, match="JPEG does not keep label values"):
        read_labels(path)
    path.write_bytes(content[: 2 * len(content) // 3])
    with pytest.raises(FileError, match="truncated"):
        read_image(path)


# ------------------------------------------------------------------------- OME-Zarr


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["YX", "CYX", "ZYX", "CZYX", "TCZYX"])
def test_ome_zarr(tmp_path: Path, version: str, axes: str) -> None:
    image = numbers((3 if "C" in axes else 1, *([4] if "Z" in axes else []), 6, 5))
    scale = [{"T": 1.0, "C": 1.0, "Z": 0.3, "Y": 0.2, "X": 0.1}[a] for a in axes]
    path = ome_zarr(tmp_path / "a.ome.zarr", laid_out(image, axes), axes, version, scale)
    found = read_image(path)
    np.testing.assert_array_equal(found.data, image)
    assert (found.name, found.unit) == ("a", "um")
    assert found.pixel_size == ((0.3, 0.2, 0.1) if "Z" in axes else (0.2, 0.1))
    if "C" not in axes:
        np.testing.assert_array_equal(read_labels(path), image[0])


def test_first_image_of_a_collection(tmp_path: Path) -> None:
    image = numbers((1, 6, 5))
    ome_zarr(tmp_path / "a.zarr" / "0", image, "CYX")
    facts = {"ome": {"version": "0.5", "bioformats2raw.layout": 3}}
    group = {"zarr_format": 3, "node_type": "group", "attributes": facts}
    (tmp_path / "a.zarr" / "zarr.json").write_text(json.dumps(group))
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr").data, image)


def edit(path: Path, change: Any) -> None:
    """Change the OME attributes of a group of version 0.5."""
    group = json.loads((path / "zarr.json").read_text())
    change(group["attributes"])
    (path / "zarr.json").write_text(json.dumps(group))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda a: a.clear(), "is no image; expected an OME-Zarr image"),
        (lambda a: a.update(ome={"version": "0.5", "plate": {}}), "is a plate"),
        (lambda a: a["ome"].update(version="0.9"), "not valid OME-Zarr .*: version"),
        (lambda a: a["ome"]["multiscales"][0]["axes"].pop(), "not valid OME-Zarr"),
        (lambda a: a["ome"]["multiscales"][0]["datasets"][0].update(path="9"), "level '9' is miss"),
    ],
)
def test_ome_zarr_that_does_not_work(tmp_path: Path, change: Any, says: str) -> None:
    path = ome_zarr(tmp_path / "a.zarr", numbers((1, 6, 5)), "CYX")
    edit(path, change)
    with pytest.raises(FileError, match=says):
        read_image(path)


def test_an_empty_folder_is_no_ome_zarr(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(FileError, match="is no OME-Zarr"):
        read_image(tmp_path / "a.zarr")


def test_a_damaged_chunk(tmp_path: Path) -> None:
    path = ome_zarr(tmp_path / "a.zarr", numbers((1, 6, 5)), "CYX")
    next(p for p in (path / "0" / "c").rglob("*") if p.is_file()).write_bytes(b"no chunk")
    with pytest.raises(FileError, match="damaged"):
        read_image(path)


# -------------------------------------------------------------------------- damage


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.tif").touch()
    (tmp_path / "text.tif").write_text("no image at all")
    (tmp_path / "a.czi").write_text("something else")
    for name, says in (
        ("missing.tif", "there is no file"),
        ("empty.tif", "is empty"),
        ("text.tif", "is damaged, or not of the kind its name says"),
        ("a.czi", "of the type '.czi'; expected TIFF, PNG, JPEG or OME-Zarr"),
        ("", "is a folder; expected"),
    ):
        with pytest.raises(FileError, match=says):
            read_image(tmp_path / name)
        with pytest.raises(FileError, match=says):
            read_labels(tmp_path / name)


TIFFS: dict[str, dict[str, Any]] = {
    "plain": {"metadata": None},
    "shaped": {},
    "zlib": {"compression": "zlib"},
    "tiles": {"compression": "zlib", "tile": (16, 16), "metadata": None},
    "imagej": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "ome": {"ome": True, "metadata": {"axes": "ZYX"}},
}


def image_or_sentence(path: Path) -> Image | str:
    """Read an image, or return what is wrong with it."""
    try:
        return read_image(path)
    except FileError as error:
        return str(error)


@settings(max_examples=60)
@given(kind=st.sampled_from([*TIFFS]), left=st.floats(0, 0.99))
def test_a_truncated_tiff_is_never_read_in_part(
    tmp_path_factory: pytest.TempPathFactory, kind: str, left: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "truncated.tif"
    array = numbers((5, 24, 32))
    content = tiff(path, array, **TIFFS[kind]).read_bytes()
    path.write_bytes(content[: int(left * len(content))])
    found = image_or_sentence(path)
    if isinstance(found, str):
        assert str(path) in found
    else:  # only what follows the pixels was cut off
        np.testing.assert_array_equal(found.data, array[None])


@settings(max_examples=60)
@given(kind=st.sampled_from(["png", *TIFFS]), seed=st.integers(0, 2**32 - 1))
def test_damage_is_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, kind: str, seed: int
) -> None:
    path = tmp_path_factory.getbasetemp() / f"damaged.{'png' if kind == 'png' else 'tif'}"
    array = numbers((5, 24, 32))
    if kind == "png":
        path.write_bytes(imagecodecs.png_encode(array[0]))
    else:
        tiff(path, array, **TIFFS[kind])
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    rng = np.random.default_rng(seed)
    # Half of the hits go where a damaged byte does most: the header and the tags.
    where = np.concatenate([rng.integers(0, 300, 3), rng.integers(0, len(content), 3)])
    content[where % len(content)] = rng.integers(0, 256, len(where))
    path.write_bytes(content.tobytes())
    found = image_or_sentence(path)
    assert not isinstance(found, str) or "\n" not in found


def test_damage_is_not_also_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tiff(tmp_path / "a.tif", numbers((5, 24, 32)), compression="zlib")
    path.write_bytes(path.read_bytes()[:-300])
    with caplog.at_level(logging.DEBUG), pytest.raises(FileError):
        read_image(path)
    assert not [r for r in caplog.records if r.name == "tifffile"]


def test_a_second_image_is_mentioned(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(numbers((6, 5)))
        file.write(numbers((3, 4)))
    assert read_image(tmp_path / "a.tif").data.shape == (1, 6, 5)
    assert "holds 2 images; the first is read" in caplog.text


def test_a_header_that_lies_about_its_size(tmp_path: Path) -> None:
    """An image that claims to be huge is an error, not an attempt to make room for it."""
    path = tiff(tmp_path / "a.tif", numbers((6, 5)), metadata=None)
    with tifffile.TiffFile(path) as file:
        tags = file.pages.first.tags
        places = [tags[name].valueoffset for name in ("ImageWidth", "ImageLength")]
        kind = "<H" if tags["ImageWidth"].dtype == 3 else "<I"
    content = bytearray(path.read_bytes())
    for place in places:
        struct.pack_into(kind, content, place, 60_000)
    path.write_bytes(content)
    with pytest.raises(FileError):
        read_image(path)
