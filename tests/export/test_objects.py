"""The table of objects agrees with the labels and the clustering."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from builders import capsules, picture
from counted import Counted
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.core.quality.calibration import Calibration
from napari_spatial_embeddings.export import objects, objects_table, write_objects
from napari_spatial_embeddings.files import FileError


def found(ndim: int, spacing: tuple[float, ...]) -> Instances:
    shape = (60, 70) if ndim == 2 else (20, 40, 40)
    labels = capsules(shape, count=5, spacing=spacing)
    classes = {i: i % 2 for i in range(1, 6)}
    maps = ideal_maps(labels, classes=classes, n_classes=2, spacing=spacing, sigma=0.5)
    return cluster(maps, ClusteringSettings(min_size=1))


@pytest.mark.parametrize(
    ("ndim", "spacing"), [(2, (1.0, 1.0)), (2, (2.0, 1.0)), (3, (2.5, 1.0, 1.0))]
)
def test_columns(ndim: int, spacing: tuple[float, ...]) -> None:
    instances = found(ndim, spacing)
    assert len(instances) > 2
    size = tuple(0.2 * s for s in spacing)
    image = picture(instances.labels, channels=2)
    table = objects_table(instances, ("round", "long"), image, size, "um")
    kind = "area_um2" if ndim == 2 else "volume_um3"
    for row, label in enumerate(table["label"]):
        inside = instances.labels == label
        assert table["class"][row] == ("round", "long")[instances.class_index[row]]
        assert table["size_px"][row] == inside.sum()
        assert table[kind][row] == pytest.approx(inside.sum() * np.prod(size))
        for channel in range(2):
            mean = image[channel][inside].mean()
            assert table[f"mean_intensity_{channel}"][row] == pytest.approx(mean, rel=1e-5)
        # Perfect maps point at the centroid, which is in pixels of its own axis.
        for axis, centroid, step in zip(
            "zyx"[-ndim:], np.argwhere(inside).mean(0), size, strict=True
        ):
            assert table[f"centre_{axis}_px"][row] == pytest.approx(centroid, abs=1e-3)
            assert table[f"centre_{axis}_um"][row] == pytest.approx(centroid * step, abs=1e-3)
    assert table["score"] == sorted(table["score"], reverse=True)


def test_only_what_is_known() -> None:
    instances = found(2, (1.0, 1.0))
    table = objects_table(instances, ("a", "b"))
    assert [*table] == [
        "label", "class", "score", "centre_y_px", "centre_x_px", "size_px", "sigma_y_px",
        "sigma_x_px",
    ]  # fmt: skip
    assert [*objects_table(instances, ("a", "b"), pixel_size=(2, 1))] == [*table]


def test_predicted_iou_of_calibrated_scores() -> None:
    instances = found(2, (1.0, 1.0))
    known = Calibration(scores=(0.0, 1.0), ious=(0.2, 0.8), right=(0.0, 1.0), objects=30)
    table = objects_table(instances, ("a", "b"), predicted_iou=known.predicted_iou(instances.score))
    assert [*table][2:4] == ["score", "predicted_iou"]
    wanted = [0.2 + 0.6 * score for score in table["score"]]
    assert table["predicted_iou"] == pytest.approx(wanted, abs=1e-4)


def test_slices_of_unknown_distance() -> None:
    instances = found(3, (1.0, 1.0, 1.0))
    table = objects_table(instances, ("a", "b"), None, (None, 0.5, 0.25), "um")
    assert [name for name in table if "um" in name] == ["centre_y_um", "centre_x_um"]
    assert table["centre_x_um"] == pytest.approx(np.multiply(table["centre_x_px"], 0.25))


def test_the_spacing_of_the_maps_counts() -> None:
    """A model keeps its own; an image's pixel size may differ a little."""
    instances = found(3, (2.5, 1.0, 1.0))
    table = objects_table(instances, ("a", "b"), None, (0.6, 0.2, 0.2), "um", (2.5, 1.0, 1.0))
    centroid = np.argwhere(instances.labels == 1).mean(0)[0]
    assert table["centre_z_px"][0] == pytest.approx(centroid, abs=1e-3)
    assert table["centre_z_um"][0] == pytest.approx(0.6 * centroid, abs=1e-3)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_intensities_are_read_where_objects_are(
    dtype: type[np.generic], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(objects.EDGE, 2, 16)
    instances = found(2, (1.0, 1.0))
    image = (1000 * picture(instances.labels, channels=2)).astype(dtype)
    source = Counted(image)
    table = objects_table(instances, ("a", "b"), source)
    assert 0 < source.read < image.size
    for channel in range(2):
        sums = np.bincount(instances.labels.ravel(), image[channel].ravel())[instances.ids]
        means = table[f"mean_intensity_{channel}"]
        np.testing.assert_allclose(means, sums / instances.size, rtol=1e-12)


def test_no_objects(tmp_path: Path) -> None:
    none = cluster(ideal_maps(np.zeros((6, 5), np.int32)))
    path = write_objects(tmp_path / "a.csv", objects_table(none, ("a",), np.ones((1, 6, 5))))
    assert path.read_text().startswith("label,class,score,")
    assert path.read_text().count("\n") == 1


def test_csv(tmp_path: Path) -> None:
    table = objects_table(found(2, (1.0, 1.0)), ("a, b", 'c "d"'), None, (0.5, 0.5), "um")
    path = write_objects(tmp_path / "new" / "a.csv", table)
    with path.open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [*rows[0]] == [*table]
    assert [row["class"] for row in rows] == table["class"]
    for name in ("label", "score", "centre_x_um", "size_px"):
        assert [float(row[name]) for row in rows] == pytest.approx(table[name], rel=1e-5)
    with pytest.raises(FileError, match="cannot be written"):
        write_objects(path / "b.csv", table)
