"""Tables for other programs, as their own libraries read them, or without these a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import capsules, picture
from command_line import refused, save
from formats_here import HERE
from napari_spatial_embeddings.export import Segmented, SegmentedSeries, export
from napari_spatial_embeddings.export.from_labels import segmented_labels
from napari_spatial_embeddings.export.tables.rows import all_columns
from napari_spatial_embeddings.files import read_objects


def found(name: str = "cells", seed: int = 0) -> Segmented:
    labels = capsules((60, 70), seed=seed)
    ids = np.unique(labels)[1:].tolist()
    table = {"label": ids, "class": ["long" if i % 2 else "round" for i in ids]}
    return segmented_labels(
        name, labels, table, image=picture(labels), pixel_size=(0.5, 0.25), unit="um"
    )


@pytest.fixture(params=["image", "series"])
def results(request: pytest.FixtureRequest) -> Segmented | SegmentedSeries:
    if request.param == "image":
        return found()
    frames = [found(f"film, frame {t}", t) for t in range(2)]
    return SegmentedSeries("film", (0, 1), frames.__getitem__, 2, (60, 70), ("long", "round"))


def test_columns_are_of_one_kind() -> None:
    tables: list[dict[str, Any]] = [
        {"a": [1, ""], "b": ["x", 2], "c": [1, 2.5]},
        {"a": [3], "b": [None], "d": ["y"]},
    ]
    assert all_columns(tables) == {
        "a": [1, None, 3],
        "b": ["x", "2", None],
        "c": [1.0, 2.5, None],
        "d": [None, None, "y"],
    }


@pytest.mark.skipif("parquet" not in HERE, reason="pyarrow is not installed")
def test_parquet_has_the_rows_of_the_table(
    results: Segmented | SegmentedSeries, tmp_path: Path
) -> None:
    from pyarrow import parquet

    for _ in range(2):  # its own file is replaced
        table, path = export(tmp_path, results, ["objects", "parquet"])
    known, read = read_objects(table), parquet.read_table(path).to_pydict()
    assert list(read) == list(known)
    assert read["class"] == known["class"]
    for name in known.keys() - {"class"}:
        own = np.array([np.nan if value == "" else value for value in known[name]], float)
        other = np.array(read[name], float)
        np.testing.assert_allclose(other, own, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif("parquet" not in HERE, reason="pyarrow is not installed")
def test_parquet_of_a_long_series_is_written_in_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyarrow import parquet

    from napari_spatial_embeddings.export.tables import parquet as own

    labels = np.zeros((9, 9), np.int32)
    labels[1, 1], labels[5, 5] = 1, 2
    further: list[dict[str, Any]] = [
        {"note": [1, 2]},
        {"note": [0.5, ""]},
        {"other": ["", 3]},
        {"note": ["new", ""]},
        {},
    ]
    frames = [segmented_labels("film", labels, {"label": [1, 2], **more}) for more in further]
    numbers = tuple(range(len(frames)))
    film = SegmentedSeries("film", numbers, frames.__getitem__, len(frames), (9, 9), ())
    (whole,) = export(tmp_path / "whole", film, ["parquet"])
    monkeypatch.setattr(own, "ROWS", 4)
    (path,) = export(tmp_path / "parts", film, ["parquet"])
    file = parquet.ParquetFile(path)
    assert [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)] == [4, 4, 2]
    read = file.read().to_pydict()
    assert read["frame"] == [t for t in numbers for _ in range(2)]
    assert read["other"] == [None] * 5 + [3] + [None] * 4
    assert [*map(str, read["note"][6:])] == ["new", "None", "None", "None"]
    known = parquet.read_table(whole)
    assert file.schema_arrow.names == known.schema.names
    for name in {*read} - {"note"}:
        assert known[name].to_pylist() == read[name]


@pytest.mark.skipif("anndata" not in HERE, reason="anndata is not installed")
@pytest.mark.filterwarnings("ignore")  # anndata's own, of pandas
def test_anndata_has_objects_measurements_and_places(
    results: Segmented | SegmentedSeries, tmp_path: Path
) -> None:
    from anndata import read_h5ad

    for _ in range(2):  # its own file is replaced
        table, path = export(tmp_path, results, ["objects", "anndata"])
    known, data = read_objects(table), read_h5ad(path)
    assert data.obs["label"].tolist() == known["label"]
    assert data.obs["class"].astype(str).tolist() == known["class"]
    assert data.obs_names.is_unique
    assert {"size_px", "perimeter_um", "mean_intensity_0"} <= {*data.var_names}
    assert not {"label", "class", "frame"} & {*data.var_names}
    for name in ("size_px", "perimeter_um", "mean_intensity_0"):
        np.testing.assert_allclose(data[:, name].X.ravel(), np.array(known[name], float), 1e-5)
    places = np.array([known["centroid_x_px"], known["centroid_y_px"]], float).T
    np.testing.assert_allclose(data.obsm["spatial"], places, rtol=1e-5)
    how = data.uns["spatialdata_attrs"]
    assert {*how["region"]} == {*data.obs[how["region_key"]]}
    assert not data.obs.duplicated([how["region_key"], how["instance_key"]]).any()
    assert not list(tmp_path.glob(".*")), "nothing is left"


@pytest.mark.parametrize("name", ["parquet", "anndata"])
def test_without_the_package_there_is_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    for package in ("pyarrow", "anndata"):
        monkeypatch.setitem(sys.modules, package, None)
    path = save(tmp_path / "a.tif", capsules((60, 70)).astype(np.uint16))
    said = refused("export", path, "--format", name, "--output", tmp_path / "out")
    assert "this needs the package" in said
    assert "napari-spatial-embeddings[tables]" in said
    assert not [*tmp_path.glob("out/*")]
