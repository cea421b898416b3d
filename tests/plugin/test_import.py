"""Files of annotations in the window: as annotations, as results, dropped, and as layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels, Layer, Shapes
from napari.viewer import Viewer
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QApplication

from napari_spatial_embeddings.plugin.contributions.readers import reader
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.outlined.shapes import outlines_of
from napari_spatial_embeddings.plugin.qt.dialogs import Dialogs
from napari_spatial_embeddings.plugin.sections.image_list import ImageList
from outlined import contours, feature, objects, polygon, roi, write_json, write_rois

Until = Callable[..., None]

SHAPE = (40, 48)


@pytest.fixture(autouse=True)
def triangles_without_compiling() -> Iterator[None]:
    """Have napari divide polygons without compiled loops: to compile them takes half a minute."""
    from napari.utils.triangulation_backend import TriangulationBackend, set_backend

    before = set_backend(TriangulationBackend.pure_python)
    yield
    set_backend(before)


def cells() -> np.ndarray[Any, np.dtype[np.int32]]:
    labels = np.zeros(SHAPE, np.int32)
    for n, (y, x) in enumerate(np.ndindex(4, 5), 1):
        labels[10 * y + 1 : 10 * y + 7, 9 * x + 2 : 9 * x + 8] = n
    labels[3:5, 4:6] = 0  # a hole
    return labels


def rois(path: Path, **place: int) -> Path:
    """Write ROIs whose names are not the labels', as Fiji does."""
    masks = objects(cells())
    return write_rois(path, [roi(contours(m), f"c{n}", **place) for n, m in masks.items()])


def geojson(path: Path) -> Path:
    features = [
        feature(
            {"type": "Polygon", "coordinates": polygon(contours(mask))},
            classification={"name": "round" if n % 2 else "long"},
        )
        for n, mask in objects(cells()).items()
    ]
    return write_json(path, {"type": "FeatureCollection", "features": features})


def add(viewer: Viewer, *before: int, **options: Any) -> Any:
    data = np.random.default_rng(0).integers(0, 255, (*before, *SHAPE), np.uint8)
    layer = viewer.add_image(data, name="cells", **options)
    QApplication.processEvents()
    return layer


def layer_of(viewer: Viewer, ending: str) -> Any:
    return next(x for x in viewer.layers if x.name.endswith(ending))


class Chosen(Dialogs):
    """Answers with a path."""

    def __init__(self, *paths: Path) -> None:
        super().__init__()
        self.paths = list(paths)

    def import_files(self, _start: Path, /) -> list[Path]:
        return self.paths


def choose(dock: SpatialEmbeddingsWidget, purpose: Any, *paths: Path) -> None:
    dock.project.dialogs = Chosen(*paths)
    with dock.session.errors_as_messages():
        dock.file_import.ask(purpose)


def count(dock: SpatialEmbeddingsWidget) -> int:
    result = dock.session.result
    return -1 if result is None else len(result.instances)


def test_a_file_is_annotated_and_taken_back(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path
) -> None:
    add(viewer)
    choose(dock, "annotations", geojson(tmp_path / "a.geojson"))
    until(lambda: dock.idle and "added" in dock.message)
    layer = layer_of(viewer, "annotations")
    np.testing.assert_array_equal(layer.data, cells())
    assert dock.message == "20 objects of a.geojson added to the annotations."
    assert set(dock.session.classes) == {"round", "long"}
    strokes = dock.annotation.strokes(dock.session.image)
    assert strokes is not None
    assert {strokes.classes[n] for n in (1, 3)} == {"round"}
    assert not layer_of(viewer, "annotations").data[3:5, 4:6].any()
    layer.undo()
    assert not layer.data.any()
    layer.redo()
    choose(dock, "annotations", rois(tmp_path / "RoiSet.zip"))
    until(lambda: "RoiSet" in dock.message and dock.idle)
    assert "holds no object that is not annotated already" in dock.message


def test_a_complete_file_marks_a_region(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path
) -> None:
    add(viewer, scale=(0.5, 0.5), translate=(3, 4), units="um")
    choose(dock, "every object", rois(tmp_path / "RoiSet.zip"))
    until(lambda: dock.idle and "added" in dock.message)
    np.testing.assert_array_equal(layer_of(viewer, "annotations").data, cells())
    regions = layer_of(viewer, "complete regions")
    assert regions.data[0].min(0).tolist() == [-0.5, -0.5]
    assert regions.data[0].max(0).tolist() == [39.5, 47.5]


def test_results_to_correct_without_a_model(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path
) -> None:
    add(viewer)
    np.save(tmp_path / "a_seg.npy", np.array({"masks": cells()}, dtype=object), allow_pickle=True)
    choose(dock, "results", tmp_path / "a_seg.npy")
    until(lambda: dock.idle and "results to correct" in dock.message)
    result = dock.session.result
    assert result is not None
    np.testing.assert_array_equal(result.instances.labels, cells())
    assert result.instances.locked.all()
    np.testing.assert_array_equal(layer_of(viewer, "instances").data, cells())
    dock.correction.undo()
    until(lambda: dock.idle and count(dock) == 0)
    dock.correction.redo()
    until(lambda: dock.idle and count(dock) == 20)
    dock.object_import.use_corrections()
    np.testing.assert_array_equal(layer_of(viewer, "annotations").data > 0, cells() > 0)


def test_dropped_files_are_imported(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path
) -> None:
    path = rois(tmp_path / "cells.zip")
    (listed,) = dock.findChildren(ImageList)

    def drop(*paths: Path) -> None:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(one)) for one in paths])
        copy, left, no = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier
        listed.dropEvent(QDropEvent(QPointF(5, 5), copy, data, left, no.NoModifier))

    drop(path)
    assert dock.message.startswith("There is no image to import for")
    add(viewer)
    drop(path)
    until(lambda: dock.idle and "added" in dock.message)
    np.testing.assert_array_equal(layer_of(viewer, "annotations").data, cells())
    (tmp_path / "b.geojson").write_text("{")
    drop(tmp_path / "b.geojson")
    until(lambda: dock.idle and "b.geojson" in dock.message)
    assert "is no JSON" in dock.message
    assert len(dock.listed.all()) == 1, "none is taken for an image"


def test_rois_of_all_frames(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path
) -> None:
    layer = add(viewer, 3, axis_labels=("t", "y", "x"))
    dock.images.choose(layer, axes="TYX")
    made = [roi(contours(m), f"{n}", position=n % 3 + 1) for n, m in objects(cells()).items()]
    choose(dock, "annotations", write_rois(tmp_path / "a.zip", made))
    until(lambda: dock.idle and "copied" in dock.message)
    found = layer_of(viewer, "annotations").data
    np.testing.assert_array_equal((found > 0).sum(0), cells() > 0)
    assert [len(np.unique(frame)) - 1 for frame in found] == [6, 7, 7]
    dock.images.show_frame(1)
    choose(dock, "annotations", rois(tmp_path / "b.zip"))
    until(lambda: dock.idle and "b.zip" in dock.message)
    assert "13 objects of b.zip added to the annotations; 7 annotated already" in dock.message


def test_points_are_scribbles(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path
) -> None:
    add(viewer)
    points = feature({"type": "MultiPoint", "coordinates": [[3.5, 4.5], [20.0, 30.0]]})
    choose(dock, "annotations", write_json(tmp_path / "p.geojson", points))
    until(lambda: dock.idle and "added" in dock.message)
    assert np.argwhere(layer_of(viewer, "annotations").data).tolist() == [[4, 3], [30, 20]]
    choose(dock, "annotations", rois(tmp_path / "b.zip"))
    until(lambda: dock.idle and "b.zip" in dock.message)
    assert "an image can't have both" in dock.message


SQUARE = np.array([[2.0, 2.0], [2.0, 8.0], [9.0, 8.0], [9.0, 2.0]])


def test_shapes_are_used_as_they_lie(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until
) -> None:
    """From the middles of pixels, whatever scale and place the layers have."""
    add(viewer, scale=(0.5, 0.5), translate=(3, 4), units="um")
    shapes = viewer.add_shapes(ndim=2, scale=(1000, 1000), units="nm", name="mine")
    corners = SQUARE * 0.5 + (3, 4)
    shapes.add_rectangles(corners - (0.25, 0.25))
    shapes.add_ellipses(corners + np.array([10, 10]))
    shapes.add_lines(corners[:2])
    shapes.features = {"class": ["box", "disc", ""]}
    dock.object_import.use_layer(shapes)
    until(lambda: dock.idle)
    labels = layer_of(viewer, "annotations").data
    # Half a pixel up and left: from 1.5 to 8.5, whose pixels are 2 to 8.
    assert np.argwhere(labels == 1).min(0).tolist() == [2, 2]
    assert np.argwhere(labels == 1).max(0).tolist() == [8, 7]
    assert (labels == 2).sum() == pytest.approx(np.pi * 3.5 * 3, rel=0.1)
    assert not shapes.visible
    assert dock.message == "2 objects of mine added to the annotations; 1 line left out."
    strokes = dock.annotation.strokes(dock.session.image)
    assert strokes is not None
    assert strokes.classes == {1: "box", 2: "disc"}


@pytest.mark.parametrize("name", ["a.zip", "a.geojson", "a_seg.npy"])
def test_files_open_as_layers_that_can_be_used(
    viewer: Viewer, dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path, name: str
) -> None:
    add(viewer, scale=(0.5, 0.5), units="um")
    path = tmp_path / name
    if name == "a_seg.npy":
        np.save(path, np.array({"masks": cells()}, dtype=object), allow_pickle=True)
    else:
        (rois if name == "a.zip" else geojson)(path)
    choose(dock, "results", path)  # whose maps are images, too
    until(lambda: dock.idle and "to correct" in dock.message)
    (layer,) = viewer.open(path, plugin="napari-spatial-embeddings")
    assert isinstance(layer, Labels if name == "a_seg.npy" else Shapes)
    assert layer.scale.tolist() == [0.5, 0.5]
    dock.object_import.use_layer(layer)
    until(lambda: dock.idle)
    np.testing.assert_array_equal(layer_of(viewer, "annotations").data, cells())


def test_what_is_no_annotation_is_left_to_others(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "")
    np.save(tmp_path / "a.npy", cells())
    for name in ("a.zip", "a.npy", "a.json", "gone.zip", "gone.roi"):
        assert reader(str(tmp_path / name)) is None


def test_slices_of_outlines_are_axes_of_their_layer(tmp_path: Path) -> None:
    for place, ndim in (({"z": 3}, 3), ({"position": 2}, 3), ({"z": 3, "t": 2}, 4), ({}, 2)):
        path = rois(tmp_path / "a.zip", **place)
        read = reader(str(path))
        assert read is not None
        ((data, options, kind),) = read(str(path))
        layer = Layer.create(data, options, kind)
        assert isinstance(layer, Shapes)
        assert layer.ndim == ndim
        if ndim == 3:
            target = Labels(np.zeros((4, *SHAPE), np.int32))
            found = outlines_of(layer, target)
            assert {one.place.z for one in found.pieces} == {next(iter(place.values())) - 1}
