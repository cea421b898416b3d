"""Errors in a call: one sentence that names it, exit code 2 or 1, nothing written."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from command_line import TINY, call, contents, pairs, refused, training_set
from damage import assert_refused, cut
from napari_spatial_embeddings.inference.model_card import CHECKPOINT

not_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read and write everything"
)


def words(flags: object) -> str:
    return " ".join(map(str, flags)) if isinstance(flags, tuple) else ""


# -------------------------------------------------------------------------------------- flags


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--epochs", -1), "--epochs"),
        (("--epochs", "many"), "--epochs"),
        (("--minutes", 0), "--minutes"),
        (("--width", 30), "--width"),
        (("--crop-size", 3), "--crop-size"),
        (("--learning-rate", "nan"), "--learning-rate"),
        (("--weight-decay", "inf"), "--weight-decay"),
        (("--centre", "middle"), "--centre"),
        (("--unlabelled", "maybe"), "--unlabelled"),
        (("--seed-threshold", 0.5), "--seed-threshold"),
        (("--pixel-size", 0, 1), "--pixel-size"),
        (("--pixel-size", "nan", 1), "--pixel-size"),
        (("--pixel-size", 1, 1, 1), "--pixel-size: 3 values"),
        (("--axes", "QYX"), "axes=QYX"),
        (("--axes", "CYX"), "axes=CYX"),
        (("--device", "abacus"), "abacus"),
        (("--model", "nobody"), "'nobody'"),
        (("--resume",), "no training to go on with"),
        (("--val-images", "images"), "--val-labels"),
        (("--val-images", "nowhere", "--val-labels", "labels"), "nowhere"),
    ],
    ids=words,
)
def test_train(tmp_path: Path, data: Path, flags: tuple[object, ...], says: str) -> None:
    command = "train", *pairs(data), "--output", tmp_path / "model", *TINY
    assert_refused(tmp_path, *command, *flags, says=says)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--seed-threshold", 2), "--seed-threshold"),
        (("--margin-factor", 0), "--margin-factor"),
        (("--min-size", 1.5), "--min-size"),
        (("--tile", 2), "--tile"),
        (("--device", "abacus"), "abacus"),
        (("--axes", "YXZ?"), "axes=YXZ?"),
        (("--pixel-size", 0, 1), "--pixel-size"),
        (("--pixel-size", 1, 1, 1), "--pixel-size: 3 values"),
        (("--unit", "um"), "--unit: it is that of --pixel-size"),
        (("--width", 8), "--width"),
    ],
    ids=words,
)
def test_predict(
    tmp_path: Path, data: Path, model: Path, flags: tuple[object, ...], says: str
) -> None:
    command = "predict", data / "images/0.tif", "--model", model, "--output", tmp_path / "out"
    assert_refused(tmp_path, *command, *flags, says=says)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--min-free-fraction", 7), "--min-free-fraction"),
        (("--flips",), "--flips"),
        (("--model", "any"), "--model"),
    ],
    ids=words,
)
def test_cluster(tmp_path: Path, predicted: Path, flags: tuple[object, ...], says: str) -> None:
    assert_refused(tmp_path, "cluster", predicted, "--output", tmp_path / "out", *flags, says=says)


@pytest.mark.parametrize("minutes", [0, -1, "nan", 1e9, "long"])
def test_demo(tmp_path: Path, minutes: object) -> None:
    command = "demo", "--output", tmp_path / "demo", "--minutes", minutes
    assert_refused(tmp_path, *command, says="--minutes")


def test_models() -> None:
    assert "remove" in refused("models", "remove")


# --------------------------------------------------------------------------- where output goes


def test_output_is_a_file(tmp_path: Path, data: Path, model: Path, predicted: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for output in tmp_path / "file", tmp_path / "file/below/it":
        end = "--output", output
        assert_refused(tmp_path, "train", *pairs(data), *end, *TINY, says="--output")
        assert_refused(
            tmp_path, "predict", data / "images", "--model", model, *end, says="--output"
        )
        assert_refused(tmp_path, "cluster", predicted, *end, says="--output")
        assert_refused(tmp_path, "demo", "--minutes", 0.01, *end, says="--output")


@not_root
def test_output_may_not_be_written(tmp_path: Path, data: Path, model: Path) -> None:
    (tmp_path / "locked").mkdir(0o500)
    end = "--output", tmp_path / "locked/model"
    assert_refused(tmp_path, "train", *pairs(data), *end, *TINY, says="locked")
    assert_refused(tmp_path, "predict", data / "images", "--model", model, *end, says="locked")


@not_root
def test_input_may_not_be_read(tmp_path: Path) -> None:
    (training_set(tmp_path) / "images/1.tif").chmod(0)
    command = "train", *pairs(tmp_path), "--output", tmp_path / "model", *TINY
    assert "images/1.tif" in refused(*command, code=1)
    assert not (tmp_path / "model").exists()


def test_output_holds_a_training_or_a_model(tmp_path: Path, data: Path, model: Path) -> None:
    mine = shutil.copytree(model, tmp_path / "mine")
    command = "train", *pairs(data), "--output", mine, *TINY
    assert_refused(tmp_path, *command, says="--resume")
    (mine / CHECKPOINT).unlink()
    assert_refused(tmp_path, *command, says="holds a model already")


def test_resumes_only_what_fits(tmp_path: Path, data: Path, model: Path) -> None:
    mine = shutil.copytree(model, tmp_path / "mine")
    command = "train", *pairs(data), "--output", mine, *TINY, "--resume"
    assert_refused(tmp_path, *command, "--width", 12, says="another model")
    cut(CHECKPOINT)(mine)
    assert_refused(tmp_path, *command, says=f"{CHECKPOINT} is damaged")


def test_a_trained_model_keeps_its_shape(tmp_path: Path, data: Path, model: Path) -> None:
    command = "train", *pairs(data), "--output", tmp_path / "new", "--model", model
    assert_refused(tmp_path, *command, "--width", 12, says="--width")


def test_labels_never_replace_images(tmp_path: Path, model: Path) -> None:
    images = training_set(tmp_path) / "images"
    for given in images, images / "1.tif":
        command = "predict", given, "--model", model, "--output", images
        assert_refused(tmp_path, *command, says="--output")


def test_two_images_never_become_one(tmp_path: Path, model: Path, predicted: Path) -> None:
    folder = training_set(tmp_path)
    command = "predict", folder / "images", folder / "labels", "--model", model
    assert_refused(tmp_path, *command, "--output", tmp_path / "out", says="labels/0.tif")
    copy = shutil.copytree(predicted, tmp_path / "copy")
    assert_refused(
        tmp_path, "cluster", predicted, copy, "--output", tmp_path / "out", says="0.maps.zarr"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_disk_is_full(tmp_path: Path, data: Path, model: Path, predicted: Path) -> None:
    """A limit on the size of files stands in for it: the system refuses to write on."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    output = tmp_path / "out"
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    try:
        # Smaller ones might fit, so that every image has its line, and another one at the end.
        outcome = call("predict", data / "images", "--model", model, "--output", output)
        lines = {line.strip() for line in outcome.err.splitlines() if "cannot be written" in line}
        sentences = [
            *lines,
            refused("cluster", predicted, "--output", output, code=1),
            refused("train", *pairs(data), "--output", output, *TINY, code=1),
        ]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert outcome.code == 1
    assert len(lines) == len(list((data / "images").iterdir()))
    assert all(str(output) in s and "large" in s for s in sentences)
    assert contents(output) == {}
