"""GeoJSON of QuPath and others."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from napari_spatial_embeddings.files.annotations.fit_outlines import fit_outlines
from napari_spatial_embeddings.files.annotations.geojson import read_geojson
from napari_spatial_embeddings.files.annotations.target import Fitted, Target
from napari_spatial_embeddings.files.errors import FileError
from outlined import Labels, contours, feature, label_images, objects, polygon, write_json
from strategies import few

SQUARE = [[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]]


def square(**properties: Any) -> dict[str, Any]:
    plane = properties.pop("plane", None)
    geometry = {"type": "Polygon", "coordinates": [SQUARE]}
    return feature({**geometry, "plane": plane} if plane else geometry, **properties)


def fitted(path: Path, *shape: int, frames: int | None = None) -> Fitted:
    return fit_outlines(read_geojson(path), Target("cells", shape, frames), str(path))


@few
@given(label_images().filter(np.any))
def test_polygons_come_back_with_holes(labels: Labels) -> None:
    features = []
    for n, mask in objects(labels).items():
        rings = contours(mask)
        # All rings of an object in one polygon: what they enclose an odd number of times.
        geometry = {"type": "Polygon", "coordinates": polygon(rings)}
        features.append(feature(geometry, label=n, name=f"cell {n}"))
    collection = {"type": "FeatureCollection", "features": features}
    with tempfile.TemporaryDirectory() as folder:
        path = write_json(Path(folder) / "cells.geojson", collection)
        found = fitted(path, *labels.shape)
        write_json(path, features)
        np.testing.assert_array_equal(fitted(path, *labels.shape).labels, labels)
    np.testing.assert_array_equal(found.labels, labels)


def test_pieces_of_a_multipolygon_are_one_object(tmp_path: Path) -> None:
    hole = [[1.2, 1.2], [1.8, 1.2], [1.8, 1.8], [1.2, 1.8], [1.2, 1.2]]
    far = [[5, 5], [6, 5], [6, 6], [5, 6], [5, 5]]
    geometry = {"type": "MultiPolygon", "coordinates": [[SQUARE, hole], [far], [SQUARE]]}
    path = write_json(tmp_path / "a.geojson", feature(geometry))
    found = fitted(path, 8, 8)
    assert found.objects == 1
    assert (found.labels == 1).sum() == 5, "pieces add up, also where they overlap"
    geometry["coordinates"] = geometry["coordinates"][:2]
    assert (fitted(write_json(path, geometry), 8, 8).labels == 1).sum() == 4


def test_classes_are_qupaths_or_others(tmp_path: Path) -> None:
    features = [
        square(classification={"name": "Tumor", "color": [200, 0, 0]}),
        square(classification={"names": ["Tumor", "Positive"]}),
        square(classification="Stroma"),
        square(classification=None),
        feature({"type": "Polygon", "coordinates": [SQUARE]}),
        square(classification={"name": "Ignore*"}),
    ]
    features[4]["properties"] = None
    found = read_geojson(write_json(tmp_path / "a.geojson", features))
    assert found.classes == {1: "Tumor", 2: "Tumor: Positive", 3: "Stroma"}
    assert len(found.pieces) == 5
    assert found.notes == ("1 object of the class Ignore* left out",)


def test_annotations_around_cells_are_no_objects(tmp_path: Path) -> None:
    around = square(objectType="annotation", name="tissue")
    cell, tile = square(objectType="cell"), square(objectType="tile")
    found = read_geojson(write_json(tmp_path / "a.geojson", [around, cell, tile]))
    assert len(found.pieces) == 1
    assert found.notes == ("1 annotation left out", "1 tile left out")
    assert len(read_geojson(write_json(tmp_path / "a.geojson", [around])).pieces) == 1


def test_planes_are_slices_and_frames(tmp_path: Path) -> None:
    """QuPath leaves the first plane out."""
    features = [square(label=7), square(label=7, plane={"c": -1, "z": 2, "t": 0})]
    path = write_json(tmp_path / "a.geojson", features)
    labels = fitted(path, 3, 4, 4).labels
    assert (labels == 7).sum((1, 2)).tolist() == [4, 0, 4]
    assert fitted(path, 3, 4, 4).objects == 1
    write_json(path, [square(plane={"z": 1, "t": 2})])
    assert fitted(path, 3, 4, 4, frames=4).labels[2, 1].sum() == 4
    with pytest.raises(FileError, match="in no slice"):
        fitted(write_json(path, [square()]), 3, 4, 4)


def test_what_several_share_in_a_plane_is_no_label(tmp_path: Path) -> None:
    """Other programs call a class so."""
    path = write_json(tmp_path / "a.geojson", [square(label=1), square(label=1), square(label=2)])
    assert [one.label for one in read_geojson(path).pieces] == [1, 2, 3]


def test_points_are_dots(tmp_path: Path) -> None:
    features = [
        feature({"type": "Point", "coordinates": [2.5, 0.5]}),
        feature({"type": "MultiPoint", "coordinates": [[0, 0], [3.9, 3.9]]}, classification="a"),
    ]
    found = fitted(write_json(tmp_path / "a.geojson", features), 4, 4)
    assert found.labels[0, 2] == 1
    assert (found.labels[0, 0], found.labels[3, 3]) == (2, 3)
    assert found.scribbled
    assert found.classes == {2: "a", 3: "a"}


def test_lines_are_counted_and_collections_opened(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    both = {"type": "GeometryCollection", "geometries": [line, square()["geometry"]]}
    found = read_geojson(write_json(tmp_path / "a.geojson", [feature(both), feature(line)]))
    assert len(found.pieces) == 1
    assert found.notes == ("2 lines left out",)


def test_packed_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson.gz"
    path.write_bytes(gzip.compress(json.dumps([square()]).encode()))
    assert len(read_geojson(path).pieces) == 1


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"type": "FeatureCollection", "features": [{"a": 1}]}, "no feature and no geometry"),
        ({"type": "FeatureCollection"}, "no GeoJSON"),
        ([square(), feature({"type": "Polygon", "coordinates": [[["a", 1]]]})], "feature 2"),
        (feature({"type": "Polygon", "coordinates": [[[1e300, 1], [2, 2], [3, 3]]]}), "no place"),
        (feature({"type": "Polygon", "coordinates": 5}), "damaged"),
        (feature({"type": "Polygon"}), "no coordinates"),
        (feature({"type": "Polygon", "coordinates": [[[1], [2]]]}), "two coordinates"),
    ],
)
def test_what_is_damaged_is_a_sentence(tmp_path: Path, facts: Any, says: str) -> None:
    with pytest.raises(FileError, match=says):
        read_geojson(write_json(tmp_path / "a.geojson", facts))
