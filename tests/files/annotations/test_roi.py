"""ROIs of ImageJ and Fiji."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import roifile
from hypothesis import given

from napari_spatial_embeddings.files.annotations.fit_outlines import fit_outlines
from napari_spatial_embeddings.files.annotations.outlines import Outlines
from napari_spatial_embeddings.files.annotations.roi import is_roi_set, read_rois
from napari_spatial_embeddings.files.annotations.target import Fitted, Target
from napari_spatial_embeddings.files.errors import FileError
from outlined import Labels, contours, label_images, objects, roi, write_rois
from strategies import few


def rings_of(mask: np.ndarray) -> list[np.ndarray]:
    return contours(mask)


def fitted(found: Outlines, *shape: int, frames: int | None = None) -> Fitted:
    return fit_outlines(found, Target("cells", shape, frames), "set.zip")


def save(folder: Path, *rois: roifile.ImagejRoi) -> Path:
    return write_rois(folder / "RoiSet.zip", list(rois))


SQUARE = [np.array([[1.0, 1], [3, 1], [3, 3], [1, 3]])]


@few
@given(label_images().filter(np.any))
def test_outlines_come_back_with_holes_and_pieces(labels: Labels) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rois = [roi(contours(mask), f"c{n}") for n, mask in objects(labels).items()]
        found = read_rois(save(Path(folder), *rois))
    masks = objects(labels)
    # Ids are the order: names are the user's own.
    expected = sum((mask * k for k, mask in enumerate(masks.values(), 1)), np.zeros_like(labels))
    np.testing.assert_array_equal(fitted(found, *labels.shape).labels, expected)
    assert list(found.names.values()) == [f"c{n}" for n in masks]


def test_labels_and_classes_are_properties(tmp_path: Path) -> None:
    one = roi(SQUARE, "a", {"label": 12, "class": "large"}, z=1)
    two = roi(SQUARE, "b", {"label": 12, "class": "large"}, z=2)
    other = roi([SQUARE[0] + 4], "c", z=2)
    found = read_rois(save(tmp_path, one, two, other))
    assert {x.label for x in found.pieces} == {12, 13}
    assert found.classes == {12: "large"}
    labels = fitted(found, 2, 8, 8).labels
    assert [np.unique(plane).tolist() for plane in labels] == [[0, 12], [0, 12, 13]]


def test_groups_are_classes_where_there_are_several(tmp_path: Path) -> None:
    one, two = roi(SQUARE, "a"), roi([SQUARE[0] + 4], "b")
    one.group = two.group = 1
    assert not read_rois(save(tmp_path, one, two)).classes
    two.group = 3
    assert read_rois(save(tmp_path, one, two)).classes == {1: "group 1", 2: "group 3"}


def test_labels_that_count_anew_in_each_frame_are_told_apart(tmp_path: Path) -> None:
    one = roi(SQUARE, "a", {"label": 1, "class": "x"}, t=1)
    two = roi(SQUARE, "b", {"label": 1, "class": "y"}, t=2)
    found = fitted(read_rois(save(tmp_path, one, two)), 5, 5, frames=2)
    assert [frame.max() for frame in found.labels] == [1, 2]
    assert found.classes == {1: "x", 2: "y"}
    two.properties = {"label": 1, "class": "x"}
    found = fitted(read_rois(save(tmp_path, one, two)), 5, 5, frames=2)
    assert [frame.max() for frame in found.labels] == [1, 1]


def test_rectangles_and_ovals_are_their_bounds(tmp_path: Path) -> None:
    box, oval, half = (roifile.ImagejRoi() for _ in range(3))
    box.roitype, oval.roitype = roifile.ROI_TYPE.RECT, roifile.ROI_TYPE.OVAL
    box.top, box.left, box.bottom, box.right = 1, 2, 4, 8
    oval.top, oval.left, oval.bottom, oval.right = 10, 0, 20, 10
    half.roitype = roifile.ROI_TYPE.RECT
    half.options = roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION
    half.version = 228
    half.xd, half.yd, half.widthd, half.heightd = 12.4, 12.4, 2.0, 3.0
    for n, one in enumerate((box, oval, half)):
        one.name = f"r{n}"
    labels = fitted(read_rois(save(tmp_path, box, oval, half)), 24, 24).labels
    assert (labels[1:4, 2:8] == 1).all()
    assert (labels == 1).sum() == 18
    y, x = np.indices(labels.shape)
    np.testing.assert_array_equal(labels == 2, np.hypot(y - 14.5, x - 4.5) < 5)
    assert np.argwhere(labels == 3).min(0).tolist() == [12, 12]
    assert (labels == 3).sum() == 6


def test_bounds_of_outlines_do_not_count(tmp_path: Path) -> None:
    one = roi(SQUARE, "a")
    one.top, one.left, one.bottom, one.right = 90, 90, 95, 95
    assert fitted(read_rois(save(tmp_path, one)), 5, 5).labels.sum() == 4


def test_points_are_dots(tmp_path: Path) -> None:
    points = roi([np.array([[1.5, 2.5], [3.0, 0.0], [90, 90]])], "p")
    points.roitype = roifile.ROI_TYPE.POINT
    found = fitted(read_rois(save(tmp_path, points)), 4, 5)
    assert np.argwhere(found.labels).tolist() == [[0, 3], [2, 1]]
    assert found.scribbled
    assert found.objects == 2
    assert any("outside" in note for note in found.notes)
    both = fitted(read_rois(save(tmp_path, points, roi(SQUARE, "a"))), 5, 5)
    assert not both.scribbled
    assert both.objects == 1
    assert both.notes == ("3 points left out, as there are outlines",)


def test_lines_and_texts_are_counted(tmp_path: Path) -> None:
    line, text = roi(SQUARE, "l"), roi(SQUARE, "t")
    line.roitype = roifile.ROI_TYPE.FREELINE
    text.roitype = roifile.ROI_TYPE.RECT
    text.subtype = roifile.ROI_SUBTYPE.TEXT
    text.version = 218
    text.text_name, text.text, text.text_size = "Arial", "ab", 12
    found = read_rois(save(tmp_path, line, roi(SQUARE, "a"), text))
    assert found.notes == ("1 line left out", "1 text left out")
    assert len(found.pieces) == 1


@pytest.mark.parametrize(
    ("shape", "frames", "place", "expected"),
    [
        ((4, 8, 8), None, {"position": 3}, (2,)),
        ((4, 8, 8), None, {"z": 3}, (2,)),
        ((4, 8, 8), None, {"z": 3, "position": 1}, (2,)),
        ((8, 8), 4, {"position": 3}, (2,)),
        ((8, 8), 4, {"t": 3}, (2,)),
        ((4, 8, 8), 5, {"z": 3, "t": 2}, (1, 2)),
        ((8, 8), None, {"position": 1}, ()),
        ((8, 8), None, {}, ()),
        ((8, 8), None, {"c": 2}, ()),
        ((1, 8, 8), None, {}, (0,)),
    ],
)
def test_positions_are_slices_or_frames(
    tmp_path: Path,
    shape: tuple[int, ...],
    frames: int | None,
    place: dict[str, int],
    expected: tuple[int, ...],
) -> None:
    found = read_rois(save(tmp_path, roi(SQUARE, "a", **place)))
    labels = fitted(found, *shape, frames=frames).labels
    assert labels.sum() == 4
    assert labels[expected].sum() == 4


def test_what_is_in_no_slice_is_refused_or_counted(tmp_path: Path) -> None:
    nowhere, there = roi(SQUARE, "a"), roi(SQUARE, "b", z=2)
    with pytest.raises(FileError, match=r"in no slice, and cells has the shape .*\(Z, Y, X\)"):
        fitted(read_rois(save(tmp_path, nowhere)), 3, 5, 5)
    found = fitted(read_rois(save(tmp_path, nowhere, there)), 3, 5, 5)
    assert found.notes == ("1 outline in no slice left out",)
    with pytest.raises(FileError, match=r"1 object \(b\) left out, as they lie outside"):
        fitted(read_rois(save(tmp_path, there)), 5, 5)


def test_a_single_file_is_a_set_of_one(tmp_path: Path) -> None:
    path = tmp_path / "0001-0002.roi"
    roi(SQUARE, "own name").tofile(path)
    assert read_rois(path).names == {1: "own name"}
    assert not is_roi_set(path)
    assert is_roi_set(save(tmp_path, roi(SQUARE, "a")))


def test_a_damaged_roi_is_named(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("good.roi", roi(SQUARE, "good").tobytes())
        archive.writestr("bad.roi", roi(SQUARE, "bad").tobytes()[:70])
    with pytest.raises(FileError, match=r"the ROI bad is damaged"):
        read_rois(tmp_path / "set.zip")
