"""Label images of other programs on an image's pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.export import write_labels
from napari_spatial_embeddings.files.annotations.fit_labels import fit_labels
from napari_spatial_embeddings.files.annotations.label_files import label_groups, read_label_file
from napari_spatial_embeddings.files.annotations.partial import with_unknown
from napari_spatial_embeddings.files.annotations.target import Fitted, Target
from napari_spatial_embeddings.files.errors import FileError
from napari_spatial_embeddings.training.annotation import annotate
from outlined import Labels, label_images
from strategies import few, relaxed

CELLS = np.zeros((6, 8), np.int32)
CELLS[1:3, 1:4] = 3
CELLS[4:, 5:] = 9


def fitted(labels: np.ndarray, target: Target, **options: object) -> Fitted:
    return fit_labels(labels, target, "a.tif", **options)  # type: ignore[arg-type]


def test_the_same_pixels_stay_as_they_are() -> None:
    found = fitted(CELLS, Target("a", (6, 8)), classes={3: "x", 5: "y"})
    np.testing.assert_array_equal(found.labels, CELLS)
    assert found.classes == {3: "x"}
    assert found.objects == 2
    assert not found.notes


@relaxed
@given(label_images().filter(np.any), st.integers(2, 4))
def test_coarser_labels_are_brought_to_the_pixels(labels: Labels, times: int) -> None:
    shape = tuple(n * times for n in labels.shape)
    fine = np.kron(labels, np.ones((times, times), np.int32))
    target = Target("a", shape, pixel_size=(0.5, 0.5), unit="um")
    try:
        found = fitted(labels, target)
    except FileError:
        with pytest.raises(FileError):  # values that are no objects are none at any scale
            fitted(fine, Target("a", shape))
        return
    assert found.objects == len(set(np.unique(labels)) - {0}) or "mask" in str(found.notes)
    assert ((found.labels > 0) == (fine > 0)).all()
    assert f"{times} x {times}" in found.notes[0]


def test_pixel_sizes_must_confirm_another_scale() -> None:
    target = Target("a", (12, 16), pixel_size=(0.5, 0.5), unit="um")
    found = fitted(CELLS, target, pixel_size=(1000.0, 1000.0), unit="nm")
    np.testing.assert_array_equal(found.labels, np.kron(CELLS, np.ones((2, 2), int)))
    with pytest.raises(FileError, match=r"\(6, 8\), a \(12, 16\) \(Y, X\)"):
        fitted(CELLS, target, pixel_size=(0.5, 0.5), unit="um")
    odd = fitted(CELLS, Target("a", (11, 15), pixel_size=(0.5, 0.5)), pixel_size=(1.0, 1.0))
    assert odd.labels.shape == (11, 15)


@pytest.mark.parametrize(
    ("shape", "wanted", "frames"),
    [
        ((1, 6, 8), (6, 8), None),
        ((6, 8), (1, 6, 8), None),
        ((1, 1, 6, 8), (1, 6, 8), None),
        ((6, 8), (6, 8), 1),
    ],
)
def test_axes_of_length_one_are_no_matter(
    shape: tuple[int, ...], wanted: tuple[int, ...], frames: int | None
) -> None:
    target = Target("a", wanted, frames)
    assert fitted(CELLS.reshape(shape), target).labels.shape == target.full_shape


def test_what_does_not_fit_is_a_sentence() -> None:
    with pytest.raises(FileError, match="Y and X are swapped"):
        fitted(CELLS.T, Target("a", (6, 8)))
    with pytest.raises(FileError, match=r"has the shape \(6, 8\), a \(4, 6, 8\) \(Z, Y, X\)"):
        fitted(CELLS, Target("a", (4, 6, 8)))
    with pytest.raises(FileError, match="holds no object"):
        fitted(CELLS * 0, Target("a", (6, 8)))
    rng = np.random.default_rng(0)
    with pytest.raises(FileError, match="change from pixel to pixel"):
        fitted(rng.integers(0, 200, (40, 40)), Target("a", (40, 40)))


def test_windows_are_placed() -> None:
    target = Target("view", (3, 4), start=(1, 2))
    np.testing.assert_array_equal(fitted(CELLS, target).labels, CELLS[1:4, 2:6])
    found = fitted(CELLS, Target("whole", (20, 20)), first=(5, 6))
    assert (found.labels[5:11, 6:14] == CELLS).all()
    assert (found.labels > 0).sum() == (CELLS > 0).sum()


def test_masks_large_ids_and_unknown_pixels() -> None:
    mask = fitted(np.where(CELLS, 255, 0).astype(np.uint8), Target("a", (6, 8)))
    assert mask.objects == 2
    assert "separate piece" in mask.notes[0]
    high = np.where(CELLS, CELLS.astype(np.int64) + 2**40, 0)
    large = fitted(high, Target("a", (6, 8)), classes={2**40 + 9: "x"})
    assert set(np.unique(large.labels)) == {0, 1, 2}
    assert large.classes == {2: "x"}
    unknown = fitted(np.where(CELLS == 3, 3, -1), Target("a", (6, 8)))
    assert (unknown.labels == IGNORE).sum() == 42


@few
@given(label_images().filter(np.any), st.booleans())
def test_partial_labels_are_what_training_makes_of_them(labels: Labels, flag: bool) -> None:
    """Whether the flag is given or not: so it cannot be forgotten."""
    image = np.zeros((1, *labels.shape), np.float32)
    expected = annotate(image, labels, unlabelled="ignore")
    partial = with_unknown(labels, (1.0, 1.0))
    found = annotate(image, partial, unlabelled="ignore" if flag else "background")
    np.testing.assert_array_equal(found.labels, expected.labels)


def test_series_keep_empty_frames() -> None:
    series = np.stack([CELLS, CELLS * 0])
    partial = with_unknown(series, (1.0, 1.0))
    assert not partial[1].any()


def test_files_tell_scale_place_and_class(tmp_path: Path) -> None:
    path = write_labels(
        tmp_path / "a.tif", CELLS, (2.0, 2.0), "um", {"first_pixel": {"y": 4, "x": 5}}
    )
    (tmp_path / "a.csv").write_text("label,class,score\n3,round,0.5\n9,long,0.6\n")
    found = read_label_file(path, Target("big", (16, 16)))
    assert found.labels[5, 6] == 3
    assert found.classes == {3: "round", 9: "long"}
    path = write_labels(tmp_path / "b.tif", CELLS, (2.0, 2.0), "um")
    found = read_label_file(path, Target("fine", (12, 16), pixel_size=(1.0, 1.0), unit="um"))
    assert (found.labels == 9).sum() == 4 * (CELLS == 9).sum()


def test_png_numpy_and_series(tmp_path: Path) -> None:
    target = Target("a", (6, 8))
    Image.fromarray(CELLS.astype(np.uint16)).save(tmp_path / "a_cp_masks.png")
    np.save(tmp_path / "a.npy", CELLS)
    for name in ("a_cp_masks.png", "a.npy"):
        np.testing.assert_array_equal(read_label_file(tmp_path / name, target).labels, CELLS)
    np.save(tmp_path / "b.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(FileError, match="objects, which are not opened"):
        read_label_file(tmp_path / "b.npy", target)
    series = np.stack([CELLS, CELLS, CELLS]).astype(np.uint16)
    tifffile.imwrite(tmp_path / "t.tif", series, imagej=True, metadata={"axes": "TYX"})
    found = read_label_file(tmp_path / "t.tif", Target("a", (6, 8), 3))
    np.testing.assert_array_equal(found.labels, series)


def test_labels_in_an_ome_zarr(tmp_path: Path) -> None:
    import zarr

    image = zarr.open_group(tmp_path / "a.zarr", mode="w")
    axes = [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]

    def add(group: zarr.Group, data: np.ndarray, *steps: Any) -> None:
        group.create_array("0", data=data)
        datasets = [{"path": "0", "coordinateTransformations": list(steps)}]
        facts: Any = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
        group.attrs["ome"] = facts

    scale = {"type": "scale", "scale": [0.5, 0.5]}
    add(image, np.zeros((12, 12), np.uint16), scale)
    labels = image.create_group("labels")
    labels.attrs["ome"] = {"version": "0.5", "labels": ["cells"]}
    moved = {"type": "translation", "translation": [1.0, 1.5]}
    add(labels.create_group("cells"), CELLS, scale, moved)
    (path,) = label_groups(tmp_path / "a.zarr")
    found = read_label_file(path, Target("a", (12, 12), pixel_size=(0.5, 0.5), unit="um"))
    assert (found.labels[2:8, 3:11] == CELLS).all()
    assert not label_groups(path)
