"""Results of ``cluster``: those of ``predict``, or of other thresholds."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from command_line import cells, done, save
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.files import read_image, read_maps, read_objects
from napari_spatial_embeddings.inference.model import SpatialEmbeddings

from .results import labels, same, untrained

NAMES = ("0", "1", "2")
MICROMETRES = {"unit": "um", "axes": "YX"}


def test_cluster_does_what_predict_did(tmp_path: Path, predicted: Path) -> None:
    """Given a folder of maps, or the maps one by one."""
    done("cluster", predicted, "--output", tmp_path / "all")
    done("cluster", *predicted.glob("*.maps.zarr"), "--output", tmp_path / "each")
    assert same(labels(tmp_path / "all"), labels(predicted))
    assert same(labels(tmp_path / "each"), labels(predicted))
    stored, again = read_image(predicted / "0.tif"), read_image(tmp_path / "all/0.tif")
    assert (again.pixel_size, again.unit) == (stored.pixel_size, stored.unit)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("seed_threshold", 0.95),
        ("foreground_threshold", 0.9),
        ("margin_factor", 0.5),
        ("min_size", 150),
    ],
)
def test_other_thresholds_give_other_labels(
    tmp_path: Path, model: Path, predicted: Path, flag: str, value: float
) -> None:
    done("cluster", predicted, "--output", tmp_path, f"--{flag.replace('_', '-')}", value)
    settings = SpatialEmbeddings.load(model).clustering.updated(**{flag: value})
    maps = {f"{name}.tif": read_maps(predicted / f"{name}.maps.zarr").maps for name in NAMES}
    assert same(labels(tmp_path), {name: cluster(m, settings).labels for name, m in maps.items()})
    assert not same(labels(tmp_path), labels(predicted))


def test_the_same_flags_mean_the_same(tmp_path: Path, data: Path, model: Path) -> None:
    flags = "--seed-threshold", 0.4, "--margin-factor", 1.2
    command = "predict", data / "images", "--model", model, "--maps"
    done(*command, "--output", tmp_path / "at once", *flags)
    done("cluster", tmp_path / "at once", "--output", tmp_path / "later", *flags)
    assert same(labels(tmp_path / "later"), labels(tmp_path / "at once"))


def test_cluster_tells_the_same_of_objects(tmp_path: Path, predicted: Path) -> None:
    """But for the intensities, for which it has no image."""
    done("cluster", predicted, "--output", tmp_path, "--table")
    for name in NAMES:
        known = read_objects(predicted / f"{name}.csv")
        found = read_objects(tmp_path / f"{name}.csv")
        assert found == {k: column for k, column in known.items() if "_intensity_" not in k}
        assert list(found) == [k for k in known if k in found]


def test_classes_reach_the_table(tmp_path: Path) -> None:
    image, _ = cells((48, 48))
    save(tmp_path / "images/a.tif", image)
    own = untrained(tmp_path / "model", classes=("large", "small"))
    flags = "--seed-threshold", 0.05, "--foreground-threshold", 0.05, "--min-size", 1, "--table"
    command = "predict", tmp_path / "images", "--model", own, "--maps"
    done(*command, "--output", tmp_path / "out", *flags)
    done("cluster", tmp_path / "out", "--output", tmp_path / "again", *flags)
    for folder in "out", "again":
        with (tmp_path / folder / "a.csv").open(newline="") as file:
            classes = {row["class"] for row in csv.DictReader(file)}
        assert classes
        assert classes <= {"large", "small"}
