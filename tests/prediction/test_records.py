"""What ``predict`` and ``cluster`` write carries the record of how it was made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from command_line import call, refused, save
from napari_spatial_embeddings import __version__
from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.files import read_settings
from napari_spatial_embeddings.files.maps import KEY
from plates import plate
from small_models import image_of, model_of

PIXELS = image_of()[0].astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_of().save(tmp_path_factory.mktemp("models") / "own")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def predicted(model: Path, *words: object) -> None:
    outcome = call("predict", *words, "--model", model, "--seed-threshold", 0.1, "--device", "cpu")
    assert outcome.code == 0, outcome


def beside(table: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(table.with_name(f"{table.name}.json").read_text())[KEY]
    return made


def stored(path: Path) -> dict[str, Any]:
    facts: Any = dict(zarr.open_group(path, mode="r").attrs)[KEY]
    return dict(facts)


def check(made: dict[str, Any], model: Path, source: dict[str, str] | None) -> None:
    assert made["model"] == str(model)
    assert made["model_sha256"] == sha256((model / "model.safetensors").read_bytes())
    assert made["clustering"]["seed_threshold"] == 0.1
    assert made["prediction"] == PredictionSettings(device="cpu").model_dump(mode="json")
    assert made["version"] == __version__
    assert made["versions"].keys() >= {"python", "numpy", "torch"}
    assert made["date"] > "2026"
    assert made.get("input") == source


def test_images_and_series(tmp_path: Path, model: Path) -> None:
    one = save(tmp_path / "in/one.tif", PIXELS)
    film = save(tmp_path / "in/film.tif", np.stack([PIXELS] * 2), metadata={"axes": "TYX"})
    out, summary = tmp_path / "out", tmp_path / "out/all.csv"
    predicted(model, tmp_path / "in", "--output", out, "--table", "--summary", summary)
    for path in one, film:
        made = read_settings(out / path.name)
        check(made, model, {"name": path.name, "sha256": sha256(path.read_bytes())})
        assert made["corrected"] == 0
        assert beside(out / f"{path.stem}.csv") == made
    check(beside(summary), model, None)
    predicted(model, one, "--output", out, "--maps", "--ome")
    made = read_settings(out / "one.ome.tif")
    check(made, model, {"name": "one.tif", "sha256": sha256(one.read_bytes())})
    assert stored(out / "one.maps.zarr")["made"] == made

    assert (
        call("cluster", out / "one.maps.zarr", "--output", tmp_path / "again", "--table").code == 0
    )
    again = read_settings(tmp_path / "again/one.tif")
    assert again["maps"] == "one.maps.zarr"
    assert [again[name] for name in ("model_sha256", "input")] == [
        made[name] for name in ("model_sha256", "input")
    ]
    assert again["clustering"]["seed_threshold"] == 0.7, "those of this clustering"
    assert beside(tmp_path / "again/one.csv") == again


def test_plates_and_whole_images(tmp_path: Path, model: Path) -> None:
    path = plate(tmp_path / "p.zarr", {"A/1": {"0": PIXELS}})
    predicted(model, path, "--labels", "cells", "--output", tmp_path / "out", "--table")
    made = stored(path / "A/1/0/labels/cells")
    pixels = {"name": "p.zarr/A/1/0", "pixels_sha256": sha256(PIXELS.tobytes())}
    check(made, model, pixels)
    assert beside(tmp_path / "out/p_A1_0.csv") == made

    one = save(tmp_path / "one.tif", PIXELS)
    predicted(model, one, "--output", tmp_path / "one.zarr", "--table")
    made = stored(tmp_path / "one.zarr")
    check(made, model, {"name": "one.tif", "sha256": sha256(one.read_bytes())})
    table = beside(tmp_path / "one.csv")
    assert table.items() <= made.items()
    assert made.keys() - table.keys() == {"made_from", "objects"}
    predicted(model, one, "--output", tmp_path / "whole.tif")
    check(read_settings(tmp_path / "whole.tif"), model, made["input"])


def test_tables_and_records_of_others_stay(tmp_path: Path, model: Path) -> None:
    one = save(tmp_path / "one.tif", PIXELS)
    out, command = tmp_path / "out", ("predict", one, "--model", model, "--output")
    out.mkdir()
    for name in "one.csv", "one.csv.json":
        (out / name).write_text("mine")
        for output in out, out / "one.zarr":
            said = refused(*command, output, "--table")
            assert f"{out / name} is there already, and was not written by this program" in said
        assert [path.name for path in out.iterdir()] == [name]
        (out / name).unlink()
    (out / "all.csv.json").write_text("mine")
    assert "all.csv.json is there already" in refused(*command, out, "--summary", out / "all.csv")
