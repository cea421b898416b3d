"""Errors in the data that ``train`` reads: a sentence that names it, and no model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from command_line import TINY, pairs, save, training_set
from damage import (
    Spoil,
    assert_refused,
    both,
    cases,
    changed,
    copied,
    cut,
    empty,
    picture,
    remove,
    tiff,
    with_nan,
    write,
)

VOLUME = np.ones((4, 64, 64), np.uint16)
COLOURS = np.arange(64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8)
CUT_OFF = np.zeros((64, 64), np.uint8)
CUT_OFF[::3, ::2] = 1 + np.arange(22 * 32).reshape(22, 32) % 255


def assert_training_refused(folder: Path, *flags: object, says: str) -> None:
    assert_refused(
        folder, "train", *pairs(folder), "--output", folder / "model", *TINY, *flags, says=says
    )


@cases(
    {
        "no images folder": (remove("images"), "images"),
        "no labels folder": (remove("labels"), "labels"),
        "both folders empty": (both(empty("images"), empty("labels")), "images"),
        "only other files": (both(empty("images"), write("images/a.txt", "")), ".tif"),
        "label image missing": (remove("labels/1.tif"), "1.tif"),
        "image missing": (remove("images/1.tif"), "1.tif"),
        "one name twice": (picture("images/1.png"), "1.png"),
        "labels of another shape": (changed("labels/1.tif", lambda a: a[:-3]), "(61, 64)"),
        "no objects": (changed("labels/*.tif", np.zeros_like), "no object is annotated"),
        "labels between whole numbers": (changed("labels/1.tif", lambda a: a / 2), "labels/1.tif"),
        "images for labels": (copied("images/1.tif", "labels/1.tif"), "change from pixel to pixel"),
        "ids cut off": (changed("labels/1.tif", lambda _: CUT_OFF), "do not fit into 8 bits"),
        "labels in colour": (tiff("labels/1.tif", COLOURS, photometric="rgb"), "holds colours"),
        "labels as JPEG": (both(remove("labels/1.tif"), picture("labels/1.jpg")), "JPEG"),
        "NaN": (changed("images/1.tif", with_nan), "1.tif: the image holds NaN"),
        "complex numbers": (changed("images/1.tif", lambda a: a + 1j), "images/1.tif"),
        "other channels": (tiff("images/1.tif", COLOURS, photometric="rgb"), "3 channels"),
        "a volume among images": (
            both(
                tiff("images/1.tif", VOLUME, metadata={"axes": "ZYX"}),
                tiff("labels/1.tif", VOLUME, metadata={"axes": "ZYX"}),
            ),
            "3 spatial axes",
        ),
        "a time series": (tiff("images/1.tif", VOLUME, metadata={"axes": "TYX"}), "time series"),
        "not a TIFF": (write("images/1.tif", "hello"), "images/1.tif"),
        "truncated TIFF": (cut("images/1.tif"), "images/1.tif"),
        "truncated labels": (cut("labels/1.tif"), "labels/1.tif"),
        "truncated PNG": (
            both(remove("images/1.tif"), picture("images/1.png"), cut("images/1.png")),
            "images/1.png",
        ),
        "no bytes": (write("images/1.tif", ""), "images/1.tif"),
    }
)
def test_bad_images_or_labels(tmp_path: Path, spoil: Spoil, says: str) -> None:
    spoil(training_set(tmp_path))
    assert_training_refused(tmp_path, says=says)


def test_one_folder_or_file_for_both(tmp_path: Path) -> None:
    images = training_set(tmp_path) / "images"
    output = "--output", tmp_path / "model", *TINY
    for path in images, images / "0.tif":
        flags = "--images", path, "--labels", path
        says = "--label-suffix _masks" if path is images else "the same file"
        assert_refused(tmp_path, "train", *flags, *output, says=says)


def test_nothing_drawn_in_one_of_few(tmp_path: Path) -> None:
    """Without regions, such an image says nothing at all."""
    changed("labels/1.tif", np.zeros_like)(training_set(tmp_path))
    assert_training_refused(tmp_path, "--unlabelled", "ignore", says="1.tif: nothing is annotated")


@cases(
    {
        "not there": (lambda _: None, "classes.csv"),
        "other columns": (write("classes.csv", "label,kind\n1,round\n"), "no column 'class'"),
        "label that is no number": (write("classes.csv", "label,class\none,round\n"), "line 2"),
        "no class": (write("classes.csv", "label,class\n1,round\n2,\n"), "line 3"),
        "two classes": (write("classes.csv", "label,class\n1,round\n1,long\n"), "line 3"),
        "unknown label": (write("classes.csv", "label,class\n77,round\n"), "label 77"),
        "unknown image": (write("classes.csv", "image,label,class\nx.tif,1,round\n"), "'x'"),
        "a picture": (write("classes.csv", b"\x89PNG\r\n\x1a\n\xff\xfe"), "classes.csv"),
    }
)
def test_bad_classes(tmp_path: Path, spoil: Spoil, says: str) -> None:
    spoil(training_set(tmp_path))
    assert_training_refused(tmp_path, "--classes", tmp_path / "classes.csv", says=says)


def test_class_that_the_model_does_not_know(tmp_path: Path, data: Path, model: Path) -> None:
    write("classes.csv", "label,class\n1,long\n")(tmp_path)
    command = "train", *pairs(data), "--model", model, "--output", tmp_path / "out"
    assert_refused(tmp_path, *command, "--classes", tmp_path / "classes.csv", says="class 'long'")


SHAPES = "index,shape-type,vertex-index,axis-0,axis-1\n"


@cases(
    {
        "no folder": (lambda _: None, "regions"),
        "empty": (empty("regions"), "regions"),
        "another shape": (tiff("regions/1.tif", np.ones((9, 9), np.uint8)), "(9, 9)"),
        "of no image": (tiff("regions/9.tif", np.ones((64, 64), np.uint8)), "regions: 9"),
        "other columns": (write("regions/1.csv", "x,y\n1,2\n"), "1.csv has no column"),
        "a line": (write("regions/1.csv", f"{SHAPES}0,line,0,1,1\n"), "line 2"),
        "no numbers": (write("regions/1.csv", f"{SHAPES}0,polygon,0,here,there\n"), "line 2"),
        "one corner": (write("regions/1.csv", f"{SHAPES}0,polygon,0,1,1\n"), "1.csv"),
        "no shape": (write("regions/1.csv", SHAPES), "1.csv"),
    }
)
def test_bad_regions(tmp_path: Path, spoil: Spoil, says: str) -> None:
    spoil(training_set(tmp_path))
    assert_training_refused(tmp_path, "--regions", tmp_path / "regions", says=says)


def test_bad_images_aside(tmp_path: Path) -> None:
    aside = training_set(tmp_path) / "aside"
    training_set(aside, 1)
    flags = "--val-images", aside / "images", "--val-labels", aside / "labels"
    save(aside / "images/0.tif", np.zeros((2, 64, 64), np.uint16), metadata={"axes": "CYX"})
    assert_training_refused(tmp_path, *flags, says="2 channels")
    remove("labels/0.tif")(aside)
    assert_training_refused(tmp_path, *flags, says="labels")
