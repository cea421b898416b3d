"""Labels of time series: of one file, of a file a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from label_files import in_files, ome_zarr, sidecar, tiff
from movies import movie, moving
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import (
    FileError,
    find_track_table,
    read_label_series,
    read_track_table,
)


def series() -> NDArray[np.int32]:
    return moving(4, 12, (20, 24), step=1)


@pytest.mark.parametrize("large", [False, True], ids=["memory", "file"])
def test_a_file_with_time(tmp_path: Path, large: bool) -> None:
    labels = series()
    volumes = np.stack([labels] * 3, 1)
    files = {
        tiff(tmp_path / "plain.tif", labels): "",
        tiff(tmp_path / "named.tif", labels, metadata={"axes": "TYX"}): "",
        tiff(tmp_path / "late.tif", labels.transpose(1, 2, 0)): "YXT",
        tiff(tmp_path / "slices.tif", labels, ome=True, metadata={"axes": "ZYX"}): "TYX",
        tiff(tmp_path / "both.tif", volumes, ome=True, metadata={"axes": "TZYX"}): "",
        tiff(tmp_path / "unknown.tif", volumes): "",
        ome_zarr(tmp_path / "o.zarr", labels, "TYX", scale=[1, 0.5, 0.5]): "",
    }
    with in_files(large):
        for path, axes in files.items():
            found = read_label_series([path], axes or None)
            want = volumes if path.stem in ("both", "unknown") else labels
            np.testing.assert_array_equal(np.asarray(found.data[5]), want[5], path.name)
            np.testing.assert_array_equal(np.asarray(found.data), want)
            assert found.data.shape == want.shape
    assert (found.pixel_size, found.unit, found.name) == ((0.5, 0.5), "um", "o")


def test_a_folder_of_one_file_is_that_file(tmp_path: Path) -> None:
    tiff(tmp_path / "movie.tif", series())
    found = read_label_series([tmp_path])
    assert (found.name, found.data.shape[0]) == ("movie", 12)


def test_a_file_a_frame_by_name(tmp_path: Path) -> None:
    labels = series()
    (tmp_path / "movie").mkdir()
    paths = [tiff(tmp_path / "movie" / f"t{t}.tif", frame) for t, frame in enumerate(labels)]
    sidecar(tmp_path / "movie" / "t0.json", pixel_size=[0.3, 0.3], unit="um")
    for given in ([tmp_path / "movie"], paths[::-1]):
        found = read_label_series(given)
        np.testing.assert_array_equal(np.asarray(found.data), labels)
        assert found.name == "movie"
        assert found.pixel_size == (0.3, 0.3)
    np.testing.assert_array_equal(found.data[2:9:3, 4, ::2], labels[2:9:3, 4, ::2])


def test_high_labels_and_masks(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    labels = movie({k: {0: (10 * k, 10), 1: (10 * k, 11)} for k in range(1, 5)})
    high = tiff(tmp_path / "high.tif", (labels * 2**29).astype(np.uint32))
    assert np.asarray(read_label_series([high], "TYX").data).max() == 2**31
    mask = tiff(tmp_path / "mask.tif", (labels > 0).astype(np.uint8) * 255)
    found = np.asarray(read_label_series([mask]).data)
    assert [len(np.unique(frame)) for frame in found] == [5, 5]
    assert len([r for r in caplog.records if "mask of a single value" in r.message]) == 1
    assert np.asarray(read_label_series([mask], tracked=True).data).max() == 255


def test_refuses(tmp_path: Path) -> None:
    labels = series()
    for name, array, axes, says in (
        ("flat", labels[0], None, "expected a time series, TYX or TZYX"),
        ("volume", labels, "ZYX", "if these are frames, set axes=TYX"),
        ("floats", labels + 0.5, None, "not whole"),
        ("axes", labels, "TZYX", "expected a time series"),
    ):
        path = tiff(tmp_path / f"{name}.tif", array, metadata=None)
        with pytest.raises(InputError) as raised:
            np.asarray(read_label_series([path], axes).data)
        assert says in str(raised.value), name
        assert str(path) in str(raised.value)
    path = tiff(tmp_path / "ome.tif", labels, ome=True, metadata={"axes": "ZYX"})
    with pytest.raises(FileError, match="set axes=TYX"):
        read_label_series([path])
    (tmp_path / "uneven").mkdir()
    tiff(tmp_path / "uneven" / "1.tif", labels[0])
    tiff(tmp_path / "uneven" / "2.tif", labels[0, :5])
    with pytest.raises(FileError, match=r"2\.tif has shape"):
        np.asarray(read_label_series([tmp_path / "uneven"]).data)


def test_tables_of_tracks(tmp_path: Path) -> None:
    assert find_track_table(tmp_path) is None
    path = tmp_path / "man_track.txt"
    path.write_text("1 0 3 0\n2\t4 5 1\n\n")
    assert find_track_table(tmp_path) == path
    assert read_track_table(path) == {1: (0, 3, 0), 2: (4, 5, 1)}
    for text, says in (
        ("1 0 3\n", "line 1: '1 0 3'; expected four"),
        ("1 0 x 0\n", "expected four whole numbers"),
        ("1 0 3 0\n1 4 5 0\n", "line 2: label 1 is there twice"),
        ("1 3 2 0\n", "not in order"),
        ("1 0 3 0\n2 3 5 1\n", "its parent 1 is unknown or ends later"),
        ("2 3 5 7\n", "its parent 7 is unknown"),
    ):
        path.write_text(text)
        with pytest.raises(FileError) as raised:
            read_track_table(path)
        assert says in str(raised.value)
