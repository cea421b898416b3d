"""OME-Zarr comes back as it was written, or a sentence says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from label_files import laid_out, numbers, ome_zarr
from napari_spatial_embeddings.files import (
    FileError,
    find_images,
    read_axes,
    read_image,
    read_labels,
    read_pixel_size,
    stored,
)


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
    assert read_pixel_size(path, found.axes[1:]) == (found.pixel_size, "um")
    if "C" not in axes:
        np.testing.assert_array_equal(read_labels(path), image[0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda axes: axes[0].update(unit="nanometer"), (0.001, 1, 1)),
        (lambda axes: axes[0].pop("unit"), (None, 1, 1)),
        (lambda axes: axes[0].update(unit="furlong"), (None, 1, 1)),
        (lambda axes: [axis.update(unit="micron") for axis in axes], (1, 1, 1)),
        (lambda axes: axes[0].update(unit="second"), "time series of 4 frames"),
        (lambda axes: axes[0].update(name="frame", type="time"), "time series of 4 frames"),
    ],
)
def test_an_axis_speaks_for_itself_alone(tmp_path: Path, change: Any, says: Any) -> None:
    path = ome_zarr(tmp_path / "a.zarr", numbers((4, 6, 5)), "ZYX")
    edit(path, lambda facts: change(facts["ome"]["multiscales"][0]["axes"]))
    if isinstance(says, str):
        with pytest.raises(FileError, match=says):
            read_image(path)
    else:
        assert (read_image(path).pixel_size, read_image(path).unit) == (says, "um")


def test_first_image_of_a_collection(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image = numbers((1, 6, 5))
    for series in range(2):
        ome_zarr(tmp_path / "a.zarr" / str(series), image + np.uint16(series), "CYX")
    facts = {"ome": {"version": "0.5", "bioformats2raw.layout": 3}}
    group = {"zarr_format": 3, "node_type": "group", "attributes": facts}
    (tmp_path / "a.zarr" / "zarr.json").write_text(json.dumps(group))
    np.testing.assert_array_equal(read_image(tmp_path / "a.zarr").data, image)
    assert "a.zarr holds 2 images; the first is read" in caplog.text
    caplog.clear()
    read_axes(tmp_path / "a.zarr")
    assert "a.zarr holds 2 images; the first is read" in caplog.text
    (tmp_path / "a.zarr" / "zarr.json").write_text(json.dumps({**group, "attributes": {}}))
    with pytest.raises(FileError, match=r"holds folders \(0, 1\); open one of them: .*a\.zarr.0"):
        read_image(tmp_path / "a.zarr")


def edit(path: Path, change: Any) -> None:
    """Change the OME attributes of a group of version 0.5."""
    group = json.loads((path / "zarr.json").read_text())
    change(group["attributes"])
    (path / "zarr.json").write_text(json.dumps(group))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda a: a.clear(), r"holds plain arrays \(0, 1\); open one of them: .*a\.zarr.0"),
        (lambda a: a.update(ome={"version": "0.5", "plate": {}}), "is a plate"),
        (lambda a: a["ome"]["multiscales"][0].update(datasets=[]), "metadata name no level"),
        (lambda a: a["ome"]["multiscales"][0]["datasets"][0].update(path="9"), "level '9' is miss"),
    ],
)
def test_ome_zarr_that_does_not_work(tmp_path: Path, change: Any, says: str) -> None:
    path = ome_zarr(tmp_path / "a.zarr", numbers((1, 6, 5)), "CYX")
    edit(path, change)
    with pytest.raises(FileError, match=says):
        read_image(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a["ome"].update(version="0.9"),
        lambda a: a["ome"]["multiscales"][0]["datasets"][0].pop("coordinateTransformations"),
        lambda a: a["ome"]["multiscales"][0].update(
            coordinateTransformations=[{"type": "scale", "scale": [0.5, 0.2]}]
        ),
    ],
)
def test_metadata_that_are_not_valid_are_left_out(
    tmp_path: Path, change: Any, caplog: pytest.LogCaptureFixture
) -> None:
    image = numbers((2, 6, 5))
    path = ome_zarr(tmp_path / "a.zarr", image, "CYX", scale=[1, 0.2, 0.1])
    edit(path, change)
    found = read_image(path)
    np.testing.assert_array_equal(found.data, image)
    assert found.pixel_size is None
    (sentence,) = caplog.messages
    assert "a.zarr is not valid OME-Zarr of version 0.4 or 0.5 (" in sentence


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a["ome"].update(omero={"channels": [{"color": "red"}]}),
        lambda a: a["ome"]["multiscales"][0].update(coordinateTransformations=[], name=3),
        lambda a: a["ome"]["multiscales"][0]["axes"][0].update(type="shape", unit=3),
        lambda a: [axis.update(name="axis") for axis in a["ome"]["multiscales"][0]["axes"][1:]],
    ],
)
def test_metadata_that_are_not_needed_may_be_wrong(
    tmp_path: Path, change: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = ome_zarr(tmp_path / "a.zarr", numbers((2, 6, 5)), "CYX", scale=[1, 0.2, 0.1])
    edit(path, change)
    found = read_image(path)
    assert (found.axes, found.pixel_size, found.unit) == ("CYX", (0.2, 0.1), "um")
    assert not caplog.messages


@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3"])
def test_versions_without_a_place_for_sizes(
    tmp_path: Path, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The first two do not name the axes: there are always five."""
    image = numbers((2, 3, 6, 5))
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    named = {"axes": [*"tczyx"]} if version == "0.3" else {}
    group.attrs["multiscales"] = [{"version": version, "datasets": [{"path": "0"}], **named}]
    group.create_array("0", data=image[None])
    found = read_image(tmp_path / "a.zarr")
    np.testing.assert_array_equal(found.data, image)
    assert found.pixel_size is None
    assert not caplog.messages


def test_an_empty_folder_is_no_zarr(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(FileError, match="is no Zarr"):
        read_image(tmp_path / "a.zarr")
    zarr.open_group(tmp_path / "b.zarr", mode="w")
    with pytest.raises(FileError, match="is no image; expected an OME-Zarr image"):
        read_image(tmp_path / "b.zarr")


def plain(path: Path, array: NDArray[Any], version: Literal[2, 3], **options: Any) -> Path:
    """Write an array as `zarr.save` does, without metadata of OME."""
    chunks = tuple(min(n, 4) for n in array.shape)
    made = zarr.create_array(
        path, shape=array.shape, chunks=chunks, dtype=array.dtype, zarr_format=version, **options
    )
    made[...] = array
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_a_plain_array_is_read_as_its_axes_are_given(
    tmp_path: Path, version: Literal[2, 3]
) -> None:
    """Whatever the folder is called, and whether its axes need a name at all."""
    image = numbers((2, 3, 6, 5))
    np.testing.assert_array_equal(
        read_image(plain(tmp_path / "a.zarr", image[0, 0], version)).data, image[0, :1]
    )
    volume = plain(tmp_path / "folder", image[0], version)
    assert find_images([volume]) == [volume]
    np.testing.assert_array_equal(read_image(volume, "ZYX").data, image[:1])
    np.testing.assert_array_equal(read_image(volume, "CYX").data, image[0])
    np.testing.assert_array_equal(read_labels(volume, "ZYX"), image[0])
    many = plain(tmp_path / "b.zarr", image, version)
    with pytest.raises(FileError, match=r"its axes are unknown; name them with axes"):
        read_image(many)
    np.testing.assert_array_equal(read_image(many, "CZYX").data, image)
    flat = plain(tmp_path / "c.zarr", image[0, 0, 0], version)
    with pytest.raises(FileError, match=r"holds no image: its shape is \(5,\)"):
        read_image(flat)


def test_a_plain_array_may_name_its_axes(tmp_path: Path) -> None:
    image = numbers((2, 6, 5))
    named = plain(tmp_path / "a.zarr", image, 3, dimension_names=["channel", "y", "x"])
    assert read_image(named).data.shape == (2, 6, 5)
    xarray = {"_ARRAY_DIMENSIONS": ["c", "y", "x"]}
    assert read_image(plain(tmp_path / "b.zarr", image, 2, attributes=xarray)).channels == 2
    times = plain(tmp_path / "c.zarr", image, 3, dimension_names=["time", "y", "x"])
    with pytest.raises(FileError, match="time series of 2 frames"):
        read_image(times)


@pytest.mark.parametrize(
    ("names", "axes"),
    [
        (["channel", "row", "col"], "CYX"),
        (["plane", "row", "column"], "CZYX"),
        (["c", "dim_1", "dim_2"], "CYX"),  # one name that says nothing leaves the others theirs
        (["dim_0", "dim_1", "dim_2"], "CZYX"),
        ([None, "y", "x"], "CZYX"),
    ],
)
def test_names_of_axes_are_words(tmp_path: Path, names: list[Any], axes: str) -> None:
    image = numbers((5, 6, 7))
    path = plain(tmp_path / "a.zarr", image, 3, dimension_names=names)
    read = read_image(path)
    assert (read.axes, np.asarray(read.data).size) == (axes, image.size)


def test_an_axis_of_something_else_is_no_depth(tmp_path: Path) -> None:
    image = numbers((5, 6, 7))
    path = plain(tmp_path / "a.zarr", image, 3, dimension_names=["position", "y", "x"])
    with pytest.raises(FileError, match=r"has the axes PYX .* or name them with axes"):
        read_image(path)
    np.testing.assert_array_equal(read_image(path, "ZYX").data[0], image)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_chunks_that_are_missing(
    tmp_path: Path, zarr_format: Literal[2, 3], caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = {"shape": (5, 6, 6), "chunks": (1, 6, 6), "dtype": "uint16"}
    array = zarr.create_array(tmp_path / "a.zarr", zarr_format=zarr_format, **options)
    with pytest.raises(FileError, match="holds no pixels: none of its 5 chunks is there"):
        read_image(tmp_path / "a.zarr", "ZYX")
    assert not read_labels(tmp_path / "a.zarr", "ZYX").any(), "an image may hold no object"
    array[:3] = 7
    assert read_image(tmp_path / "a.zarr", "ZYX").shape == (5, 6, 6)
    assert "2 of its 5 chunks are missing, and black" in caplog.text
    filled = zarr.create_array(
        tmp_path / "b.zarr", zarr_format=zarr_format, fill_value=9, **options
    )
    filled[:3] = 7
    assert np.asarray(read_image(tmp_path / "b.zarr", "ZYX").data)[0, 4].min() == 9
    assert "b.zarr: 2 of its 5 chunks are missing, and read as 9" in caplog.text


def test_a_damaged_chunk(tmp_path: Path) -> None:
    path = ome_zarr(tmp_path / "a.zarr", numbers((1, 6, 5)), "CYX")
    next(p for p in (path / "0" / "c").rglob("*") if p.is_file()).write_bytes(b"no chunk")
    with pytest.raises(FileError, match="damaged"):
        read_image(path)


def test_a_path_from_here_that_is_like_one_in_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = np.ones((20, 30), np.uint8)
    zarr.create_array("c", data=pixels, chunks=(8, 8))
    ome_zarr(Path("0"), pixels, "YX")
    for name in ("c", "0"):
        np.testing.assert_array_equal(read_image(name).data[0], pixels)


@pytest.mark.parametrize("axes", ["YX", "CYX", "CZYX"])
def test_levels_come_with_a_large_image(
    tmp_path: Path, axes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "MAX_BYTES_IN_MEMORY", 0)
    image = numbers((3 if "C" in axes else 1, *([4] if "Z" in axes else []), 16, 12))
    path = ome_zarr(tmp_path / "a.zarr", laid_out(image, axes), axes)
    half, own = image[..., ::2, ::2], len(read_image(path).levels)
    group = zarr.open_group(path, mode="a")
    pixels = laid_out(half, axes)
    group.create_array("half", data=pixels)
    group.create_array("other", data=pixels.astype(np.float32))  # no level of this image

    def name_levels(facts: Any) -> None:
        (multiscale,) = facts["ome"]["multiscales"]
        for name in ("half", "other", "gone"):
            multiscale["datasets"].append({**multiscale["datasets"][0], "path": name})

    edit(path, name_levels)
    found = read_image(path)
    np.testing.assert_array_equal(found.data, image)
    assert len(found.levels) == own + 1
    np.testing.assert_array_equal(found.levels[-1], half)
