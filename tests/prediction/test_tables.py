"""Tables of ``predict`` have the columns of an export, whichever way the objects were found."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from builders import capsules, picture
from command_line import call, done, save
from napari_spatial_embeddings.files import read_labels, read_objects
from small_models import model_of

PIXELS = picture(capsules((160, 176), 3), channels=2)
"""Two channels."""

SIZED = {"imagej": True, "resolution": (4, 2), "metadata": {"axes": "CYX", "unit": "um"}}

TEXT = ("class",)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_of(in_channels=2).save(tmp_path_factory.mktemp("models") / "own")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def same(one: Path, other: Path) -> int:
    """Check that two tables have the same columns and values, in order; return the rows."""
    a, b = (read_objects(path) for path in (one, other))
    assert list(a) == list(b)
    for name in a:
        if name in TEXT:
            assert a[name] == b[name]
        else:
            values = [np.array([np.nan if x == "" else x for x in t[name]], float) for t in (a, b)]
            np.testing.assert_allclose(values[0], values[1], 1e-4, 1e-4, err_msg=name)
    return len(a["label"])


def predicted(model: Path, *words: object) -> None:
    flags = "--seed-threshold", 0.05, "--foreground-threshold", 0.05, "--min-size", 4, "--table"
    outcome = call("predict", *words, "--model", model, *flags)
    assert outcome.code == 0, outcome


@pytest.mark.parametrize("kind", ["image", "blocks", "tiff of blocks"])
def test_images(tmp_path: Path, model: Path, kind: str) -> None:
    image, out = save(tmp_path / "a.tif", PIXELS.astype(np.float32), **SIZED), tmp_path / "out"
    out.mkdir()
    labels = out / {"image": "a.tif", "blocks": "a.zarr", "tiff of blocks": "a.tif"}[kind]
    where: tuple[object, ...] = (out,) if kind == "image" else (labels, "--block", 64)
    predicted(model, image, "--output", *where)
    again = tmp_path / "again"
    done("export", labels, "--image", image, "--format", "table", "geojson", "--output", again)
    assert same(out / "a.csv", again / "a.csv") > 20
    rows = table(out / "a.csv")
    assert max(int(row["neighbours"]) for row in rows) > 1
    found = read_labels(labels)
    edge = {*found[0], *found[-1], *found[:, 0], *found[:, -1]}
    assert {int(row["label"]) for row in rows if row["touches_border"] == "1"} == edge - {0}
    assert {"area_um2", "perimeter_um", "std_intensity_1", "predicted_iou"} - {*rows[0]} == {
        "predicted_iou"
    }, "that of a model that is calibrated"
    for one in json.loads((again / "a.geojson").read_text())["features"]:
        row = next(row for row in rows if row["label"] == one["properties"]["name"])
        numbers = {k: v for k, v in row.items() if k not in ("label", "class") and v != ""}
        values = one["properties"]["measurements"]
        assert values.keys() == numbers.keys()
        assert values["solidity"] == pytest.approx(float(row["solidity"]), rel=1e-4)


def test_series(tmp_path: Path, model: Path) -> None:
    frames = np.stack([PIXELS, PIXELS[:, ::-1]]).astype(np.float32)
    film = save(tmp_path / "film.tif", frames, metadata={"axes": "TCYX"})
    predicted(model, film, "--output", tmp_path / "out")
    labels, again = tmp_path / "out/film.tif", tmp_path / "again"
    done("export", labels, "--image", film, "--format", "table", "--output", again)
    assert same(tmp_path / "out/film.csv", again / "film.csv") > 20
    rows = table(again / "film.csv")
    assert {row["frame"] for row in rows} == {"0", "1"}
    assert "perimeter_px" in rows[0]
    assert json.loads((again / "film.csv.json").read_text())
