"""Scores of ``evaluate``: those of the library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from builders import capsules
from command_line import call, cells, done, refused, save
from napari_spatial_embeddings.cli.tables import MEASURES
from napari_spatial_embeddings.core.metrics import THRESHOLDS, Scores, mean_ap, pooled, score
from napari_spatial_embeddings.files import read_labels

Images = dict[str, tuple[NDArray[np.integer], NDArray[np.integer]]]


@pytest.fixture
def scored(tmp_path: Path) -> tuple[Path, dict[str, Scores]]:
    """Labels and predictions that differ a little, a lot, and where there is nothing."""
    _, truth = cells((64, 64), 1)
    _, other = cells((64, 64), 2)
    nothing = np.zeros_like(truth)
    images: Images = {
        "a": (truth, np.roll(truth, 2, 0)),
        "b": (other, np.where(other > 3, other, 0)),
        "c": (nothing, nothing),
        "d": (truth, nothing),
        "e": (truth, halved(truth)),
        "f": (halved(other), other),
    }
    for name, (labels, predictions) in images.items():
        save(tmp_path / f"labels/{name}.tif", labels)
        save(tmp_path / f"predictions/{name}.tif", predictions)
    return tmp_path, {f"{name}.tif": score(*pair) for name, pair in images.items()}


def halved(labels: NDArray[np.integer]) -> NDArray[np.integer]:
    """Cut every object in two, left and right of its middle."""
    out = labels.astype(np.int32)
    for label in np.unique(labels[labels > 0]):
        columns = np.flatnonzero((labels == label).any(0))
        right = np.arange(labels.shape[1]) > columns.mean()
        out[(labels == label) & right] += 1000
    return out


def folders(folder: Path) -> tuple[object, ...]:
    return "--labels", folder / "labels", "--predictions", folder / "predictions"


def test_numbers_are_the_metrics(scored: tuple[Path, dict[str, Scores]]) -> None:
    folder, scores = scored
    (found,) = done("evaluate", *folders(folder), "--json").facts
    every = list(scores.values())
    assert found["images"] == len(scores)
    assert found["thresholds"] == list(THRESHOLDS)
    for measure in MEASURES:
        each = np.array([getattr(s, measure) for s in every])
        np.testing.assert_allclose(found["mean"][measure], each.mean(0), atol=1e-4)
        total = getattr(pooled(every), measure)
        np.testing.assert_allclose(found["pooled"][measure], total, atol=1e-4)
        for name, own in scores.items():
            reported = found["per_image"][name][measure]
            np.testing.assert_allclose(reported, getattr(own, measure), atol=1e-4)
    np.testing.assert_allclose(found["mean"]["ap"], mean_ap(every), atol=1e-4)
    assert found["counts"]["tp"] == pooled(every).tp.tolist()
    for name, kind in (("e", "split"), ("f", "merged")):
        count = getattr(scores[f"{name}.tif"], kind)
        assert count > 3
        assert found["per_image"][f"{name}.tif"][kind] == found["counts"][kind] == count
    assert found["per_image"]["c.tif"]["ap"] == [1.0] * 10, "empty against empty is right"
    assert found["per_image"]["d.tif"]["ap"] == [0.0] * 10


def test_table_shows_them(scored: tuple[Path, dict[str, Scores]]) -> None:
    folder, scores = scored
    table = done("evaluate", *folders(folder)).out
    assert "a.tif" not in table
    lines = done("evaluate", *folders(folder), "--per-image").out.splitlines()
    assert lines[1 + len(scores) :] == table.splitlines()[1:]
    head, *rows, summary = lines
    assert head.split() == ["IoU", *[f"{t:.2f}" for t in THRESHOLDS], "mean"]
    for row, (name, own) in zip(rows, scores.items(), strict=False):
        values = [*own.ap, own.ap.mean()]
        assert row.split() == [name, *[f"{v:.3f}" for v in values]]
    ap = mean_ap(list(scores.values()))
    mean = next(row for row in rows if row.startswith("AP, mean"))
    assert mean.split()[-11:] == [f"{v:.3f}" for v in [*ap, ap.mean()]]
    objects = pooled(list(scores.values()))
    assert f"{objects.tp[0] + objects.fn[0]} annotated" in summary
    assert f"{objects.tp[0] + objects.fp[0]} predicted" in summary
    assert f"{objects.split} of them split" in summary
    assert f"{objects.merged} of them merged" in summary


def test_negative_labels_are_unknown(tmp_path: Path) -> None:
    """As in training: what is found there is neither right nor wrong."""
    _, truth = cells((64, 64))
    unknown = np.where(truth > 4, -1, truth.astype(np.int32))
    save(tmp_path / "labels/a.tif", unknown)
    save(tmp_path / "predictions/a.tif", truth)
    (found,) = done("evaluate", *folders(tmp_path), "--json").facts
    assert found["counts"]["tp"] == [4] * 10
    assert found["counts"]["fp"] == [0] * 10


def test_pairs_whatever_the_format(tmp_path: Path) -> None:
    _, truth = cells((64, 64))
    save(tmp_path / "predictions/a.ome.tif", truth, ome=True)
    (tmp_path / "labels").mkdir()
    Image.fromarray(truth.astype(np.uint8)).save(tmp_path / "labels/a.png")
    (found,) = done("evaluate", *folders(tmp_path), "--json").facts
    assert found["mean"]["ap"] == [1.0] * 10


def test_one_folder_holds_both(tmp_path: Path) -> None:
    """As of Cellpose; masks count by their pieces, on either side."""
    truth = capsules((64, 64)).astype(np.uint16)
    save(tmp_path / "a_masks.tif", np.where(truth > 0, 255, 0).astype(np.uint8))
    save(tmp_path / "a_cp_masks.tif", np.stack([truth, 0 * truth]), metadata={"axes": "CYX"})
    both = "--labels", tmp_path, "--predictions", tmp_path
    assert "give another folder" in refused("evaluate", *both)
    for hyphen in ("-labels", "-cp-masks"):  # no flags, though they look like some
        words = "--label-suffix", hyphen, "--prediction-suffix", "_cp_masks"
        assert f"whose name ends with '{hyphen}'" in refused("evaluate", *both, *words)
    suffixes = "--label-suffix", "_masks", "--prediction-suffix", "_cp_masks"
    assert "2 channels" in refused("evaluate", *both, *suffixes)
    outcome = call("evaluate", *both, *suffixes, "--channels", 0, "--json")
    assert outcome.facts[0]["mean"]["ap"] == [1.0] * 10
    assert "a_masks.tif is a mask of a single value" in outcome.err


def test_grey_values_are_not_scored(tmp_path: Path) -> None:
    image, truth = cells((64, 64))
    save(tmp_path / "labels/a.tif", truth)
    save(tmp_path / "predictions/a.tif", image)
    assert "change from pixel to pixel" in refused("evaluate", *folders(tmp_path))
    same = tmp_path / "labels/a.tif"
    assert "the same file" in refused("evaluate", "--labels", same, "--predictions", same)


def test_scores_what_predict_wrote(data: Path, predicted: Path) -> None:
    """Maps and tables among the labels do not matter."""
    folders = "--labels", data / "labels", "--predictions", predicted
    (found,) = done("evaluate", *folders, "--json").facts
    own = [
        score(read_labels(data / f"labels/{i}.tif"), read_labels(predicted / f"{i}.tif"))
        for i in range(3)
    ]
    np.testing.assert_allclose(found["mean"]["ap"], mean_ap(own), atol=1e-4)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise on Windows")
def test_reader_may_leave(scored: tuple[Path, dict[str, Scores]]) -> None:
    """As ``head`` does: no complaint, though it did not read everything."""
    reader, writer = os.pipe()
    os.close(reader)
    command = ["evaluate", *map(str, folders(scored[0]))]
    ran = subprocess.run(
        [sys.executable, "-m", "napari_spatial_embeddings.cli", *command],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (1, b"")
