"""``track`` and ``evaluate --tracks``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from command_line import call, done, refused
from label_files import tiff
from movies import moving, scrambled
from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.export.links import write_links
from napari_spatial_embeddings.files import read_settings, read_track_table
from napari_spatial_embeddings.tracking.corrections import LinkCorrections


@pytest.fixture
def series(tmp_path: Path) -> tuple[Path, Path]:
    """A series whose cells are known, and its frames in a folder with labels of their own."""
    labels = moving(9, 5, (40, 48), step=1)
    mixed = tmp_path / "frames"
    mixed.mkdir()
    for t, frame in enumerate(scrambled(labels)):
        tiff(mixed / f"{t}.tif", frame.astype(np.uint16))
    return tiff(tmp_path / "truth.tif", labels, metadata={"axes": "TYX"}), mixed


def test_links_a_folder_and_scores_it(tmp_path: Path, series: tuple[Path, Path]) -> None:
    truth, mixed = series
    out = tmp_path / "out"
    outcome = done("track", mixed, "--output", out, "--format", "labels", "csv", "ctc", "geff")
    summary, *paths = outcome.out.splitlines()
    assert summary == "45 objects in 5 frames are 9 tracks, 0 of them with a parent"
    names = ["frames.tracks.ome.tif", "frames.tracks.csv", "frames.ctc", "frames.geff"]
    assert [Path(path) for path in paths] == [out / name for name in names]
    assert sorted(path.name for path in out.iterdir()) == sorted([*names, f"{names[1]}.json"])
    made = read_settings(out / names[0])
    assert (made["labels"], made["corrected_links"]) == ("frames", 0)
    assert made["tracking"] == TrackingSettings().model_dump(mode="json")
    for found in (out / names[0], out / names[2]):
        scores = done("evaluate", "--tracks", "--labels", truth, "--predictions", found, "--json")
        (facts,) = scores.facts
        assert (facts["package"], facts["tra"], facts["complete"]) == ("py-ctcmetrics", 1, 1)
    text = done("evaluate", "--tracks", "--labels", truth, "--predictions", out / names[0]).out
    assert "LNK, links                              1.000\n" in text
    assert "F1 of divisions                         none in the data\n" in text
    assert text.endswith("Scores are those of py-ctcmetrics.\n")


def test_settings_and_json(tmp_path: Path, series: tuple[Path, Path]) -> None:
    flags = ("--output", tmp_path / "out", "--json", "--max-step", 0.2, "--step-unit", "um")
    (facts,) = done("track", series[0], *flags, "--pixel-size", 1, 1, "--max-gap", 0).facts
    assert facts["settings"]["max_step"] == 0.2
    assert facts["tracks"] > 9
    assert facts["written"].keys() == {"labels", "csv"}
    with tifffile.TiffFile(facts["written"]["labels"]) as file:
        assert 'PhysicalSizeX="1.0"' in str(file.ome_metadata)
    assert json.dumps(facts)


def test_corrections_of_a_file_hold(tmp_path: Path, series: tuple[Path, Path]) -> None:
    truth, _ = series
    known = LinkCorrections(
        followed=(((1, 3), ()), ((0, 5), ((2, 6),))), apart=(((3, 8), (4, 8)), ((0, 99), (1, 99)))
    )
    path = write_links(tmp_path / "truth.links.json", known)
    flags = ("track", truth, "--output", tmp_path / "out", "--format", "ctc")
    outcome = done(*flags, "--corrections", path)
    assert "1 of 4 corrections of links name objects that are not in these labels" in outcome.out
    (facts,) = done(*flags, "--corrections", path, "--json").facts
    made = read_settings(tmp_path / "out" / "truth.ctc" / "mask000.tif")
    assert made["corrected_links"] == 4
    assert made["labels_sha256"] == hashlib.sha256(truth.read_bytes()).hexdigest()
    assert (facts["corrections"], facts["without_effect"]) == (4, 1)
    table = read_track_table(tmp_path / "out" / "truth.ctc" / "res_track.txt")
    masks = [tifffile.imread(tmp_path / "out" / "truth.ctc" / f"mask{t:03}.tif") for t in range(5)]
    labels = tifffile.imread(truth)

    def cell(t: int, label: int) -> int:
        (own,) = np.unique(masks[t][labels[t] == label])
        return int(own)

    assert table[cell(1, 3)][1] == 1, "it ends there"
    assert cell(2, 3) != cell(1, 3)
    assert table[cell(2, 6)][2] == cell(0, 5), "the format knows no gaps"
    assert cell(3, 8) != cell(4, 8)
    assert "holds no corrections of links" in refused(*flags, "--corrections", truth)


def test_refuses(tmp_path: Path, series: tuple[Path, Path]) -> None:
    truth, mixed = series
    out = ("--output", tmp_path / "out")
    assert "size of a pixel is unknown" in refused(
        *("track", truth, *out, "--max-step", 3, "--step-unit", "um")
    )
    assert "--max-step: should be greater than 0" in refused("track", truth, *out, "--max-step", 0)
    assert "3 values for the 2 axes" in refused(*("track", truth, *out, "--pixel-size", 1, 1, 1))
    assert "expected a time series" in refused("track", mixed / "0.tif", *out)
    assert "there is no file" in refused("track", tmp_path / "nothing", *out)
    assert not (tmp_path / "out").exists()
    short = tiff(tmp_path / "short.tif", moving(9, 4, (40, 48)))
    message = refused("evaluate", "--tracks", "--labels", truth, "--predictions", short)
    assert "must cover the same frames and pixels" in message
    flags = ("evaluate", "--tracks", "--labels", truth, "--predictions", truth)
    assert refused(*flags, "--channels", 0) == "--channels does not go with --tracks"


def test_parents_come_from_the_table_and_must_fit_the_pixels(tmp_path: Path) -> None:
    folder = tmp_path / "TRA"
    folder.mkdir()
    labels = np.zeros((3, 9, 9), np.uint16)
    labels[0, 2:7, 2:7] = 1
    labels[1:, 2:7, 2:4], labels[1:, 2:7, 5:7] = 2, 3
    for t, frame in enumerate(labels):
        tiff(folder / f"man_track{t:03}.tif", frame)
    (folder / "man_track.txt").write_text("1 0 0 0\n2 1 2 1\n3 1 2 1\n")
    flags = ("evaluate", "--tracks", "--labels", folder, "--predictions", folder)
    (facts,) = done(*flags, "--json").facts
    assert (facts["divisions"], round(facts["division_f1"], 3)) == (1, 1)
    (folder / "man_track.txt").write_text("1 0 0 0\n2 1 1 1\n3 1 2 1\n")
    assert "track 2 is in the frames 1 to 1 in it, and in 1 to 2 in the pixels" in refused(*flags)
    assert call("track", "--help").code == 0


def test_pixel_sizes_are_lengths(tmp_path: Path, series: tuple[Path, Path]) -> None:
    call_ = "track", series[0], "--output", tmp_path / "out", "--pixel-size"
    for size in ("nan", "inf", "0"):
        assert f"not {size}" in refused(*call_, size, 1)
    assert "1 values for the 2 axes" in refused(*call_, 1)
    assert not (tmp_path / "out").exists()


def test_results_do_not_mix_with_frames(tmp_path: Path, series: tuple[Path, Path]) -> None:
    frames = series[1]
    before = sorted(frames.iterdir())
    assert "holds the frames" in refused("track", frames, "--output", frames)
    assert "holds the frames" in refused("track", *before[:2], "--output", frames)
    assert sorted(frames.iterdir()) == before
    done("track", series[0], "--output", tmp_path)  # one file is no folder of frames


def test_corrections_that_contradict_each_other(tmp_path: Path, series: tuple[Path, Path]) -> None:
    file = tmp_path / "c.links.json"
    followed = [[[0, 1], [[1, 1]]], [[1, 1], [[2, 1]]], [[0, 2], [[1, 2], [1, 3]]]]
    for apart in ([[0, 1], [2, 1]], [[0, 1], [1, 1]], [[0, 2], [1, 3]]):
        file.write_text(json.dumps({"followed": followed, "apart": [apart]}))
        said = refused("track", series[0], "--output", tmp_path / "out", "--corrections", file)
        assert "are the same cell, or mother and daughter, and are not" in said
