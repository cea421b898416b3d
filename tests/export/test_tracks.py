"""Exports of tracks, each read back by the reference reader of its format."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import geff
import numpy as np
import pytest
import tifffile
import zarr
from ctc_metrics import validate_sequence
from ctc_metrics.utils.filesystem import parse_masks, read_tracking_file
from geff.core_io import read_to_memory
from geff.validate.data import ValidationConfig, validate_data
from numpy.typing import NDArray

from movies import detections, movie, partition
from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.export.track_files.ctc import write_ctc
from napari_spatial_embeddings.export.track_files.geff_file import write_geff
from napari_spatial_embeddings.export.tracks import (
    TRACK_FORMATS,
    tracks_record,
    write_label_series,
    write_tracks,
    write_tracks_csv,
)
from napari_spatial_embeddings.files import (
    FileError,
    read_label_series,
    read_settings,
    read_track_table,
)
from napari_spatial_embeddings.files.maps import KEY
from napari_spatial_embeddings.tracking.tracks import Tracks, tracks_of_ids

MADE = tracks_record({"labels": "a.tif", "model": "m"}, TrackingSettings(max_gap=3), 2)
"""What every file is to keep of how its tracks were made."""


def family(depth: bool = False) -> tuple[NDArray[np.int32], Tracks]:
    """A mother with a gap, two daughters, one of which has a high id; an empty frame at the end."""
    z = (5,) if depth else ()
    spots = {
        1: {0: (*z, 20, 20), 2: (*z, 20, 21)},
        2: {3: (*z, 20, 14), 4: (*z, 20, 12)},
        70_000: {3: (*z, 20, 28)},
        5: {1: (*z, 40, 40), 2: (*z, 40, 41), 3: (*z, 40, 41)},
    }
    labels = movie(spots, (10, 48, 56) if depth else (48, 56), frames=6)
    return labels, tracks_of_ids(detections(labels), {2: 1, 70_000: 1})


@pytest.mark.parametrize("depth", [False, True], ids=["2D", "3D"])
def test_ctc(tmp_path: Path, depth: bool, capsys: pytest.CaptureFixture[str]) -> None:
    labels, tracks = family(depth)
    folder = write_ctc(tmp_path / "01_RES", labels, tracks, MADE)
    with pytest.warns(UserWarning, match="Empty frame 5"):
        assert validate_sequence(str(folder), threads=1)["Valid"] == 1
    capsys.readouterr()
    assert read_tracking_file(str(folder / "res_track.txt")).tolist() == [
        [1, 0, 0, 0],
        [2, 1, 3, 0],
        [3, 2, 2, 1],
        [4, 3, 4, 3],
        [5, 3, 3, 3],
    ]
    masks = [tifffile.imread(path) for path in parse_masks(str(folder))]
    assert [mask.dtype for mask in masks] == [np.uint16] * 6
    assert [path.name for path in sorted(folder.iterdir())][:2] == ["mask000.tif", "mask001.tif"]
    for mask, frame in zip(masks, tracks.without_gaps().relabelled(labels), strict=True):
        np.testing.assert_array_equal(mask, frame)
    table = read_track_table(folder / "res_track.txt")
    assert table[5] == (3, 3, 3)
    series = read_label_series([folder], tracked=True)
    assert series.data.shape == labels.shape


@pytest.mark.parametrize("slices", [3, 4])
def test_ctc_has_slices_and_no_colours(tmp_path: Path, slices: int) -> None:
    labels = movie({1: {0: (1, 20, 20), 1: (1, 20, 24)}}, (slices, 48, 56))
    folder = write_ctc(tmp_path / "a", labels, tracks_of_ids(detections(labels)))
    for path, frame in zip(sorted(folder.glob("*.tif")), labels, strict=True):
        with tifffile.TiffFile(path) as file:
            kinds = {page.aspage().photometric for page in file.pages}
            assert (kinds, len(file.pages)) == ({tifffile.PHOTOMETRIC.MINISBLACK}, slices)
        np.testing.assert_array_equal(tifffile.imread(path), frame)
    assert read_label_series([folder], tracked=True).data.shape == labels.shape


def test_ctc_of_many_ids_and_many_frames(tmp_path: Path) -> None:
    labels = np.zeros((2, 260, 260), np.int32)
    labels[:] = np.arange(1, 260**2 + 1).reshape(260, 260)
    labels[1, 0] = 0
    folder = write_ctc(tmp_path / "a", labels, tracks_of_ids(detections(labels)))
    masks = [tifffile.imread(path) for path in parse_masks(str(folder))]
    assert [mask.dtype for mask in masks] == [np.uint32] * 2
    np.testing.assert_array_equal(np.stack(masks), labels)
    # An older result is replaced as a whole, and longer series have longer names.
    labels = np.zeros((1001, 2, 2), np.int32)
    labels[-1] = 3
    write_ctc(folder, labels, tracks_of_ids(detections(labels)))
    assert len([*folder.iterdir()]) == 1002
    assert (folder / "mask1000.tif").is_file()
    assert (folder / "res_track.txt").read_text() == "1 1000 1000 0\n"


def test_nothing_else_is_replaced(tmp_path: Path) -> None:
    labels, tracks = family()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("dear")
    with pytest.raises(FileError, match="holds no tracks"):
        write_ctc(tmp_path / "mine", labels, tracks)
    with pytest.raises(FileError, match="holds no graph"):
        write_geff(tmp_path / "mine", tracks)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_csv(tmp_path: Path) -> None:
    labels, tracks = family()
    path = write_tracks_csv(tmp_path / "t.csv", tracks, (0.5, 0.25), "um")
    rows = [*csv.DictReader(path.read_text().splitlines())]
    assert [*rows[0]] == [
        *("track", "parent", "frame", "label", "centre_y_px", "centre_x_px"),
        *("centre_y_um", "centre_x_um", "size_px"),
    ]
    assert [(r["track"], r["parent"], r["frame"]) for r in rows] == [
        *(("1", "", "0"), ("1", "", "2"), ("2", "1", "3"), ("2", "1", "4")),
        *(("5", "", "1"), ("5", "", "2"), ("5", "", "3"), ("70000", "1", "3")),
    ]
    assert (rows[1]["centre_y_px"], rows[1]["centre_x_um"]) == ("20", "5.25")
    for row in rows:
        assert (labels[int(row["frame"])] == int(row["label"])).sum() == int(row["size_px"])


@pytest.mark.parametrize("depth", [False, True], ids=["2D", "3D"])
def test_geff(tmp_path: Path, depth: bool) -> None:
    labels, tracks = family(depth)
    size = (0.5, 0.25, 0.25)[not depth :]
    for _ in range(2):  # an older one is replaced
        path = write_geff(tmp_path / "t.geff", tracks, size, "um", MADE)
    geff.validate_structure(path)
    graph, metadata = geff.read(path)
    validate_data(read_to_memory(path), ValidationConfig(graph=True))
    axes = [(a.name, a.type, a.unit) for a in metadata.axes or ()]
    space = [(axis, "space", "micrometer") for axis in ("zyx" if depth else "yx")]
    assert axes == [("t", "time", "frame"), *space]
    found = tracks.detections
    assert sorted(graph.nodes) == list(range(1, len(found) + 1))
    for i, node in graph.nodes.items():
        here = labels[node["t"]] == node["label"]
        assert here.sum() == node["size_px"]
        centre = np.argwhere(here).mean(0) * size
        np.testing.assert_allclose([node[axis] for axis, *_ in space], centre)
        assert node["seg_id"] == node["track"] == tracks.track[i - 1]
    place = {i: (node["t"], node["label"]) for i, node in graph.nodes.items()}
    assert {(place[a], place[b]) for a, b in graph.edges} == {
        *(((0, 1), (2, 1)), ((2, 1), (3, 2)), ((2, 1), (3, 70_000)), ((3, 2), (4, 2))),
        *(((1, 5), (2, 5)), ((2, 5), (3, 5))),
    }


def test_geff_of_nothing_and_of_unknown_sizes(tmp_path: Path) -> None:
    labels = np.zeros((2, 8, 8), np.int32)
    path = write_geff(tmp_path / "t.geff", tracks_of_ids(detections(labels)), (None, 0.5), "um")
    graph, metadata = geff.read(path)
    assert len(graph) == 0
    assert [a.unit for a in metadata.axes or ()] == ["frame", "pixel", "pixel"]


@pytest.mark.parametrize("depth", [False, True], ids=["2D", "3D"])
def test_label_series(tmp_path: Path, depth: bool) -> None:
    labels, tracks = family(depth)
    size = (2.0, 0.5, 0.5)[not depth :]
    path = write_label_series(tmp_path / "t.ome.tif", labels, tracks, size, "um")
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert file.series[0].axes == ("TZYX" if depth else "TYX")
        assert file.series[0].dtype == np.uint32
    series = read_label_series([path], tracked=True)
    assert (series.pixel_size, series.unit, series.name) == (size, "um", "t")
    np.testing.assert_array_equal(np.asarray(series.data), labels)
    again = tracks_of_ids(detections(np.asarray(series.data)))
    assert partition(again, labels) == partition(tracks, labels)


@pytest.mark.parametrize("kind", TRACK_FORMATS)
def test_every_file_has_the_record(tmp_path: Path, kind: str) -> None:
    labels, tracks = family()
    for _ in range(2):  # its own files are replaced
        path = write_tracks(kind, tmp_path, "t", labels, tracks, made=MADE)
    if kind == "csv":
        found = json.loads(path.with_name("t.tracks.csv.json").read_text())[KEY]
    elif kind == "geff":
        found = zarr.open_group(path, mode="r").attrs[KEY]
    else:
        files = sorted(path.glob("*.tif")) if kind == "ctc" else [path]
        (found,) = {json.dumps(read_settings(file)): None for file in files}
        found = json.loads(found)
    assert found == MADE
    assert (found["model"], found["corrected_links"]) == ("m", 2)
    assert found["tracking"]["max_gap"] == 3
    assert {"version", "versions", "date"} <= found.keys()


def test_a_record_of_another_origin_is_kept(tmp_path: Path) -> None:
    labels, tracks = family()
    (tmp_path / "t.tracks.csv.json").write_text("{}")
    with pytest.raises(FileError, match="was not written by this program"):
        write_tracks("csv", tmp_path, "t", labels, tracks, made=MADE)
    assert [path.name for path in tmp_path.iterdir()] == ["t.tracks.csv.json"]
