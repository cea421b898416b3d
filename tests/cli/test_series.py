"""Time series on the command line: predicted, tracked, trained on and scored frame by frame."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import tracemalloc
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from command_line import TINY, call, cells, contents, done, pairs, refused, save
from label_files import in_files, ome_zarr
from napari_spatial_embeddings import PROGRAM, cli
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.files import read_image, read_label_series
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.normalisation import normalisation
from napari_spatial_embeddings.prediction.kept_frames import KeptFrames

from .results import untrained

IMAGEJ: dict[str, Any] = {
    "imagej": True,
    "resolution": (1 / 0.3, 1 / 0.3),
    "metadata": {"axes": "TYX", "unit": "um", "finterval": 30.0},
}


@pytest.fixture(scope="module")
def frames(data: Path) -> NDArray[np.uint16]:
    """Frames that get dimmer."""
    images = [tifffile.imread(data / f"images/{k}.tif") for k in (0, 1, 2, 0)]
    return np.stack([(1 - 0.1 * t) * image for t, image in enumerate(images)]).astype(np.uint16)


@pytest.fixture(scope="module")
def movie(frames: NDArray[np.uint16], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("movies") / "movie.tif", frames, **IMAGEJ)


def expected(model: Path, frames: NDArray[Any]) -> list[NDArray[np.int32]]:
    """Return the labels of each frame alone, normalised as the series."""
    own = SpatialEmbeddings.load(model)
    scale = normalisation(frames[:, None], own.settings)
    found = []
    for frame in frames:
        *_, last = own.predicting(frame[None], spacing=(1, 1), scale=scale)
        found.append(cluster(last.maps, own.clustering).labels)
    assert min(labels.max() for labels in found) > 2, "a test of empty frames proves nothing"
    return found


def test_labels_are_those_of_each_frame(
    tmp_path: Path, model: Path, movie: Path, frames: NDArray[np.uint16]
) -> None:
    outcome = done("predict", movie, "--model", model, "--output", tmp_path, "--table")
    want = expected(model, frames)
    path, count = tmp_path / "movie.tif", sum(int(labels.max()) for labels in want)
    assert outcome.out.splitlines() == [f"{path}: {count} objects in 4 frames"]
    assert set(contents(tmp_path)) == {"movie.tif", "movie.csv", "movie.csv.json"}
    np.testing.assert_array_equal(tifffile.imread(path), want)
    found = read_image(path, time=True)
    assert (found.axes, found.frame_interval, found.unit) == ("TCYX", 30.0, "um")
    assert found.pixel_size == pytest.approx((0.3, 0.3))
    with tifffile.TiffFile(path) as file:
        assert file.imagej_metadata is not None
        assert json.loads(file.imagej_metadata["Info"])["model"] == str(model)
    with (tmp_path / "movie.csv").open() as file_:
        rows = list(csv.DictReader(file_))
    assert [int(row["frame"]) for row in rows] == [
        t for t, labels in enumerate(want) for _ in range(labels.max())
    ]
    for row in rows:
        size = (want[int(row["frame"])] == int(row["label"])).sum()
        assert int(row["size_px"]) == size

    tracked = done("track", path, "--output", tmp_path / "tracks", "--json").facts[0]
    assert (tracked["frames"], tracked["objects"]) == (4, count)


@pytest.mark.parametrize("kind", ["ome", "zarr", "host", "given", "tif"])
def test_formats(
    tmp_path: Path, model: Path, movie: Path, frames: NDArray[np.uint16], kind: str
) -> None:
    source, output, written = movie, tmp_path / "out", tmp_path / "out/movie.tif"
    flags: tuple[str, ...] = ()
    if kind == "ome":
        flags, written = ("--ome",), tmp_path / "out/movie.ome.tif"
    elif kind == "zarr":
        output = written = tmp_path / "labels.zarr"
    elif kind == "tif":
        output = written = tmp_path / "labels.tif"
    elif kind == "host":
        source = ome_zarr(tmp_path / "movie.zarr", frames, "TYX", scale=[1, 0.3, 0.3])
        output = written = source / "labels" / "cells"
    else:
        source, flags = save(tmp_path / "movie.tif", frames), ("--axes", "TYX")
    done("predict", source, "--model", model, "--output", output, *flags)
    found = read_label_series([written])
    np.testing.assert_array_equal(np.asarray(found.data), expected(model, frames))
    if kind != "given":
        assert found.pixel_size == pytest.approx((0.3, 0.3))
    if kind == "host":
        facts: Any = dict(zarr.open_group(source / "labels").attrs)
        assert facts["ome"]["labels"] == ["cells"]
    assert not list(tmp_path.rglob("*.part"))


def test_frames_that_are_wanted_are_images_of_their_own_as_bright_as_in_the_series(
    tmp_path: Path, model: Path, movie: Path, frames: NDArray[np.uint16]
) -> None:
    command = "predict", movie, "--model", model, "--output"
    want = expected(model, frames)
    done(*command, tmp_path / "out", "--frames", 3, 1, 3, "--table")
    assert set(contents(tmp_path / "out")) == {
        f"movie, frame {t}.{kind}" for t in (1, 3) for kind in ("tif", "csv", "csv.json")
    }
    for t in (1, 3):
        found = read_image(tmp_path / f"out/movie, frame {t}.tif")
        np.testing.assert_array_equal(found.data[0], want[t])
        assert found.pixel_size == pytest.approx((0.3, 0.3))
    done(*command, tmp_path / "one.tif", "--frames", 3, "--block", 64)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "one.tif"), want[3])
    assert "has the frames 0 to 3, and no 4" in refused(*command, tmp_path / "a", "--frames", 4)
    assert "counted from 0" in refused(*command, tmp_path / "a", "--frames", -1)
    assert "leave --labels out" in refused(
        "predict", movie, "--model", model, "--labels", "cells", "--frames", 1
    )
    assert "there are 2 images" in refused(*command, tmp_path / "a.tif", "--frames", 0, 1)
    save(tmp_path / "still.tif", frames[0])
    assert "is no time series; leave it out" in refused(
        "predict", tmp_path / "still.tif", *command[2:], tmp_path / "a", "--frames", 0
    )


def test_channels_and_volumes(tmp_path: Path) -> None:
    image = np.stack([cells((4, 24, 24), t)[0] for t in range(3)])
    flat = untrained(tmp_path / "flat", in_channels=1)
    deep = untrained(tmp_path / "deep", ndim=3, spacing=(1, 1, 1))
    path = save(tmp_path / "a.tif", image, metadata={"axes": "TCYX"})
    assert "a 2D image with 4 channels" in refused(
        "predict", path, "--model", flat, "--output", tmp_path / "out"
    )
    done("predict", path, "--model", flat, "--output", tmp_path / "out", "--channels", 2)
    assert tifffile.imread(tmp_path / "out/a.tif").shape == (3, 24, 24)
    command = "predict", path, "--model", deep, "--output", tmp_path / "out"
    assert "a 2D image with 4 channels" in refused(*command)
    done(*command, "--axes", "TZYX", "--table")
    assert read_label_series([tmp_path / "out/a.tif"]).data.shape == (3, 4, 24, 24)
    assert "frame,label" in (tmp_path / "out/a.csv").read_text()


def test_what_cannot_be_done_is_said(tmp_path: Path, data: Path, model: Path, movie: Path) -> None:
    command = "predict", movie, "--model", model, "--output", tmp_path / "out"
    assert "is a time series, whose maps are not kept" in refused(*command, "--maps")
    assert "leave --panels out, or name --frames" in refused(*command, "--panels")
    into = (*command[:-1], tmp_path / "one.tif")
    assert "leave it out" in refused(*into, "--summary", tmp_path / "a.csv")
    path = tmp_path / "damaged.tif"
    frames = np.stack([tifffile.imread(data / "images/0.tif")] * 4).astype(np.float32)
    frames[2, 5, 5] = np.nan
    save(path, frames, metadata={"axes": "TYX"})
    save(tmp_path / "all.tif", frames * np.nan, metadata={"axes": "TYX"})
    said = refused("predict", tmp_path / "all.tif", "--model", model, "--output", tmp_path / "out")
    assert "NaN" in said
    assert not (tmp_path / "out/all.tif").exists()


def test_a_bad_frame_does_not_stop_the_others(
    tmp_path: Path, data: Path, model: Path, movie: Path
) -> None:
    path = tmp_path / "damaged.tif"
    frames = np.stack([tifffile.imread(data / "images/0.tif")] * 4).astype(np.float32)
    frames[2, 5, 5] = np.nan
    save(path, frames, metadata={"axes": "TYX"})
    flags = "--model", model, "--table", "--summary", tmp_path / "summary.csv", "--output"
    outcome = call("predict", movie, path, *flags, tmp_path / "out")
    assert outcome.code == 1
    named = "damaged, frame 2: the image holds NaN"
    assert outcome.err.splitlines()[1] == "1 frame could not be used:"
    assert outcome.err.splitlines()[2].strip().startswith(named)
    assert set(contents(tmp_path / "out")) == {
        f"{n}.{e}" for n in ("movie", "damaged") for e in ("tif", "csv", "csv.json")
    }
    found = tifffile.imread(tmp_path / "out/damaged.tif")
    want = expected(model, frames[[0, 1, 3]])
    np.testing.assert_array_equal(found[[0, 1, 3]], want)
    assert not found[2].any()
    with (tmp_path / "out/damaged.csv").open() as file:
        assert {row["frame"] for row in csv.DictReader(file)} == {"0", "1", "3"}
    with (tmp_path / "summary.csv").open() as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    assert rows["damaged"]["objects"] == str(sum(int(labels.max()) for labels in want))
    assert rows["damaged"]["error"].startswith(named)


def test_of_a_truncated_movie_the_frames_that_are_there_are_segmented(
    tmp_path: Path, model: Path, movie: Path
) -> None:
    content, path = movie.read_bytes(), tmp_path / "cut.tif"
    path.write_bytes(content[: int(0.6 * len(content))])
    command = "predict", path, "--model", model, "--output", tmp_path / "out"
    outcome = call(*command)
    assert outcome.code == 1
    for t in (2, 3):
        assert f"cut, frame {t}: {path} is truncated or damaged: not all pixels" in outcome.err
    found = tifffile.imread(tmp_path / "out/cut.tif")
    assert found[0].any()
    assert found[1].any()
    assert not found[2:].any()
    path.write_bytes(content)  # it is copied again
    assert call(*command).code == 0
    assert tifffile.imread(tmp_path / "out/cut.tif")[3].any()


@pytest.mark.parametrize("where", ["file", "store"])
def test_a_frame_that_cannot_be_read_does_not_stop_the_others(
    tmp_path: Path, model: Path, frames: NDArray[np.uint16], where: str
) -> None:
    path = tmp_path / ("a.tif" if where == "file" else "a.zarr")
    if where == "file":
        save(path, frames, metadata={"axes": "TYX"}, compression="zlib")
        with tifffile.TiffFile(path) as file:
            start = file.pages[2].dataoffsets[0]
        content = bytearray(path.read_bytes())
        content[start : start + 40] = b"\xff" * 40
        path.write_bytes(content)
    else:
        names = ["t", "y", "x"]
        array = zarr.create_array(
            path, shape=frames.shape, chunks=(1, 64, 64), dtype="u2", dimension_names=names
        )
        array[:] = frames
        (path / "c/2/0/0").write_bytes(b"damaged")
    outcome = call("predict", path, "--model", model, "--output", tmp_path / "out")
    assert outcome.code == 1
    assert f"a, frame 2: {path} is damaged" in outcome.err
    assert outcome.err.splitlines()[1] == "1 frame could not be used:"
    found = tifffile.imread(tmp_path / "out/a.tif")
    assert not found[2].any()
    assert all(found[t].any() for t in (0, 1, 3))


def test_evaluate_pairs_frames(tmp_path: Path) -> None:
    truth = np.stack([cells((40, 44), t)[1] for t in range(3)])
    worse = truth.copy()
    worse[2][worse[2] == worse[2].max()] = 0
    for folder, array in (("truth", truth), ("found", worse)):
        save(tmp_path / folder / "a.tif", array, metadata={"axes": "TYX"} if array is worse else {})
        for t, frame in enumerate(array):
            save(tmp_path / folder / "apart" / f"{t}.tif", frame)
    command = "evaluate", "--labels", tmp_path / "truth", "--predictions", tmp_path / "found"
    (scores,) = done(*command, "--json").facts
    assert list(scores["per_image"]) == [f"a.tif, frame {t}" for t in range(3)]
    apart = (x / "apart" if isinstance(x, Path) else x for x in command)
    (one_by_one,) = done(*apart, "--json").facts
    for key in ("images", "mean", "pooled", "counts"):
        assert scores[key] == one_by_one[key]
    assert scores["mean"]["recall"][0] < 1
    save(tmp_path / "found/a.tif", worse[:2], metadata={"axes": "TYX"})
    assert "they must cover the same pixels" in refused(*command)


def test_training_takes_the_annotated_frames(tmp_path: Path) -> None:
    images, labels = zip(*(cells((64, 64), t) for t in range(4)), strict=True)
    movie, annotated = np.stack(images), np.stack(labels)
    annotated[[1, 3]] = 0
    save(tmp_path / "images/a.tif", movie, metadata={"axes": "TYX"})
    save(tmp_path / "labels/a.tif", annotated, metadata={"axes": "TYX"})
    command = "train", *pairs(tmp_path), "--output", tmp_path / "model", *TINY
    start = done(*command, "--json").facts[0]
    assert start["used"]["objects"] == sum(int(labels[t].max()) for t in (0, 2))
    assert start["used"]["object_pixels"] == int((annotated > 0).sum())

    save(tmp_path / "labels/a.tif", annotated[:3], metadata={"axes": "TYX"})
    command = "train", *pairs(tmp_path), "--output", tmp_path / "other", *TINY
    assert "has 4 frames" in refused(*command)
    save(tmp_path / "labels/a.tif", annotated * 0, metadata={"axes": "TYX"})
    assert "a.tif: nothing is annotated" in refused(*command)


def test_memory_does_not_grow_with_the_frames(tmp_path: Path) -> None:
    """The maps of a frame alone take 0.3 MB here."""
    own = untrained(tmp_path / "model")
    peaks = {}
    for count in (3, 5, 25):  # the first one imports and compiles
        path = save(tmp_path / f"{count}.tif", np.stack([cells((128, 128))[0]] * count))
        tracemalloc.start()
        with in_files():
            command = "predict", path, "--model", own, "--axes", "TYX", "--output", tmp_path / "out"
            done(*command, "--table", "--json")
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    sampled = 4 * 20 * 128**2  # of the values that the normalisation takes, of all frames
    assert peaks[25] - peaks[5] < sampled + 2**20


class _Signalling(io.StringIO):
    """Standard output that sends this process a signal as soon as something is written."""

    def write(self, text: str) -> int:
        if not self.getvalue():
            os.kill(os.getpid(), signal.SIGTERM)
        return super().write(text)


@pytest.mark.parametrize("output", ["out", "out/movie.tif"])
def test_after_a_signal_it_goes_on(
    tmp_path: Path,
    model: Path,
    frames: NDArray[np.uint16],
    output: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = save(tmp_path / "in/movie.tif", np.concatenate([frames] * 2), **IMAGEJ)
    before = contents(path.parent)
    command = "predict", path, "--model", model, "--output", tmp_path / output, "--table"
    with redirect_stdout(_Signalling()) as out, redirect_stderr(io.StringIO()) as err:
        code = cli.main([str(part) for part in command])
    assert code == 1
    assert err.getvalue().startswith("what is done is kept in ")
    assert err.getvalue().endswith(f"{PROGRAM}: stopped\n")
    assert out.getvalue().startswith("movie: 8 frames, about ")
    kept = {p: p.stat().st_ino for p in tmp_path.rglob("*.part/*/*.npz")}
    assert 3 <= len(kept) < 8
    assert not list((tmp_path / "out").glob("*.tif"))
    assert contents(tmp_path / "in") == before
    new = list[int]()
    write = KeptFrames.write

    def counted(self: KeptFrames, t: int, *more: Any) -> None:
        new.append(t)
        write(self, t, *more)

    monkeypatch.setattr(KeptFrames, "write", counted)
    done(*command)
    assert sorted([*new, *(int(p.stem) for p in kept)]) == list(range(8))
    found = tifffile.imread(tmp_path / "out/movie.tif")
    np.testing.assert_array_equal(found, expected(model, np.concatenate([frames] * 2)))
    assert not list(tmp_path.rglob("*.part"))
