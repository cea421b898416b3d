"""Files and folders that hold several images: what they list, and what is not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from label_files import in_files, numbers, ome_zarr, tiff
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import find_images, positions, read_image
from ome_files import ome, pixels, plane, write
from plates import collection, plate


def names(path: Path) -> list[str]:
    return [one.name for one in positions(path)]


def test_one_image_is_one_position(tmp_path: Path) -> None:
    array = numbers((8, 9))
    for path in (
        tiff(tmp_path / "a.tif", array),
        tiff(tmp_path / "a.ome.tif", array, ome=True),
        ome_zarr(tmp_path / "a.zarr", array, "YX"),
        collection(tmp_path / "b" / "a.zarr", {"0": array}),
        tmp_path / "not_there.tif",
    ):
        (one,) = positions(path)
        assert (one.path, one.scene, one.well) == (path, None, "")
        assert one.name == ("not_there" if one.path.stem == "not_there" else "a")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_plate(tmp_path: Path, version: str) -> None:
    arrays = {f"{row}/{c}": {f: numbers((8, 9)) for f in "01"} for row in "AB" for c in ("1", "02")}
    path = plate(tmp_path / "p.zarr", arrays, version=version)
    found = positions(path)
    assert [one.name for one in found] == [
        f"p_{well}_{f}" for well in ("A1", "A02", "B1", "B02") for f in "01"
    ]
    assert [one.well for one in found] == [w for w in ("A1", "A02", "B1", "B02") for _ in "01"]
    for one in found:
        well = one.path.parent.relative_to(path).as_posix()
        np.testing.assert_array_equal(read_image(one.path).data[0], arrays[well][one.path.name])
        assert positions(one.path) == [one], "alone it is called the same"
    assert names(path / "B" / "02") == ["p_B02_0", "p_B02_1"]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    array = numbers((8, 9))
    listed = {"A/1": ["1"], "A/2": ["0"]}
    path = plate(tmp_path / "p.zarr", {"A/1": {"0": array}, "B/1": {"0": array}}, listed=listed)
    (path / "B" / "1" / "zarr.json").write_text("{}")
    found = {one.name: one.problem for one in positions(path)}
    assert list(found) == ["p_A1_0", "p_A1_1", "p_B1", "p_A2"]
    assert found["p_A1_0"] == ""
    assert found["p_A1_1"].endswith("is missing: the well A1 lists the field 1")
    assert found["p_A2"].endswith("is missing: the plate lists the well A2")
    assert str(path / "B" / "1") in found["p_B1"]
    (one,) = positions(plate(tmp_path / "q.zarr", {"A/1": {}}, listed={}) / "A")
    assert one.problem == ""


def test_collection(tmp_path: Path) -> None:
    images = {name: numbers((8, 9), seed=int(name)) for name in "012"}
    path = collection(tmp_path / "c.zarr", images)
    assert names(path) == ["c_0", "c_1", "c_2"]
    for one, array in zip(positions(path), images.values(), strict=True):
        np.testing.assert_array_equal(read_image(one.path).data[0], array)
        assert positions(one.path) == [one]
    (path / "1" / "zarr.json").unlink()
    (path / "1").rename(tmp_path / "gone")
    assert [bool(one.problem) for one in positions(path)] == [False, True, False]


@pytest.mark.parametrize("large", [False, True], ids=["memory", "file"])
def test_positions_of_an_ome_tiff(tmp_path: Path, large: bool) -> None:
    """Each is one image, with its own axes and pixel size."""
    whole = numbers((3, 2, 12, 10))
    edges = whole.shape[2:]
    more = 'PhysicalSizeX="{0}" PhysicalSizeY="{0}"'
    images = [
        pixels(
            {"Z": 2},
            edges,
            [plane({"Z": z}, 2 * k + z) for z in range(2)],
            more=more.format(0.5 * (k + 1)),
        )
        for k in range(3)
    ]
    path = write(tmp_path / "many.ome.tif", whole.reshape(-1, *edges), ome(*images))
    found = positions(path)
    assert [(one.name, one.scene) for one in found] == [(f"many_{k}", k) for k in range(3)]
    with in_files(large):
        for one, array in zip(found, whole, strict=True):
            assert one.scene is not None
            read = read_image(one.path, scene=one.scene)
            np.testing.assert_array_equal(np.asarray(read.data)[0], array)
            assert read.pixel_size == (None, 0.5 * (one.scene + 1), 0.5 * (one.scene + 1))


def test_patterns(tmp_path: Path) -> None:
    for name in ("a.tif", "b_dapi.tif", "in/c.tif", "in/deep/d_dapi.png", ".hidden/e.tif"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".tif":
            tiff(path, numbers((8, 9)))
        else:
            path.write_bytes(b"\x89PNG")
    ome_zarr(tmp_path / "in" / "f.zarr", numbers((8, 9)), "YX")
    tiff(tmp_path / "in" / "f.zarr" / "inside.tif", numbers((8, 9)))

    def found(pattern: str) -> list[str]:
        return [p.relative_to(tmp_path).as_posix() for p in find_images([tmp_path], pattern)]

    assert found("*") == ["a.tif", "b_dapi.tif"]
    assert found("*_dapi.*") == ["b_dapi.tif"]
    assert found("**/*") == ["a.tif", "b_dapi.tif", "in/c.tif", "in/deep/d_dapi.png", "in/f.zarr"]
    assert found("*/*.tif") == ["in/c.tif"]
    with pytest.raises(InputError, match=r"no file of a known kind .* like \*.lsm"):
        found("*.lsm")
    for wrong in ("", str(tmp_path / "*.tif")):
        with pytest.raises(InputError, match="is no pattern"):
            found(wrong)
