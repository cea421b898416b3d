"""Pixel sizes, from all metadata that may hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from label_files import numbers, tiff
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.files import read_image, read_pixel_size
from ome_files import ome, pixels, plane, write


def read_measured(path: Path) -> ImageData:
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
        ("\\u03BCm", "um"),
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


@pytest.mark.parametrize(
    ("facts", "resolution", "expected"),
    [
        ({"spacing": 0.3, "unit": "um"}, (10, 8), ((0.3, 0.125, 0.1), "um")),
        ({"spacing": 0.3, "unit": "um"}, (1, 1), ((0.3, None, None), "um")),
        ({"spacing": 0.3, "unit": "um"}, None, ((0.3, None, None), "um")),
        ({"unit": "nm"}, (0.01, 0.01), ((None, 100, 100), "nm")),
        ({"spacing": 0.3}, (10, 8), (None, None)),
        ({"spacing": "x", "unit": 3}, (10, 8), (None, None)),
    ],
)
def test_words_of_imagej_in_a_file_of_tifffile(
    tmp_path: Path, facts: dict[str, Any], resolution: Any, expected: tuple[Any, Any]
) -> None:
    """As it writes them where ``imagej=True`` is left out."""
    options: dict[str, Any] = {} if resolution is None else {"resolution": resolution}
    path = tmp_path / "a.tif"
    tiff(path, numbers((4, 6, 5)), metadata={"axes": "ZYX", **facts}, **options)
    found = read_measured(path)
    assert (found.pixel_size, found.unit) == expected


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
    options: dict[str, Any] = {"resolution": (40_000, 20_000), "resolutionunit": "centimeter"}
    found = read_measured(tiff(tmp_path / "a.tif", numbers((4, 6, 5)), **options))
    assert found.pixel_size is not None
    assert found.pixel_size[0] is None
    assert found.pixel_size[1:] == pytest.approx((0.5, 0.25))
    assert found.unit == "um"
    assert found.spacing == pytest.approx((1, 2, 1))


@pytest.mark.parametrize(
    ("facts", "expected", "unit"),
    [
        # ImageJ leaves out what is 1.
        ({"unit": "micron"}, (1, 0.125, 0.1), "um"),
        ({"unit": "\\u00B5m", "spacing": 0}, (1, 0.125, 0.1), "um"),
        ({"unit": "um", "spacing": -0.3}, (0.3, 0.125, 0.1), "um"),
        ({"unit": "um", "spacing": 500, "zunit": "nm"}, (0.5, 0.125, 0.1), "um"),
        ({"unit": "um", "spacing": 0.3, "yunit": "nm"}, (0.3, 0.000125, 0.1), "um"),
        ({"unit": "pixel", "spacing": 0.3}, (0.3, 0.125, 0.1), None),
        ({"spacing": 0.3}, (0.3, 0.125, 0.1), None),
        ({}, None, None),
    ],
)
def test_what_imagej_leaves_out(
    tmp_path: Path, facts: dict[str, Any], expected: tuple[float, ...] | None, unit: str | None
) -> None:
    text = "".join(f"{key}={value}\n" for key, value in facts.items())
    path = tmp_path / "a.tif"
    options: dict[str, Any] = {"resolution": (10, 8), "resolutionunit": "none", "metadata": None}
    description = f"ImageJ=1.54f\nimages=4\nslices=4\n{text}loop=false\n"
    found = read_measured(tiff(path, numbers((4, 6, 5)), description=description, **options))
    assert found.pixel_size == (expected and pytest.approx(expected))
    assert found.unit == unit


@pytest.mark.parametrize(
    ("unit", "resolution", "expected"),
    [
        ("nm", (0.01, 0.01), (None, 100, 100)),  # no slice is 1 nm thick
        ("mm", (4000, 4000), (None, 0.00025, 0.00025)),
        ("um", (0.5, 0.5), (1, 2, 2)),
        ("inch", (72, 72), (None, 1 / 72, 1 / 72)),
        ("inch", (254_000, 254_000), (None, 1 / 254_000, 1 / 254_000)),
        ("cm", (40_000, 40_000), (None, 1 / 40_000, 1 / 40_000)),
    ],
)
def test_a_distance_of_slices_that_was_never_measured(
    tmp_path: Path, unit: str, resolution: tuple[float, float], expected: tuple[Any, float, float]
) -> None:
    description = f"ImageJ=1.54f\nimages=4\nslices=4\nunit={unit}\nloop=false\n"
    options: dict[str, Any] = {"resolution": resolution, "metadata": None}
    options["resolutionunit"] = {"cm": "centimeter", "inch": "inch"}.get(unit, "none")
    path = tiff(tmp_path / "a.tif", numbers((4, 6, 5)), description=description, **options)
    found = read_measured(path)
    assert found.pixel_size is not None
    assert found.pixel_size[0] == expected[0]
    assert found.pixel_size[1:] == pytest.approx(expected[1:])
    assert found.unit == unit


@pytest.mark.parametrize(
    ("unit", "resolution", "expected"),
    [
        ("inch", 72, (0.5, None, None)),
        ("inch", 300, (0.5, None, None)),
        ("centimeter", 28.35, (0.5, None, None)),
        ("centimeter", 50_000, (0.5, 0.2, 0.2)),  # a measure of its own
        ("inch", 5, (0.5, 0.2, 0.2)),  # per micrometre: no screen is that coarse
        ("none", 72, (0.5, 1 / 72, 1 / 72)),
    ],
)
def test_a_resolution_that_was_set_after_imagej(
    tmp_path: Path, unit: str, resolution: float, expected: tuple[float | None, ...]
) -> None:
    description = "ImageJ=1.54f\nimages=4\nslices=4\nunit=um\nspacing=0.5\nloop=false\n"
    options: dict[str, Any] = {"resolution": (resolution,) * 2, "resolutionunit": unit}
    options |= {"metadata": None, "description": description}
    found = read_measured(tiff(tmp_path / "a.tif", numbers((4, 6, 5)), **options))
    assert found.unit == "um"
    for size, wanted in zip(found.pixel_size or (), expected, strict=True):
        assert size == (wanted and pytest.approx(wanted))


@pytest.mark.parametrize(
    ("facts", "expected", "unit"),
    [
        ('PhysicalSizeX="0.2" PhysicalSizeY="0.2"', (None, 0.2, 0.2), "um"),
        ('PhysicalSizeX="0,2" PhysicalSizeY="0,2" PhysicalSizeZ="-1"', (1, 0.2, 0.2), "um"),
        ('PhysicalSizeX="200" PhysicalSizeXUnit="nm" PhysicalSizeY="0.2"', (None, 200, 200), "nm"),
        ('PhysicalSizeX="0.2" PhysicalSizeY="0.2" PhysicalSizeZ="0"', (None, 0.2, 0.2), "um"),
        ('PhysicalSizeX="0.2" PhysicalSizeY="?" PhysicalSizeZ="1"', (1, None, 0.2), "um"),
        ("", None, None),
    ],
)
def test_what_ome_leaves_out(
    tmp_path: Path, facts: str, expected: tuple[float, ...] | None, unit: str | None
) -> None:
    planes = [plane({"Z": z}, z) for z in range(4)]
    xml = ome(pixels({"Z": 4}, (6, 5), planes, more=facts))
    found = read_measured(write(tmp_path / "a.ome.tif", numbers((4, 6, 5)), xml))
    assert (found.pixel_size, found.unit) == (expected, unit)
