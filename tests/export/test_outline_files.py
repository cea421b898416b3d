"""Files of outlines, as the libraries of other programs read them."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
import shapely
from hypothesis import given
from numpy.typing import NDArray
from pycocotools.coco import COCO

from napari_spatial_embeddings.config import ExportSettings
from napari_spatial_embeddings.core.outlines.filled import filled
from napari_spatial_embeddings.export import Segmented, export, export_steps
from napari_spatial_embeddings.export.from_labels import segmented_labels
from napari_spatial_embeddings.export.outlines import described
from napari_spatial_embeddings.files import FileError
from strategies import any_labels, few

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""pycocotools is not made for NumPy 2."""


def segmented(labels: NDArray[np.int32], **changes: Any) -> Segmented:
    """Return a label image with two classes and scores."""
    ids = [int(i) for i in np.unique(labels) if i]
    kinds = [("round", "long/thin")[k % 2] for k in range(len(ids))]
    table: dict[str, list[Any]] = {
        "label": ids,
        "class": kinds,
        "score": [0.5 + k / 100 for k in range(len(ids))],
    }
    table |= {"size_px": [int((labels == i).sum()) for i in ids]}
    return segmented_labels("cells", labels, table, ("round", "long/thin"), **changes)


def written(folder: Path, key: str, found: Segmented, **options: Any) -> Path:
    (path,) = export(folder, found, [key], settings=ExportSettings(**options))
    return path


def coordinates(roi: roifile.ImagejRoi) -> list[NDArray[np.floating]]:
    found = roi.coordinates(multi=True)
    return found if isinstance(found, list) else [found]


@few
@given(any_labels())
def test_rois_hold_every_pixel(tmp_path_factory: Any, labels: NDArray[np.int32]) -> None:
    path = written(tmp_path_factory.mktemp("a"), "roi", segmented(labels))
    back = np.zeros_like(labels)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        rois = [roifile.ImagejRoi.frombytes(archive.read(name)) for name in names]
    assert len(set(names)) == len(names)
    for name, roi in zip(names, rois, strict=True):
        label, kind = name.removesuffix(".roi").split("-")[:2]
        assert roi.name == name.removesuffix(".roi")
        assert roi.properties["label"] == int(label)
        assert (roi.group, kind) in {(1, "round"), (2, "long_thin")}
        plane = back if labels.ndim == 2 else back[roi.z_position - 1]
        plane[filled(coordinates(roi), plane.shape)] = int(label)
    np.testing.assert_array_equal(back, labels)


@few
@given(any_labels())
def test_geojson_is_valid_and_holds_every_pixel(
    tmp_path_factory: Any, labels: NDArray[np.int32]
) -> None:
    path = written(tmp_path_factory.mktemp("a"), "geojson", segmented(labels), object_type="cell")
    text = path.read_text("utf-8")
    assert "null" not in text
    assert "NaN" not in text
    facts = json.loads(text)
    assert facts["type"] == "FeatureCollection"
    back = np.zeros_like(labels)
    for feature in facts["features"]:
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        assert shape.is_valid
        assert shape.area == feature["properties"]["measurements"]["size_px"] or labels.ndim == 3
        properties = feature["properties"]
        assert properties["objectType"] == "cell"
        assert properties["classification"]["name"] in ("round", "long/thin")
        label = int(properties["name"])
        assert properties["metadata"]["label"] == str(label)
        assert properties["measurements"]["size_px"] == (labels == label).sum()
        plane = back if labels.ndim == 2 else back[feature["geometry"]["plane"]["z"]]
        polygons = [shape] if shape.geom_type == "Polygon" else shape.geoms
        rings = [ring for p in polygons for ring in (p.exterior, *p.interiors)]
        assert all(ring.is_closed for ring in rings)
        plane[filled([np.array(ring.coords) for ring in rings], plane.shape)] = label
    np.testing.assert_array_equal(back, labels)
    ids = [feature["id"] for feature in facts["features"]]
    assert len(set(ids)) == len(ids)


@few
@given(any_labels())
def test_coco_holds_every_pixel(tmp_path_factory: Any, labels: NDArray[np.int32]) -> None:
    path = written(tmp_path_factory.mktemp("a"), "coco", segmented(labels))
    coco = COCO(path)
    back = np.zeros_like(labels)
    for one in coco.loadAnns(coco.getAnnIds()):
        image = one["image_id"] - 1
        assert coco.loadImgs(image + 1)[0]["width"] == labels.shape[-1]
        plane = back if labels.ndim == 2 else back[image]
        mask = coco.annToMask(one).astype(bool)
        plane[mask] = one["label"]
        assert mask.sum() == one["area"]
        x, y, w, h = one["bbox"]
        assert mask[y : y + h, x : x + w].sum() == one["area"]
    np.testing.assert_array_equal(back, labels)
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == ["round", "long/thin"]


def test_the_same_objects_give_the_same_files(tmp_path: Path) -> None:
    labels = np.kron(np.arange(6, dtype=np.int32).reshape(2, 3), np.ones((4, 5), np.int32))

    def content(folder: str, key: str) -> bytes:
        found = written(tmp_path / folder, key, segmented(labels)).read_bytes()
        return re.sub(rb"\d{4}-\d\d-\d\dT[\d:]{8}", b"", found)  # when it was written

    for key in ("roi", "geojson", "coco", "shapes"):
        first = content("1", key)
        assert content("2", key) == first
        # Again into the same folder: nothing is added to what is there.
        assert content("1", key) == first


def test_a_window_lies_in_its_large_image(tmp_path: Path) -> None:
    labels = np.zeros((6, 8), np.int32)
    labels[2, 3] = 5
    found = segmented(labels)
    moved = Segmented("view", found.instances, found.classes, table=found.table, start=(100, 40))
    feature = json.loads(written(tmp_path, "geojson", moved).read_text())["features"][0]
    shape = shapely.from_geojson(json.dumps(feature["geometry"]))
    assert shape.centroid.coords[0] == (43.5, 102.5)
    coco = COCO(written(tmp_path, "coco", moved))
    assert coco.annToMask(coco.loadAnns(1)[0])[2, 3] == 1, "COCO has the window alone"


@pytest.mark.parametrize("key", ["roi", "geojson", "coco"])
def test_stopped_half_way_leaves_nothing(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("roi", "geojson", "coco"):
        monkeypatch.setattr(f"{described.__package__}.{name}.EVERY", 1)
    labels = np.arange(64, dtype=np.int32).reshape(8, 8)
    steps = export_steps(tmp_path, segmented(labels), [key])
    shares = [next(steps) for _ in range(9)]  # some of them measure
    assert 0 < shares[-1].done < shares[-1].total == 63
    assert len([*tmp_path.iterdir()]) == 1, "it is being written"
    steps.close()  # type: ignore[attr-defined]
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("key", ["roi", "geojson", "coco", "png", "npy", "seg", "objects"])
def test_files_of_others_stay(tmp_path: Path, key: str) -> None:
    found = segmented(np.eye(5, dtype=np.int32))
    path = written(tmp_path, key, found)
    written(tmp_path, key, found)  # ours is replaced
    path.write_bytes(b"mine")
    with pytest.raises(FileError, match="not written by this program"):
        written(tmp_path, key, found)
    assert path.read_bytes() == b"mine"
