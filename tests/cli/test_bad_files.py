"""Errors in images, models, maps and predictions: a sentence, and nothing written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from command_line import call, contents, pairs, training_set
from damage import (
    Spoil,
    assert_refused,
    both,
    cases,
    changed,
    cut,
    edited,
    empty,
    remove,
    tiff,
    with_nan,
    write,
)
from napari_spatial_embeddings.config import ModelSettings
from napari_spatial_embeddings.inference.model import CARD, WEIGHTS, SpatialEmbeddings

# ------------------------------------------------------------------------------------- images

PIXELS = np.zeros((2, 32, 32), np.uint8)


@cases(
    {
        "missing": (remove("images/0.tif"), "images/0.tif"),
        "not a TIFF": (write("images/0.tif", "hello"), "images/0.tif"),
        "truncated": (cut("images/0.tif"), "images/0.tif"),
        "NaN": (changed("images/0.tif", with_nan), "images/0.tif: the image holds NaN"),
        "two channels": (
            tiff("images/0.tif", PIXELS, metadata={"axes": "CYX"}),
            "images/0.tif: the model takes 2D images with 1 channel, this is a 2D image with 2",
        ),
        "a volume": (
            tiff("images/0.tif", PIXELS, metadata={"axes": "ZYX"}),
            "images/0.tif: the model takes 2D images with 1 channel, this is a 3D volume",
        ),
    }
)
def test_bad_image(tmp_path: Path, model: Path, spoil: Spoil, says: str) -> None:
    spoil(training_set(tmp_path, 1))
    command = "predict", tmp_path / "images/0.tif", "--model", model, "--maps", "--table"
    assert_refused(tmp_path, *command, "--output", tmp_path / "out", says=says)


def test_every_folder_must_be_there(tmp_path: Path, data: Path, model: Path) -> None:
    command = "predict", data / "images", tmp_path / "more", "--model", model
    assert_refused(tmp_path, *command, "--output", tmp_path / "out", says="more")


# ------------------------------------------------------------------------------------- models


def rewritten(weights: dict[str, torch.Tensor] | None = None, **facts: Any) -> Spoil:
    """Write a model again, with other weights or other facts on its card."""

    def spoil(folder: Path) -> None:
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            card = json.dumps({**json.loads(file.metadata()["card"]), **facts})
            own = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        save_file(weights or own, folder / WEIGHTS, {"card": card})
        (folder / CARD).write_text(card)

    return spoil


def foreign(folder: Path) -> None:
    save_file({"a": torch.zeros(1)}, folder / WEIGHTS)


def pickled(folder: Path) -> None:
    torch.save({"a": torch.zeros(1)}, folder / WEIGHTS)


@cases(
    {
        "no folder": (remove("."), "mine"),
        "an empty folder": (both(remove(WEIGHTS), remove(CARD)), WEIGHTS),
        "no weights": (remove(WEIGHTS), WEIGHTS),
        "truncated weights": (cut(WEIGHTS), WEIGHTS),
        "no bytes": (write(WEIGHTS, ""), WEIGHTS),
        "a pickle": (pickled, WEIGHTS),
        "another program's": (foreign, "not written by this program"),
        "newer": (rewritten(schema=99, version="9.0"), "newer version (9.0)"),
        "other weights": (rewritten({"weights": torch.zeros(3)}), "mine"),
        "settings out of bounds": (rewritten(model={"ndim": 7}), "mine"),
    }
)
def test_bad_model(tmp_path: Path, data: Path, model: Path, spoil: Spoil, says: str) -> None:
    mine = shutil.copytree(model, tmp_path / "mine")
    spoil(mine)
    out = "--output", tmp_path / "out"
    assert_refused(tmp_path, "predict", data / "images", "--model", mine, *out, says=says)
    assert_refused(tmp_path, "train", *pairs(data), "--model", mine, *out, says=says)
    assert_refused(tmp_path, "models", "show", mine, says=says)


def test_model_of_other_axes(tmp_path: Path, data: Path) -> None:
    settings = ModelSettings(ndim=3, spacing=(1, 1, 1), width=4, levels=1)
    mine = SpatialEmbeddings(settings).save(tmp_path / "mine")
    end = "--model", mine, "--output", tmp_path / "out"
    says = "0.tif: the model takes 3D volumes with 1 channel, this is a 2D image"
    assert_refused(tmp_path, "train", *pairs(data), *end, says=says)
    assert_refused(tmp_path, "predict", data / "images/0.tif", *end, says=says)


# --------------------------------------------------------------------------------------- maps


def card_with(**facts: Any) -> Spoil:
    """Change the metadata of maps."""
    return edited("zarr.json", lambda z: z["attributes"]["napari-spatial-embeddings"].update(facts))


def card(part: str, **facts: Any) -> Spoil:
    """Change the metadata of maps on a part of their model."""

    def change(text: dict[str, Any]) -> None:
        text["attributes"]["napari-spatial-embeddings"]["model"][part].update(facts)

    return edited("zarr.json", change)


def truncated(folder: Path) -> None:
    """Cut the file that holds the seed map's values."""
    (chunk,) = (p for p in (folder / "seed/0/c").rglob("*") if p.is_file())
    chunk.write_bytes(chunk.read_bytes()[:50])


@cases(
    {
        "missing": (remove("."), "0.maps.zarr"),
        "an empty folder": (both(remove("."), empty(".")), "0.maps.zarr"),
        "no sigma": (remove("sigma"), "sigma"),
        "no metadata": (remove("zarr.json"), "0.maps.zarr"),
        "broken metadata": (cut("zarr.json"), "0.maps.zarr"),
        "truncated values": (truncated, "0.maps.zarr"),
        "newer": (card_with(schema=99, version="9"), "newer version (9)"),
        "no spacing": (card_with(spacing=None), "0.maps.zarr"),
        "other things of the model": (card_with(model={"a": 1}), "0.maps.zarr"),
        "settings out of bounds": (card("clustering", margin_factor=-1), "0.maps.zarr"),
        "other classes": (card("model", classes=["a", "b"]), "1 seed map"),
    }
)
def test_bad_maps(tmp_path: Path, predicted: Path, spoil: Spoil, says: str) -> None:
    mine = shutil.copytree(predicted / "0.maps.zarr", tmp_path / "0.maps.zarr")
    spoil(mine)
    assert_refused(tmp_path, "cluster", mine, "--output", tmp_path / "out", says=says)


def test_folder_without_maps(tmp_path: Path, data: Path) -> None:
    command = "cluster", data / "images", "--output", tmp_path / "out"
    assert_refused(tmp_path, *command, says="images holds no maps")


def test_goes_on_after_bad_maps(tmp_path: Path, predicted: Path) -> None:
    for name in "0.maps.zarr", "1.maps.zarr":
        shutil.copytree(predicted / name, tmp_path / name)
    remove("0.maps.zarr/seed")(tmp_path)
    outcome = call("cluster", tmp_path, "--output", tmp_path / "out", "--table")
    assert outcome.code == 1
    bad, summary, again = outcome.err.splitlines()
    assert "0.maps.zarr" in bad
    assert (summary, again.strip()) == ("1 of 2 images could not be used:", bad)
    assert set(contents(tmp_path / "out")) == {"1.tif", "1.csv", "1.csv.json"}


# ------------------------------------------------------------------------------------- scores


@cases(
    {
        "other shapes": (changed("predictions/1.tif", lambda a: a[1:]), "(63, 64)"),
        "one missing": (remove("predictions/1.tif"), "1.tif"),
        "none": (empty("predictions"), "predictions"),
        "no folder": (remove("predictions"), "predictions"),
        "floats": (changed("predictions/1.tif", lambda a: a / 2), "predictions/1.tif"),
        "damaged": (cut("predictions/1.tif"), "predictions/1.tif"),
    }
)
def test_bad_predictions(tmp_path: Path, spoil: Spoil, says: str) -> None:
    shutil.copytree(training_set(tmp_path) / "labels", tmp_path / "predictions")
    spoil(tmp_path)
    command = "evaluate", "--labels", tmp_path / "labels"
    assert_refused(tmp_path, *command, "--predictions", tmp_path / "predictions", says=says)
