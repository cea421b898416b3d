"""COCO's JSON."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from pycocotools import mask as coco_mask

from napari_spatial_embeddings.core.maps import IGNORE
from napari_spatial_embeddings.files.annotations.coco import read_coco
from napari_spatial_embeddings.files.annotations.fit_outlines import fit_outlines
from napari_spatial_embeddings.files.annotations.target import Fitted, Target
from napari_spatial_embeddings.files.errors import FileError
from outlined import Labels, contours, label_images, objects, write_json
from strategies import few

SQUARE = [1, 1, 3, 1, 3, 3, 1, 3]


def entry(segmentation: Any, n: int = 1, image: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": n, "image_id": image, "category_id": 1, "segmentation": segmentation, **more}


def coco(annotations: list[dict[str, Any]], *names: str, size: tuple[int, int]) -> dict[str, Any]:
    images = [
        {"id": n, "file_name": name, "height": size[0], "width": size[1]}
        for n, name in enumerate(names or ("a.png",), 1)
    ]
    categories = [{"id": 1, "name": "nucleus"}, {"id": 2, "name": "debris"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def fitted(path: Path, shape: tuple[int, int], name: str = "a") -> Fitted:
    return fit_outlines(read_coco(path).outlines(name), Target(name, shape), str(path))


def packed(mask: np.ndarray) -> dict[str, Any]:
    found = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": found["size"], "counts": found["counts"].decode()}


def plain(mask: np.ndarray) -> dict[str, Any]:
    flat = mask.T.reshape(-1)
    edges = np.flatnonzero(np.diff(flat.astype(int))) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": ([0] if flat[0] else []) + counts}


@few
@given(label_images().filter(np.any))
def test_masks_come_back_in_both_forms(labels: Labels) -> None:
    masks = list(objects(labels).values())
    forms: list[list[Any]] = [
        [packed(mask) for mask in masks],
        [plain(mask) for mask in masks],
        [[ring.ravel().tolist() for ring in contours(mask)] for mask in masks],
    ]
    expected = sum((mask * k for k, mask in enumerate(masks, 1)), np.zeros_like(labels))
    with tempfile.TemporaryDirectory() as folder:
        for form in forms:
            entries = [entry(one, n) for n, one in enumerate(form, 1)]
            facts = coco(entries, size=(labels.shape[0], labels.shape[1]))
            path = write_json(Path(folder) / "a.json", facts)
            found = fitted(path, (labels.shape[0], labels.shape[1])).labels
            if form is forms[2]:  # COCO has no holes in polygons: what is filled is all there is
                assert ((found > 0) | (expected == 0)).all()
            else:
                np.testing.assert_array_equal(found, expected)


@few
@given(label_images())
def test_packed_masks_are_those_of_its_own_library(labels: Labels) -> None:
    from napari_spatial_embeddings.files.annotations.coco import _mask

    mask = labels > 0
    np.testing.assert_array_equal(_mask(packed(mask), None), mask)
    np.testing.assert_array_equal(_mask(plain(mask), mask.shape), mask)


def test_categories_crowds_and_boxes(tmp_path: Path) -> None:
    crowd = np.zeros((6, 6), bool)
    crowd[:, :3] = True
    entries = [
        entry([SQUARE], 1, category_id=2),
        entry([], 2, bbox=[0, 0, 2, 2]),
        entry(plain(crowd), 3, iscrowd=1),
        entry([[4, 4, 6, 4, 6, 6, 4, 6]], 4),
    ]
    path = write_json(tmp_path / "a.json", coco(entries, size=(6, 6)))
    found = fitted(path, (6, 6))
    assert found.classes == {1: "debris", 3: "nucleus"}
    assert found.notes == (
        "1 object with a box and no outline left out",
        "1 crowd taken for unknown pixels",
    )
    assert (found.labels == IGNORE).sum() == 18 - 4
    assert found.objects == 2


def test_images_are_found_by_their_names(tmp_path: Path) -> None:
    entries = [entry([SQUARE], 1, 1), entry([SQUARE], 2, 3), entry([[0, 0, 1, 0, 1, 1]], 3, 3)]
    names = ("train/a.png", "b.tif", "C:\\data\\c.ome.tif")
    path = write_json(tmp_path / "all.json", coco(entries, *names, size=(6, 6)))
    found = read_coco(path)
    assert set(found.names) == {"a", "b", "c"}
    assert len(found.outlines("a").pieces) == 1
    assert len(found.outlines("c.tif").pieces) == 2
    assert not found.outlines("b").pieces
    with pytest.raises(FileError, match=r"no image called d: it holds 3 images \(a, b and c\)"):
        found.outlines("d")


def test_a_smaller_copy_is_scaled_and_another_size_refused(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", coco([entry([SQUARE])], size=(6, 8)))
    found = fitted(path, (12, 16))
    assert (found.labels[2:6, 2:6] == 1).all()
    assert (found.labels == 1).sum() == 16
    assert "scaled by 2" in found.notes[0]
    with pytest.raises(FileError, match=r"of an image of 6 x 8 pixels .*a has 8 x 6"):
        fitted(path, (8, 6))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.pop("images"), "no COCO"),
        (lambda f: f.update(images=[]), "of no image"),
        (lambda f: f.update(images=[{"file_name": "a"}]), "no id"),
        (lambda f: f["annotations"].append(5), "annotation 2 is of no image"),
        (lambda f: f["annotations"][0].update(segmentation=[[1, 2, 3]]), "annotation 1 of a"),
        (lambda f: f["annotations"][0].update(segmentation="x"), "neither polygons"),
        (lambda f: f["annotations"][0].update(segmentation={"size": [6, 6]}), "damaged"),
        (
            lambda f: f["annotations"][0].update(segmentation={"size": [6, 6], "counts": "~"}),
            "letter",
        ),
        (
            lambda f: f["annotations"][0].update(segmentation={"size": [6, 6], "counts": [3, 4]}),
            "add up",
        ),
        (
            lambda f: f["annotations"][0].update(segmentation={"size": [9**9] * 2, "counts": []}),
            "a mask of",
        ),
    ],
)
def test_what_is_damaged_is_a_sentence(tmp_path: Path, change: Any, says: str) -> None:
    facts = json.loads(json.dumps(coco([entry([SQUARE])], size=(6, 6))))
    change(facts)
    with pytest.raises(FileError, match=says):
        fitted(write_json(tmp_path / "a.json", facts), (6, 6))
