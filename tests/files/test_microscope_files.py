"""Microscopes' own files: their axes, scenes, pixel sizes and times between frames."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from label_files import in_files, numbers
from microscope_files import czi, lif
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import find_images, positions, read_image


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bioio", None)
    for kind in ("czi", "lif", "nd2"):
        path = tmp_path / f"a.{kind}"
        path.write_bytes(b"something")
        with pytest.raises(InputError, match=r"pip install 'napari-spatial-embeddings\[formats\]'"):
            read_image(path)
        (one,) = positions(path)
        assert "[formats]" in one.problem
        assert one.name == "a"
    assert len(find_images([tmp_path])) == 3


@pytest.mark.parametrize("large", [False, True], ids=["memory", "file"])
def test_czi(tmp_path: Path, large: bool) -> None:
    pytest.importorskip("bioio_czi")
    image = numbers((3, 2, 4, 30, 40))
    path = czi(tmp_path / "a.czi", [image], 0.5, 2.0)
    with in_files(large):
        found = read_image(path, time=True)
        assert (found.axes, found.unit, found.frame_interval) == ("TCZYX", "um", None)
        assert found.pixel_size == pytest.approx((2.0, 0.5, 0.5))
        np.testing.assert_array_equal(np.asarray(found.data), image)
        np.testing.assert_array_equal(found.data[1, 0, 1:3, 7, ::2], image[1, 0, 1:3, 7, ::2])
        np.testing.assert_array_equal(
            np.asarray(read_image(path, channels=[1], time=True).data), image[:, 1:]
        )
    (one,) = positions(path)
    assert (one.name, one.scene) == ("a", None)


def test_lif(tmp_path: Path) -> None:
    pytest.importorskip("bioio_lif")
    one = numbers((3, 2, 4, 30, 40), "uint8")
    images = {"first": one, "second": one[:1, :1, :1, ::-1]}
    path = lif(tmp_path / "a.lif", images, 0.25, 30.0)
    series, plane = positions(path)
    assert [series.name, plane.name] == ["a_0", "a_1"]
    found = read_image(path, time=True, scene=series.scene)
    np.testing.assert_array_equal(found.data, one)
    assert found.frame_interval == pytest.approx(30.0)
    assert found.pixel_size == pytest.approx((0.5, 0.25, 0.25))
    found = read_image(path, scene=plane.scene)
    np.testing.assert_array_equal(found.data, one[0, :1, 0, ::-1])
    assert found.pixel_size == pytest.approx((0.25, 0.25))


@pytest.mark.parametrize("kind", ["czi", "lif", "nd2"])
def test_damaged(tmp_path: Path, kind: str) -> None:
    pytest.importorskip(f"bioio_{kind}")
    path = tmp_path / f"a.{kind}"
    path.write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(
        InputError, match=r"cannot be read|of a kind that no installed reader reads"
    ):
        read_image(path)


def test_other_kinds_are_refused_as_before(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_bytes(b"something")
    with pytest.raises(InputError, match="expected TIFF, PNG, JPEG or OME-Zarr"):
        read_image(path)
