"""Which file annotates which image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_spatial_embeddings.files.annotations.sources import (
    AnnotationFile,
    find_annotations,
    find_like,
    match,
    may_be_annotations,
    plain_name,
)
from napari_spatial_embeddings.files.annotations.target import Target
from napari_spatial_embeddings.files.errors import FileError
from outlined import feature, roi, write_json, write_rois

SQUARE = [np.array([[1.0, 1], [3, 1], [3, 3], [1, 3]])]


def tiffs(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    for name in names:
        tifffile.imwrite(folder / name, np.eye(8, dtype=np.uint16))


def geojson(path: Path) -> Path:
    square = {"type": "Polygon", "coordinates": [SQUARE[0].tolist()]}
    return write_json(path, [feature(square)])


def paired(annotations: Path, images: Path) -> dict[str, list[str]]:
    matched, failed = match(find_annotations([annotations]), find_like([images]))
    assert not failed
    return {one.image.name: [f.path.name for f in one.files] for one in matched}


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("cells0_masks", "cells0"),
        ("cells0_cp_masks", "cells0"),
        ("cells0.RoiSet", "cells0"),
        ("RoiSet_cells0", "cells0"),
        ("cells0-labels", "cells0"),
        ("cells0", "cells0"),
        ("masks", "masks"),
        ("labelled cells", "labelled cells"),
    ],
)
def test_what_programs_add_to_names(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_folders_of_masks_beside_images(tmp_path: Path) -> None:
    """As StarDist, EmbedSeg and Labkit have them."""
    tiffs(tmp_path / "images", "a.tif", "b.tif")
    tiffs(tmp_path / "masks", "a.tif", "b.tif")
    assert paired(tmp_path, tmp_path) == {"a.tif": ["a.tif"], "b.tif": ["b.tif"]}


def test_masks_among_the_images(tmp_path: Path) -> None:
    """As Cellpose has them; what it saves twice is used once."""
    tiffs(tmp_path, "a.tif", "a_cp_masks.tif", "b.tif", "b_masks.tif", "c.tif")
    np.save(tmp_path / "a_seg.npy", np.array({}), allow_pickle=True)
    np.save(tmp_path / "c_seg.npy", np.array({}), allow_pickle=True)
    expected = {"a.tif": ["a_cp_masks.tif"], "b.tif": ["b_masks.tif"], "c.tif": ["c_seg.npy"]}
    assert paired(tmp_path, tmp_path) == expected


def test_names_of_images_may_have_an_end(tmp_path: Path) -> None:
    tiffs(tmp_path / "data", "a_img.tif", "a_masks.tif", "b_img.tif", "b_masks.tif")
    expected = {"a_img.tif": ["a_masks.tif"], "b_img.tif": ["b_masks.tif"]}
    assert paired(tmp_path / "data", tmp_path / "data") == expected


def test_rois_of_one_image_add_up(tmp_path: Path) -> None:
    tiffs(tmp_path / "images", "a.tif")
    (tmp_path / "rois").mkdir()
    for n in range(3):
        roi([SQUARE[0] + 2 * n], f"r{n}").tofile(tmp_path / "rois" / f"r{n}.roi")
    matched, _ = match(find_annotations([tmp_path]), find_like([tmp_path]))
    found = matched[0].fitted(Target("a", (8, 8)))
    assert found.objects == 3
    assert len(matched[0].files) == 3


def test_one_file_and_one_image_need_no_names(tmp_path: Path) -> None:
    tiffs(tmp_path, "a.tif", "z.tif")
    path = write_rois(tmp_path / "RoiSet.zip", [roi(SQUARE, "r")])
    matched, failed = match([AnnotationFile(path)], [tmp_path / "a.tif"])
    assert len(matched) == 1
    assert not failed
    matched, failed = match([AnnotationFile(path)], [tmp_path / "a.tif", tmp_path / "z.tif"])
    assert not matched
    assert "none of the images: expected the name of one, such as a" in failed[0][1]


def test_a_coco_file_is_of_many_images(tmp_path: Path) -> None:
    tiffs(tmp_path / "images", "a.tif", "b.tif", "c.tif")
    images = [{"id": n, "file_name": f"{n}.png"} for n in "abd"]
    path = write_json(tmp_path / "all.json", {"images": images, "annotations": []})
    matched, failed = match([AnnotationFile(path)], find_like([tmp_path]))
    assert [one.image.name for one in matched] == ["a.tif", "b.tif"]
    assert not failed


def test_two_label_images_of_one_image_are_refused(tmp_path: Path) -> None:
    tiffs(tmp_path, "a.tif", "b.tif", "a_masks.tif", "a_labels.tif")
    files = [AnnotationFile(tmp_path / n) for n in ("a_masks.tif", "a_labels.tif")]
    matched, failed = match(files, [tmp_path / "a.tif", tmp_path / "b.tif"])
    assert not matched
    assert "are all of a.tif: give one of them" in failed[0][1]


def test_kinds_are_known_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"PK\5\6" + bytes(18))
    coco = write_json(tmp_path / "c.json", {"images": [], "annotations": []})
    plain = geojson(tmp_path / "g.json")
    other = write_json(tmp_path / "o.json", {"a": 1})
    assert AnnotationFile(coco).kind == "coco"
    assert AnnotationFile(plain).kind == "geojson"
    assert AnnotationFile(write_rois(tmp_path / "r.zip", [roi(SQUARE, "r")])).kind == "roi"
    assert AnnotationFile(tmp_path / "x_seg.npy").path.name == "x_seg.npy"
    for path, says in ((other, "JSON of another kind"), (tmp_path / "set.zip", "no file of annot")):
        with pytest.raises(FileError, match=says):
            assert AnnotationFile(path).kind
    assert may_be_annotations(tmp_path / "r.zip")
    assert not may_be_annotations(tmp_path / "set.zip")
    assert not may_be_annotations(tmp_path / "project.json")
    assert not may_be_annotations(tmp_path / "a.tif")


def test_folders_without_annotations_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(FileError, match="holds no file of annotations"):
        find_annotations([tmp_path])
    with pytest.raises(FileError, match="there is no file or folder"):
        find_annotations([tmp_path / "gone"])
    with pytest.raises(FileError, match="no file of annotations is given"):
        find_annotations([])
