"""The demo, from its help to its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from command_line import contents, done
from napari_spatial_embeddings.files import read_labels


def test_demo_help() -> None:
    out = done("demo", "--help").out
    assert all(flag in out for flag in ("--output", "--minutes", "--json"))


def test_demo_writes_everything(tmp_path: Path) -> None:
    """Trained for a second, so that the figures mean nothing yet."""
    output = tmp_path / "demo"
    (facts,) = done("demo", "--minutes", 0.01, "--output", output, "--json").facts
    assert facts["output"] == str(output)
    assert facts["annotated objects"] == 10
    assert 0 <= facts["AP50 on unseen objects"] <= 1
    there = {p.name for p in output.iterdir()}
    tables = {"rods.csv", "rods.csv.json"}
    assert there == {"model", "rods.tif", *tables, "rods.maps.zarr", "rods.png"}
    assert read_labels(output / "rods.tif").max() == facts["found objects"]
    assert "model.json" in contents(output / "model")
    done("cluster", output / "rods.maps.zarr", "--output", tmp_path / "again")
    again = read_labels(tmp_path / "again/rods.tif")
    np.testing.assert_array_equal(again, read_labels(output / "rods.tif"))
