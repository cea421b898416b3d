"""``train``: what it reads of annotations, and what it leaves in its folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from command_line import TINY, call, cells, contents, done, pairs, refused, save, training_set
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.model_card import CHECKPOINT
from napari_spatial_embeddings.training.checkpoint import Checkpoint
from napari_spatial_embeddings.training.train import Report
from napari_spatial_embeddings.training.validation import Validation

FILES = {"model.safetensors", "model.json", CHECKPOINT}


def train(folder: Path, *flags: object) -> list[dict[str, Any]]:
    """Train for a moment on a folder's images into its ``model``; return what was reported."""
    command = "train", *pairs(folder), "--output", folder / "model", "--json"
    return done(*command, *TINY, *flags).facts


def used(folder: Path, *flags: object) -> dict[str, int]:
    """Train for a moment; return how many objects and pixels were used."""
    found: dict[str, int] = train(folder, *flags)[0]["used"]
    return found


# ----------------------------------------------------------------------- the folder it leaves


def test_leaves_a_whole_model(model: Path) -> None:
    assert set(contents(model)) == FILES
    found = SpatialEmbeddings.load(model)
    assert (found.settings.width, found.settings.levels, found.settings.ndim) == (8, 2, 2)
    assert found.pixel_size == pytest.approx((0.3, 0.3))
    assert found.unit == "um"
    assert found.history[-1]["ap50"] > 0.5
    assert json.loads((model / "model.json").read_text()) == json.loads(json.dumps(found.card()))
    assert Checkpoint.read(model / CHECKPOINT).facts["steps"] == found.history[-1]["step"]


def test_reports_lines_of_json(tmp_path: Path) -> None:
    start, *reports, end = train(training_set(tmp_path), "--report-seconds", 0.01)
    assert start["event"] == "start"
    assert (start["used"]["images"], start["used"]["objects"]) == (3, 24)
    assert sum(v for k, v in start["used"].items() if k.endswith("pixels")) == 3 * 64 * 64
    fields = {*Report.__slots__} - {"model"} | {"event", "saved"}
    assert all(set(r) == fields and r["event"] == "report" for r in reports)
    steps = [r["step"] for r in reports]
    assert steps == sorted(steps)
    assert [r["done"] for r in reports] == [False] * (len(reports) - 1) + [True]
    assert set(reports[-1]["validation"]) == {*Validation.__slots__}
    assert end["event"] == "end"
    assert Path(end["model"]) == tmp_path / "model"


def test_speaks_to_people_without_json(tmp_path: Path) -> None:
    training_set(tmp_path)
    out = done("train", *pairs(tmp_path), "--output", tmp_path / "model", *TINY).out
    first, *_, last = out.splitlines()
    assert "24 objects in 3 images" in first
    assert "AP50" in last
    assert str(tmp_path / "model") in last


# --------------------------------------------------------------------------- other channels


def test_a_start_model_of_other_channels_is_carried_over(tmp_path: Path, model: Path) -> None:
    for path in (training_set(tmp_path) / "images").iterdir():
        grey = tifffile.imread(path)
        save(path, np.stack([grey, grey.max() - grey]), metadata={"axes": "CYX"})
    command = "train", *pairs(tmp_path), "--output", tmp_path / "model", "--crop-size", 32
    out = done(*command, "--model", model, "--epochs", 1).out
    assert f"starting from {model}, carried over from 1 to 2 channels" in out.splitlines()[0]
    learned = SpatialEmbeddings.load(tmp_path / "model").settings
    assert (learned.in_channels, learned.width) == (2, 8)
    more = done(*command, "--model", model, "--epochs", 2, "--resume").out
    assert "2 epochs" not in more
    assert "AP50" in more.splitlines()[-1]
    done("predict", tmp_path / "images", "--model", tmp_path / "model", "--output", tmp_path / "o")
    save(tmp_path / "images" / "1.tif", grey)
    says = refused("train", *pairs(tmp_path), "--output", tmp_path / "new", "--model", model)
    assert "1.tif has 1 channel and 2 spatial axes; train on images of one kind" in says


# ----------------------------------------------------------------------------------- going on


def test_resume_goes_on(tmp_path: Path) -> None:
    before = train(training_set(tmp_path))
    history = SpatialEmbeddings.load(tmp_path / "model").history
    after = train(tmp_path, "--resume", "--epochs", 2)
    assert after[1]["step"] > before[-1]["step"]
    assert after[-1]["step"] == 2 * before[-1]["step"]
    assert SpatialEmbeddings.load(tmp_path / "model").history[: len(history)] == history


def test_a_finished_training_says_so(tmp_path: Path) -> None:
    train(training_set(tmp_path))
    before = contents(tmp_path)
    command = "train", *pairs(tmp_path), "--output", tmp_path / "model", *TINY
    sentence = refused(*command, "--resume")
    assert "finished" in sentence
    assert "--epochs" in sentence
    assert contents(tmp_path) == before


# ------------------------------------------------------------------- where a training starts


def test_finetunes_a_model(tmp_path: Path, data: Path, model: Path) -> None:
    """With hardly a step taken, it is still that model."""
    before = contents(model)
    command = "train", *pairs(data), "--output", tmp_path / "finer", "--model", model
    done(*command, "--epochs", 0.1, "--learning-rate", 1e-9, "--crop-size", 32)
    old, new = SpatialEmbeddings.load(model), SpatialEmbeddings.load(tmp_path / "finer")
    assert new.settings == old.settings
    image = tifffile.imread(data / "images/0.tif")
    np.testing.assert_allclose(
        new.predict_maps(image).seed, old.predict_maps(image).seed, atol=1e-4
    )
    assert contents(model) == before


def test_a_pixel_size_that_nobody_knows_is_not_taken_from_other_images(
    tmp_path: Path, data: Path, model: Path
) -> None:
    for kind in ("images", "labels"):
        save(tmp_path / kind / "0.tif", tifffile.imread(data / kind / "0.tif"))
    command = "train", *pairs(tmp_path), "--output", tmp_path / "finer", "--model", model
    done(*command, "--epochs", 0.1, "--crop-size", 32)
    assert SpatialEmbeddings.load(model).pixel_size is not None
    assert SpatialEmbeddings.load(tmp_path / "finer").pixel_size is None


def test_chooses_by_images_of_its_own(tmp_path: Path) -> None:
    training_set(tmp_path)
    aside = training_set(tmp_path / "aside", 1)
    flags = "--val-images", aside / "images", "--val-labels", aside / "labels"
    assert train(tmp_path, *flags)[-1]["held_out"]


def test_scores_on_training_images_are_called_so(tmp_path: Path) -> None:
    assert not train(training_set(tmp_path), "--validation-share", 0)[-1]["held_out"]


def test_of_few_images_some_objects_are_held_out(tmp_path: Path) -> None:
    *_, last, end = train(training_set(tmp_path))
    assert end["held_out"]
    assert last["validation"]["objects"] == 2, "a tenth of 24"


# ------------------------------------------------------------------------ kinds of images


@pytest.mark.parametrize(
    ("shape", "channels", "axes", "spacing"),
    [
        ((40, 40), 3, "YXS", (1, 1)),
        ((40, 40), 2, "CYX", (1, 1)),
        ((8, 24, 24), 1, "ZYX", (2, 1, 1)),
        ((8, 24, 24), 2, "ZCYX", (2, 1, 1)),
    ],
)
def test_kinds_of_images(
    tmp_path: Path, shape: tuple[int, ...], channels: int, axes: str, spacing: tuple[float, ...]
) -> None:
    image, labels = cells(shape, spacing=spacing)
    if channels > 1:
        where = {"YXS": -1, "CYX": 0, "ZCYX": 1}[axes]
        image = np.stack([image] * channels, where)
    options: dict[str, Any] = {"photometric": "rgb"} if axes == "YXS" else {"ome": True}
    sizes = {
        f"PhysicalSize{a}": 0.25 * s for a, s in zip("ZYX"[-len(shape) :], spacing, strict=True)
    }
    name = "a.tif" if axes == "YXS" else "a.ome.tif"
    save(tmp_path / "images" / name, image, metadata={"axes": axes, **sizes}, **options)
    save(tmp_path / "labels/a.tif", labels)
    train(tmp_path)
    found = SpatialEmbeddings.load(tmp_path / "model")
    assert (found.settings.ndim, found.settings.in_channels) == (len(shape), channels)
    assert found.settings.spacing == spacing
    assert found.pixel_size == tuple(0.25 * s for s in spacing)


def test_axes_that_are_given_hold_for_labels_too(tmp_path: Path) -> None:
    """A volume of one slice, in files that look like images."""
    train(training_set(tmp_path, 1), "--axes", "ZYX", "--pixel-size", 1, 0.3, 0.3)
    found = SpatialEmbeddings.load(tmp_path / "model")
    assert found.settings.ndim == 3
    assert found.settings.spacing == pytest.approx((1 / 0.3, 1, 1))
    assert found.pixel_size == (1, 0.3, 0.3)


# ------------------------------------------------------------------------- what labels mean


def test_unlabelled_pixels_are_background_or_unknown(tmp_path: Path) -> None:
    """Without regions, a thin ring around each object is background."""
    training_set(tmp_path)
    known = used(tmp_path)
    shutil.rmtree(tmp_path / "model")
    partly = used(tmp_path, "--unlabelled", "ignore")
    assert known["ignored_pixels"] == 0
    assert known["object_pixels"] == partly["object_pixels"]
    assert 0 < partly["background_pixels"] < known["background_pixels"]


@pytest.mark.parametrize("kind", ["mask", "csv"])
def test_regions_are_annotated_completely(tmp_path: Path, kind: str) -> None:
    training_set(tmp_path, 2)
    labels = tifffile.imread(tmp_path / "labels/1.tif")
    if kind == "mask":
        region = np.zeros((64, 64), np.uint8)
        region[:, :20] = 255
        save(tmp_path / "regions/1.tif", region)
    else:
        corners = [(-0.5, -0.5), (-0.5, 19.5), (63.5, 19.5), (63.5, -0.5)]
        rows = [f"0,rectangle,{i},{y},{x}" for i, (y, x) in enumerate(corners)]
        header = "index,shape-type,vertex-index,axis-0,axis-1"
        (tmp_path / "regions").mkdir()
        (tmp_path / "regions/1.csv").write_text("\n".join([header, *rows]))
    found = used(tmp_path, "--regions", tmp_path / "regions")
    # The other image has no region, and so is annotated completely.
    assert found["ignored_pixels"] == (labels[:, 20:] == 0).sum()


def test_scribbles_leave_the_rest_unknown(tmp_path: Path) -> None:
    found = used(training_set(tmp_path), "--scribbles")
    assert found["background_pixels"] == 0
    assert found["ignored_pixels"] == 3 * 64 * 64 - found["object_pixels"]


def test_classes_and_strokes_of_background(tmp_path: Path) -> None:
    training_set(tmp_path, 2)
    labels = [tifffile.imread(tmp_path / f"labels/{i}.tif") for i in range(2)]
    table = ["image,label,class", "0.tif,1,background", ",2,round", ",3,long", "1.tif,3,round"]
    (tmp_path / "classes.csv").write_text("\n".join(table))
    found = used(tmp_path, "--scribbles", "--classes", tmp_path / "classes.csv")
    assert SpatialEmbeddings.load(tmp_path / "model").settings.classes == ("long", "round")
    assert found["background_pixels"] == (labels[0] == 1).sum()
    assert found["objects"] == sum(len(np.unique(a)) - 1 for a in labels) - 1


def test_mentions_rows_and_regions_of_other_images(tmp_path: Path) -> None:
    """A table may list other labels, with a warning, as they may be typing errors."""
    training_set(tmp_path, 1)
    (tmp_path / "classes.csv").write_text("label,class\n1,round\n77,long\n")
    for name in "0", "elsewhere":
        save(tmp_path / f"regions/{name}.tif", np.ones((64, 64), np.uint8))
    flags = "--classes", tmp_path / "classes.csv", "--regions", tmp_path / "regions"
    outcome = call("train", *pairs(tmp_path), "--output", tmp_path / "model", *TINY, *flags)
    assert outcome.code == 0
    regions, classes = outcome.err.splitlines()
    assert "elsewhere" in regions
    assert "label 77" in classes
