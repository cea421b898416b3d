"""Results take the place of results, and of nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from builders import capsules
from label_files import ome_zarr, tiff
from movies import detections, movie
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.export.label_series import label_series, write_frames
from napari_spatial_embeddings.export.labels import write_labels
from napari_spatial_embeddings.export.large_tiff import write_large_tiff
from napari_spatial_embeddings.export.places import check_folder, check_place, results_beside
from napari_spatial_embeddings.export.tracks import TRACK_FORMATS, write_tracks
from napari_spatial_embeddings.files import FileError, find_images
from napari_spatial_embeddings.tracking.tracks import tracks_of_ids

LABELS = capsules((40, 50)).astype(np.uint16)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
@pytest.mark.parametrize("high", [False, True])
def test_what_was_written_is_replaced(tmp_path: Path, name: str, *, high: bool) -> None:
    labels = LABELS.astype(np.uint32) * 70_000 if high else LABELS
    path = write_labels(tmp_path / name, labels)
    check_place(path)
    check_place(write_large_tiff(tmp_path / f"large_{name}", labels, None, None, {}))
    series = np.stack([labels] * 3)
    check_place(write_frames(tmp_path / f"s_{name}", series, series.shape, int(series.max())))


def test_a_series_as_zarr_is_replaced(tmp_path: Path) -> None:
    image = ImageData(np.stack([LABELS] * 2)[:, None], "TCYX", None, None, "a")
    with label_series(tmp_path / "a.zarr", image, (1, 1), {}) as add:
        add(0, LABELS)
    check_place(tmp_path / "a.zarr")


def test_others_are_not(tmp_path: Path) -> None:
    check_place(tmp_path / "nothing.tif")
    image = ome_zarr(tmp_path / "a.zarr", np.ones((40, 40), np.uint8), "YX")
    ome_zarr(image / "labels/theirs", np.ones((40, 40), np.uint8), "YX")
    text = tmp_path / "text.tif"
    text.write_text("seed_threshold napari-spatial-embeddings")
    empty = tmp_path / "empty"
    empty.mkdir()
    plain = tiff(tmp_path / "plain.tif", LABELS)
    imagej = tiff(tmp_path / "j.tif", LABELS, imagej=True, metadata={"Info": "of a microscope"})
    for path in (image, image / "labels/theirs", text, empty, plain, imagej):
        with pytest.raises(FileError, match="not written by this program"):
            check_place(path)
    check_place(image / "labels/ours")


def test_results_lie_in_no_zarr(tmp_path: Path) -> None:
    image = ome_zarr(tmp_path / "plate.zarr/A/1/0", np.ones((40, 40), np.uint8), "YX")
    for folder in (image, image / "labels", image / "0/deep", tmp_path / "plate.zarr"):
        with pytest.raises(FileError, match=r"plate\.zarr, which holds nothing but its arrays"):
            check_folder(folder)
    check_folder(tmp_path / "results")
    assert results_beside(image) == tmp_path / "results"
    assert results_beside(tmp_path / "in/a.tif") == tmp_path / "in/results"


def test_results_may_lie_below_stray_metadata(tmp_path: Path) -> None:
    """As napari-ome-zarr leaves it: in `findings/`."""
    results = tmp_path / "results"
    zarr.open_group(tmp_path, mode="a")
    ome_zarr(tmp_path / "raw", np.ones((40, 40), np.uint8), "YX")
    with pytest.raises(FileError, match="which holds nothing but its arrays"):
        check_folder(results)
    results.mkdir()
    check_folder(results)
    image = write_labels(tmp_path / "a.tif", LABELS)
    assert results_beside(image) == results
    assert find_images([tmp_path]) == [image]
    (tmp_path / "zarr.json").write_text('{"node_type": "group", "attributes": {"ome": {}}}')
    with pytest.raises(FileError, match="which holds nothing but its arrays"):
        check_folder(results)


@pytest.mark.parametrize("kind", TRACK_FORMATS)
def test_tracks_take_the_place_of_tracks_alone(tmp_path: Path, kind: str) -> None:
    labels = movie({1: {0: (20, 20), 1: (20, 24)}})
    tracks = tracks_of_ids(detections(labels))
    for _ in range(2):
        path = write_tracks(kind, tmp_path, "a", labels, tracks)
    if kind == "ctc":
        (path / "notes.txt").write_text("mine")
        with pytest.raises(FileError, match="holds no tracks alone"):
            write_tracks(kind, tmp_path, "a", labels, tracks)
        assert (path / "notes.txt").read_text() == "mine"
    if kind == "labels":
        tifffile.imwrite(path, labels)
        before = path.read_bytes()
        with pytest.raises(FileError, match="not written by this program"):
            write_tracks(kind, tmp_path, "a", labels, tracks)
        assert path.read_bytes() == before
