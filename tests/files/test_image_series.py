"""Time series as images: their axes, frames, pixel size and time between frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from label_files import in_files, numbers, ome_zarr, tiff
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import read_image

SHAPES = {"TYX": (6, 20, 24), "TCYX": (6, 2, 20, 24), "TZYX": (6, 5, 20, 24)}
SHAPES["TCZYX"] = (6, 2, 5, 20, 24)


@pytest.mark.parametrize("large", [False, True], ids=["memory", "file"])
@pytest.mark.parametrize("axes", SHAPES)
def test_formats(tmp_path: Path, axes: str, large: bool) -> None:
    array = numbers(SHAPES[axes])
    resolution: dict[str, object] = {"resolution": (2, 2)}
    imagej = {"axes": axes, "unit": "um", "spacing": 0.5, "finterval": 30.0}
    swapped = array.swapaxes(1, 2) if axes == "TCZYX" else array  # ImageJ has them as TZCYX
    stored = "TZCYX" if axes == "TCZYX" else axes
    ome = {f"PhysicalSize{a}": 0.5 for a in "ZYX"} | {f"PhysicalSize{a}Unit": "µm" for a in "ZYX"}
    ome |= {"axes": axes, "TimeIncrement": 0.5, "TimeIncrementUnit": "min"}
    scale = [0.5 if a in "ZYX" else 30.0 if a == "T" else 1.0 for a in axes]
    paths = [
        tiff(
            tmp_path / "i.tif",
            swapped,
            imagej=True,
            metadata=imagej | {"axes": stored},
            **resolution,
        ),
        tiff(tmp_path / "o.ome.tif", array, ome=True, metadata=ome),
        ome_zarr(tmp_path / "z.zarr", array, axes, scale=scale),
    ]
    if not large:
        paths.append(tiff(tmp_path / "named.tif", array, metadata={"axes": axes}))
    want = array if "C" in axes else array[:, None]
    with in_files(large):
        for path in paths:
            found = read_image(path, time=True)
            assert found.axes == "".join(a for a in "TCZYX" if a in axes or a == "C")
            np.testing.assert_array_equal(np.asarray(found.data), want, path.name)
            np.testing.assert_array_equal(np.asarray(found.frame(4).data), want[4])
            assert (found.frames, found.shape) == (6, want.shape[2:])
            if path.stem != "named":
                assert found.pixel_size == pytest.approx((0.5,) * found.ndim)
                assert found.unit == "um"
            if path.suffix != ".zarr" and path.stem != "named":
                assert found.frame_interval == 30
            with pytest.raises(InputError, match="is a time series of 6 frames"):
                read_image(path)


def test_a_time_without_a_unit_is_none(tmp_path: Path) -> None:
    path = ome_zarr(tmp_path / "z.zarr", numbers(SHAPES["TYX"]), "TYX", scale=[30, 1, 1])
    assert read_image(path, time=True).frame_interval is None


def test_axes_that_are_given(tmp_path: Path) -> None:
    array = numbers((5, 20, 24))
    path = tiff(tmp_path / "a.tif", array)
    assert read_image(path, time=True).axes == "CZYX"
    found = read_image(path, "TYX", time=True)
    np.testing.assert_array_equal(np.asarray(found.data)[:, 0], array)
    late = tiff(tmp_path / "late.tif", array.transpose(1, 2, 0))
    np.testing.assert_array_equal(np.asarray(read_image(late, "yxt", time=True).data), found.data)
    chosen = tiff(tmp_path / "c.tif", numbers((5, 3, 20, 24)), metadata={"axes": "TCYX"})
    assert read_image(chosen, channels=[2, 0], time=True).data.shape == (5, 2, 20, 24)
    assert read_image(chosen, "TZYX", time=True).axes == "TCZYX"
    with pytest.raises(InputError, match="Y and X, and perhaps Z and C, each once"):
        read_image(path, "TYX")
    with pytest.raises(InputError, match="perhaps Z, C and T, each once"):
        read_image(path, "QYX", time=True)


def test_a_single_frame_is_an_image(tmp_path: Path) -> None:
    array = numbers((1, 20, 24))
    path = tiff(tmp_path / "a.ome.tif", array, ome=True, metadata={"axes": "TYX"})
    for given in (None, "TYX"):
        found = read_image(path, given, time=True)
        assert (found.axes, found.frames, found.frame_interval) == ("CYX", None, None)


def test_slices_that_are_seconds_apart(tmp_path: Path) -> None:
    """As ImageJ saves a movie whose stack was never said to be one."""
    facts = {"axes": "ZYX", "unit": "um", "spacing": 12.0, "zunit": "sec"}
    path = tiff(tmp_path / "a.tif", numbers((6, 20, 24)), imagej=True, metadata=facts)
    found = read_image(path, time=True)
    assert (found.axes, found.frame_interval) == ("TCYX", 12.0)


def test_a_time_beside_a_resolution(tmp_path: Path) -> None:
    """OME-XML that knows how long a frame takes and not how large a pixel is."""
    times = {"axes": "TYX", "TimeIncrement": 2.0, "TimeIncrementUnit": "min"}
    how = {"ome": True, "metadata": times, "resolution": (25400, 25400), "resolutionunit": "INCH"}
    found = read_image(tiff(tmp_path / "a.ome.tif", numbers((3, 8, 9)), **how), time=True)
    assert (found.pixel_size, found.unit) == ((1.0, 1.0), "um")
    assert found.frame_interval == 120
