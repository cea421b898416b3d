"""Label images come back as they were written, and other programs understand them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from napari_spatial_embeddings.export import write_labels
from napari_spatial_embeddings.files import FileError, read_image, read_labels, read_settings

NAMES = ["a.tif", "a.ome.tif"]
SETTINGS = {"model": "µ-net", "clustering": {"seed_threshold": 0.5}}


@given(
    labels=npst.arrays(
        st.sampled_from(["uint8", "int32", "int64", "uint32"]),
        npst.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=5),
        elements=st.integers(0, 100),
    ),
    highest=st.sampled_from([0, 1, 255, 65_535, 65_536, 2**32 - 1]),
    name=st.sampled_from(NAMES),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, labels: NDArray[Any], highest: int, name: str
) -> None:
    if highest > np.iinfo(labels.dtype).max:
        labels = labels.astype(np.int64)
    labels.flat[0] = highest
    path = write_labels(tmp_path_factory.getbasetemp() / name, labels)
    axes = "ZYX"[-labels.ndim :]
    found = read_labels(path, axes)
    np.testing.assert_array_equal(found, labels)
    assert found.dtype == (np.uint16 if labels.max() <= 65_535 else np.uint32)
    if min(labels.shape) > 1:
        np.testing.assert_array_equal(read_labels(path), labels)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("highest", [9, 70_000])
@pytest.mark.parametrize("size", [(0.25, 0.127), (0.28371839, 0.12756972, 0.12756972)])
@pytest.mark.parametrize("unit", ["um", "nm", "mm", "inch", None])
def test_pixel_size(
    tmp_path: Path, name: str, highest: int, size: tuple[float, ...], unit: str | None
) -> None:
    labels = np.full((4, 6, 5)[-len(size) :], highest, np.int32)
    found = read_image(write_labels(tmp_path / name, labels, size, unit))
    assert found.unit == unit
    assert found.pixel_size == pytest.approx(size, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("highest", [9, 70_000])
def test_slices_of_unknown_distance(tmp_path: Path, name: str, highest: int) -> None:
    labels = np.full((4, 6, 5), highest, np.int32)
    path = write_labels(tmp_path / name, labels, (None, 0.5, 0.25), "um")
    found = read_image(path)
    with tifffile.TiffFile(path) as file:
        # ImageJ knows no unknown distance.
        depth = None if file.imagej_metadata is None else 0.25
    assert (found.pixel_size, found.unit) == ((depth, 0.5, 0.25), "um")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("highest", [9, 70_000])
def test_compressed_with_its_settings(tmp_path: Path, name: str, highest: int) -> None:
    labels = np.zeros((3, 200, 200), np.int32)
    labels[:, 50:100, 50:100] = highest
    path = write_labels(tmp_path / name, labels, (2, 1, 1), "um", SETTINGS)
    assert path.stat().st_size < 6000
    with tifffile.TiffFile(path) as file:
        assert file.pages.first.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        if file.ome_metadata:
            note = ET.fromstring(file.ome_metadata).find(".//{*}MapAnnotation/{*}Value/{*}M")
            assert note is not None
            assert json.loads(note.text or "") == SETTINGS
        elif file.imagej_metadata:
            assert json.loads(file.imagej_metadata["Info"]) == SETTINGS
        else:
            assert file.shaped_metadata is not None
            assert file.shaped_metadata[0]["settings"] == SETTINGS


def test_imagej_knows_slices_from_channels(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "a.tif", np.ones((4, 6, 5), np.int32), (0.3, 0.1, 0.1), "um")
    with tifffile.TiffFile(path) as file:
        facts = file.imagej_metadata
        assert facts is not None
        assert (facts["slices"], facts["spacing"], facts["unit"]) == (4, 0.3, "um")


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.ones((6, 5), np.float32), "expected whole numbers"),
        (np.ones((2, 2, 6, 5), np.int32), "2D or 3D"),
        (np.full((6, 5), -1, np.int32), "labels from -1 to -1; expected 0 to"),
        (np.full((6, 5), 2**32, np.int64), "expected 0 to 4294967295"),
    ],
)
def test_what_is_no_label_image(tmp_path: Path, labels: NDArray[Any], says: str) -> None:
    path = write_labels(tmp_path / "a.tif", np.ones((2, 2), np.int32))
    with pytest.raises(FileError, match=says):
        write_labels(path, labels)
    np.testing.assert_array_equal(read_labels(path), 1)


def test_makes_its_folder_but_not_over_a_file(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "new" / "folder" / "a.tif", np.ones((2, 2), np.int32))
    assert path.is_file()
    with pytest.raises(FileError, match="cannot be written"):
        write_labels(path / "a.tif", np.ones((2, 2), np.int32))


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """The system really refuses: files of this process may hold 4 kB at most."""
    path = write_labels(tmp_path / "a.tif", np.ones((2, 2), np.int32))
    script = f"""
import resource, signal
import numpy as np
from napari_spatial_embeddings.export import write_labels
from napari_spatial_embeddings.files import FileError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
labels = np.random.default_rng(0).integers(0, 60_000, (300, 300))
try:
    write_labels({str(path)!r}, labels)
except FileError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "a.tif cannot be written: File too large" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    np.testing.assert_array_equal(read_labels(path), 1)


@pytest.mark.parametrize("shape", [(6, 5), (4, 6, 5), (1, 6, 5)])
@pytest.mark.parametrize("highest", [200, 70_000])
@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
def test_settings_come_back(
    tmp_path: Path, name: str, highest: int, shape: tuple[int, ...]
) -> None:
    """The file of a result holds how it was made."""
    settings = {"model": "mödel", "clustering": {"margin_factor": 1.5}}
    path = write_labels(tmp_path / name, np.full(shape, highest, np.int32), settings=settings)
    assert read_settings(path) == settings
    assert read_settings(write_labels(path, np.zeros(shape, np.int32))) == {}
