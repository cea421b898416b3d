"""Sidecar files: whatever lies beside an image, it is read, with its size if that is understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from label_files import numbers, sidecar, tiff
from napari_spatial_embeddings.files import read_image, read_pixel_size
from napari_spatial_embeddings.files.sidecar import read_sidecar

SIZES = {"Z": 0.3, "Y": 0.2, "X": 0.1}


@pytest.mark.parametrize(
    "facts",
    [
        {"voxel_size_zyx_um": [0.3, 0.2, 0.1]},
        {"voxel_size_um_xyz": [0.1, 0.2, 0.3]},
        {"PixelSize": [0.3, 0.2, 0.1], "unit": "micrometer"},
        {"pixel_size_nm": [300, 200, 100]},
        {"pixel_size_unit": "um", "pixel_size": [0.3, 0.2, 0.1]},
        {"pixel_width_um": 0.1, "pixel_height_um": 0.2, "z_step": 0.3},
        {"voxelSize": {"x": 0.1, "y": 0.2, "z": 0.3, "unit": "micron"}},
        {"pixel_size_x": 0.1, "pixel_size_y": 0.2, "pixel_size_z": 0.3, "unit": "um"},
        {
            "PhysicalSizeX": 0.1,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": 200,
            "PhysicalSizeYUnit": "nm",
            "PhysicalSizeZ": 0.3,
            "PhysicalSizeZUnit": "micrometer",
        },
        {"pixel_width": "0.1 um", "pixel_height": "0.2 um", "voxel_depth": "300 nm"},
        {"pixel_size_um": {"x": 0.1, "y": 0.2}, "z-step_um": 0.3},
        {"voxel_size_um": {"x": 0.1, "y": 0.2, "z": None}, "z_step": "0.3 µm/px"},
    ],
)
@pytest.mark.parametrize("where", ["beside", "above"])
def test_a_size_under_any_key(tmp_path: Path, facts: dict[str, Any], where: str) -> None:
    (tmp_path / "images").mkdir()
    path = tiff(tmp_path / "images" / "a.ome.tif", numbers((4, 6, 5)), metadata={"axes": "ZYX"})
    sidecar(tmp_path / ("images" if where == "beside" else "") / "a.json", other=1, **facts)
    found = read_image(path)
    scale = {"um": 1, "nm": 1000}[found.unit or ""]
    assert found.pixel_size == pytest.approx([scale * s for s in SIZES.values()])
    assert read_pixel_size(path, "ZYX") == (found.pixel_size, found.unit)


def test_a_path_that_is_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images").mkdir()
    sidecar(tmp_path / "a.json", pixel_size_um=0.5)
    monkeypatch.chdir(tmp_path / "images")
    assert read_sidecar(Path("a.tif"))["X"] == (0.5, "um")


def test_one_number_for_all_axes(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", numbers((6, 5)))
    for value in (0.5, [0.5], "0.5", {"value": 0.5}):
        sidecar(tmp_path / "a.json", pixel_size_um=value)
        assert read_image(path).pixel_size == (0.5, 0.5)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_encoding(tmp_path: Path, encoding: str) -> None:
    """Notepad and PowerShell write a byte order mark, or UTF-16."""
    text = json.dumps({"pixel_size": 0.5, "unit": "µm"}, ensure_ascii=False)
    (tmp_path / "a.json").write_text(text, encoding)
    assert read_sidecar(tmp_path / "a.tif")["X"] == (0.5, "um")


@pytest.mark.parametrize(
    "value",
    [[0.3, 0.1], [0.3, 0, 0.1], "small", [0.3, None, 0.1], [], 0, None, True, {"x": -1}, 10**400],
)
def test_a_size_that_makes_no_sense_is_left_out(
    tmp_path: Path, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The image keeps the size of its own file, and other keys count."""
    options: dict[str, Any] = {"resolution": (4, 4), "metadata": {"unit": "um"}, "imagej": True}
    path = tiff(tmp_path / "a.tif", numbers((6, 5)), **options)
    sidecar(tmp_path / "a.json", voxel_size_zyx_um=value, Exposure=20)
    assert read_image(path).pixel_size == (0.25, 0.25)
    (sentence,) = caplog.messages
    assert "a.json: 'voxel_size_zyx_um' is " in sentence
    assert "not used; expected such as" in sentence
    sidecar(tmp_path / "a.json", voxel_size_zyx_um=value, pixel_size_um=0.5)
    assert read_image(path).pixel_size == (0.5, 0.5)


@pytest.mark.parametrize(
    ("content", "warns"),
    [
        (b"{", True),
        (b"\xff\xfe\x00", True),
        (b"", True),
        (b"[" * 100_000, True),
        (b"[1, 2]", False),
        (b'{"shapes": [], "imageData": null}', False),
        (b'{"pixels": 3, "size": 7}', False),
    ],
)
def test_files_of_other_programs(
    tmp_path: Path, content: bytes, warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    path = tiff(tmp_path / "a.tif", numbers((6, 5)))
    (tmp_path / "a.json").write_bytes(content)
    assert read_image(path).pixel_size is None
    assert len(caplog.messages) == warns
    assert all("a.json cannot be read as JSON" in sentence for sentence in caplog.messages)
