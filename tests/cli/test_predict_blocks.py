"""``predict`` into one file: block by block, and what comes out is what the whole image gives."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from command_line import call, cells, contents, done, refused, save
from label_files import ome_zarr
from napari_spatial_embeddings import PROGRAM, cli, samples
from napari_spatial_embeddings.export import label_store
from napari_spatial_embeddings.files import read_image, read_labels
from napari_spatial_embeddings.files.ome_zarr import ome
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.large.unfinished import unfinished
from napari_spatial_embeddings.system import memory

SIZE = (150, 170)


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint16]:
    return np.tile(cells((80, 90), 7)[0], (2, 2))[: SIZE[0], : SIZE[1]]


@pytest.fixture
def image(tmp_path: Path, pixels: NDArray[np.uint16]) -> Path:
    return ome_zarr(tmp_path / "a.zarr", pixels, "YX", "0.5", [0.3, 0.3])


def predicted(image: Path, model: Path, output: Path, *more: object) -> NDArray[np.integer]:
    done("predict", image, "--model", model, "--output", output, "--block", 64, *more)
    return read_labels(output)


TIES = 2
"""Pixels of an object that may be in it in blocks, and not in the whole image, or the reverse."""


def test_every_output_holds_the_same(
    tmp_path: Path, image: Path, pixels: NDArray[np.uint16], model: Path
) -> None:
    inside = image / "labels" / "cells"
    found = [
        predicted(image, model, path)
        for path in (inside, tmp_path / "b.zarr", tmp_path / "b.tif", tmp_path / "c.ome.tif")
    ]
    for labels in found[1:]:
        np.testing.assert_array_equal(labels, found[0])
    whole = SpatialEmbeddings.load(model).segment(pixels).labels
    both = np.stack([found[0].ravel(), whole.ravel()])
    counts = np.unique(both, axis=1, return_counts=True)[1]
    assert whole.max() > 10
    # Maps of other tiles differ by rounding, which decides about single pixels at borders.
    assert (counts > TIES).sum() == whole.max() + 1 == found[0].max() + 1
    assert ome(zarr.open_group(image / "labels", mode="r"))["labels"] == ["cells"]
    for path in (inside, tmp_path / "b.zarr", tmp_path / "c.ome.tif"):
        assert read_image(path).pixel_size == pytest.approx((0.3, 0.3))
    np.testing.assert_array_equal(read_image(image).data[0], pixels)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"a.zarr", "b.zarr", "b.tif", "c.ome.tif"}, "nothing else is left"


def test_a_store_may_have_any_name(tmp_path: Path, pixels: NDArray[np.uint16], model: Path) -> None:
    image = ome_zarr(tmp_path / "field", pixels, "YX", "0.5", [0.3, 0.3])
    assert predicted(image, model, image / "labels/cells").any()
    assert ome(zarr.open_group(image / "labels", mode="r"))["labels"] == ["cells"]


@pytest.mark.parametrize(
    ("output", "table"),
    [
        ("a.zarr/labels/cells", "a.cells.csv"),
        ("out/b.labels.zarr", "out/b.labels.csv"),
        ("out/b.ome.tif", "out/b.csv"),
    ],
)
def test_table(
    tmp_path: Path, image: Path, pixels: NDArray[np.uint16], model: Path, output: str, table: str
) -> None:
    labels = predicted(image, model, tmp_path / output, "--table")
    path = tmp_path / table
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["label"]) for row in rows] == list(range(1, int(labels.max()) + 1))
    for row in rows:
        own = labels == int(row["label"])
        assert int(row["size_px"]) == own.sum()
        assert float(row["mean_intensity_0"]) == pytest.approx(pixels[own].mean(), rel=1e-4)
        middle = np.argwhere(own).mean(0)
        assert np.abs(middle - [float(row[f"centre_{a}_px"]) for a in "yx"]).max() < 4
        assert float(row["centre_y_um"]) == pytest.approx(0.3 * float(row["centre_y_px"]), rel=1e-3)
        assert float(row["area_um2"]) == pytest.approx(0.09 * own.sum(), rel=1e-4)


def test_no_object(tmp_path: Path, model: Path) -> None:
    image = save(tmp_path / "a.tif", np.zeros(SIZE, np.uint16))
    assert not predicted(image, model, tmp_path / "b.zarr", "--table").any()
    (head,) = (tmp_path / "b.csv").read_text().splitlines()
    assert head.startswith("label,class,score,centre_y_px")


def test_again_replaces(image: Path, model: Path) -> None:
    output = image / "labels/cells"
    assert predicted(image, model, output).any()
    assert not predicted(image, model, output, "--min-size", 10**6).any()
    assert ome(zarr.open_group(image / "labels", mode="r"))["labels"] == ["cells"]


def test_volume(tmp_path: Path) -> None:
    volume = samples.blobs(1, 48).image[0, :24].astype(np.uint16)
    image = save(tmp_path / "a.tif", volume, metadata={"axes": "ZYX"})
    model = Path("nuclei-3d")
    flags = "--tile", 64, "--halo", 8, "--block", 200, "--table"
    one = predicted(image, model, tmp_path / "b.zarr", *flags)
    np.testing.assert_array_equal(one, predicted(image, model, tmp_path / "c.tif", *flags))
    assert one.shape == volume.shape
    assert one.any()
    assert (tmp_path / "b.csv").read_text() == (tmp_path / "c.csv").read_text()


def test_states_what_it_takes(tmp_path: Path, image: Path, model: Path) -> None:
    command = "predict", image, "--model", model, "--output"
    out = done(*command, tmp_path / "b.zarr", "--block", 64).out.splitlines()
    assert out[0].startswith("9 blocks: about ")
    assert " of memory " in out[0]
    assert " of disk " in out[0]
    assert out[1].startswith(f"{tmp_path / 'b.zarr'}: ")
    (facts,) = done(*command, tmp_path / "c.zarr", "--json").facts
    assert facts["failed"] == []
    assert facts["written"][0]["objects"] == read_labels(tmp_path / "c.zarr").max()


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    nuclei = samples.nuclei(0, 320).image[0, :40, :40]
    image = save(tmp_path / "a.tif", np.kron(nuclei, np.ones((8, 8))).astype(np.uint16))
    flags = "--object-diameter", 200, "--block", 64, "--output", tmp_path / "b.tif"
    outcome = call("predict", image, "--model", "nuclei-2d", *flags)
    assert outcome.code == 0
    assert "did not fit in a block's halo" in outcome.err
    assert "choose a larger --block" in outcome.err


class _Signalling(io.StringIO):
    """Standard output that sends this process a signal as soon as something is written."""

    def write(self, text: str) -> int:
        if not self.getvalue():
            os.kill(os.getpid(), signal.SIGTERM)
        return super().write(text)


def stopped(*command: object) -> tuple[int, str, str]:
    """Run a command that gets a signal as soon as it writes a line."""
    with redirect_stdout(_Signalling()) as out, redirect_stderr(io.StringIO()) as err:
        code = cli.main([str(part) for part in command])
    return code, out.getvalue(), err.getvalue()


def test_after_a_signal_it_goes_on(tmp_path: Path, image: Path, model: Path) -> None:
    before = contents(tmp_path)
    labels = image / "labels/cells"
    command = "predict", image, "--model", model, "--output", labels, "--block", 64, "--table"
    code, out, err = stopped(*command)
    kept = tmp_path / ".a.zarr.cells.part"
    assert code == 1
    assert err == (
        f"what is done is kept in {kept}; the same command goes on from there\n{PROGRAM}: stopped\n"
    )
    assert out.startswith("9 blocks: about ")
    assert {n: b for n, b in contents(tmp_path).items() if not n.startswith(kept.name)} == before
    first, *_ = done(*command).out.splitlines()
    # What other threads had begun was done, too.
    assert re.fullmatch(r"[3-8] of 9 blocks were done by an earlier run", first)
    assert not kept.exists()
    whole = tmp_path / "whole.zarr"
    np.testing.assert_array_equal(read_labels(labels), predicted(image, model, whole, "--table"))
    assert (tmp_path / "a.cells.csv").read_text() == (tmp_path / "whole.csv").read_text()


def test_after_a_change_it_starts_from_the_first_block(
    tmp_path: Path, image: Path, model: Path
) -> None:
    command = "predict", image, "--model", model, "--output", tmp_path / "b.zarr"
    assert stopped(*command, "--block", 64)[0] == 1
    chunk = next(path for path in (image / "0" / "c").rglob("*") if path.is_file())
    os.utime(chunk, ns=(0, chunk.stat().st_mtime_ns + 10**9))
    first, *_ = done(*command, "--block", 80, "--min-size", 5).out.splitlines()
    assert first == (
        "the image, the clustering settings and the block settings changed since the last run,"
        " which ended early: nothing of it is used"
    )


def test_one_run_at_a_time_writes_an_output(tmp_path: Path, image: Path, model: Path) -> None:
    output = tmp_path / "b.zarr"
    with unfinished(output):
        says = refused("predict", image, "--model", model, "--output", output, code=1)
    assert says == f"another run is writing {output}; wait until it is done, or stop it"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("output", "flags", "says"),
    [
        ("a.zarr/labels/theirs", (), "was not written by this program"),
        ("a.zarr", (), "is the image itself"),
        ("small.zarr", (), "was not written by this program"),
        ("c.zarr/labels/cells", (), "there is no image"),
        ("small.zarr/labels/cells", (), "has the shape"),
        ("folder.tif", (), "is a folder"),
        ("a.tif", (), "is the image itself"),
        ("b.zarr", ("--maps",), "--maps: "),
        ("b.zarr", ("--panels",), "--panels: "),
        ("b.tif", ("--ome",), "--ome: "),
        ("b.zarr", ("--block", 7), "--block: "),
        ("b.zarr", ("--workers", 0), "--workers: should be 1 or more"),
        ("b.zarr", ("--workers", 2, "--scheduler", "tcp://a:1"), "--workers: a --scheduler has"),
    ],
)
def test_wrong_outputs(
    tmp_path: Path,
    image: Path,
    pixels: NDArray[np.uint16],
    model: Path,
    output: str,
    flags: tuple[Any, ...],
    says: str,
) -> None:
    ome_zarr(image / "labels/theirs", pixels, "YX")
    ome_zarr(tmp_path / "small.zarr", pixels[:50], "YX")
    (tmp_path / "folder.tif").mkdir()
    given = save(tmp_path / "a.tif", pixels) if output == "a.tif" else image
    before = contents(tmp_path)
    command = "predict", given, "--model", model, "--output", tmp_path / output, *flags
    assert says in refused(*command)
    assert contents(tmp_path) == before, "a wrong call writes nothing"


def test_too_large_an_image_is_noted(
    tmp_path: Path, image: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 600_000)
    outcome = call("predict", image, "--model", model, "--output", tmp_path / "results")
    assert outcome.code == 0
    assert outcome.err.startswith("a: needs about 1 MB of memory, and 1 MB are free; ")
    assert "block by block" in outcome.err


def test_one_file_is_for_one_image(tmp_path: Path, data: Path, model: Path) -> None:
    command = "predict", data / "images", "--model", model, "--output", tmp_path / "b.zarr"
    assert "there are 3 images" in refused(*command)
    assert not list(tmp_path.iterdir())


def test_after_a_full_disk_it_goes_on(
    tmp_path: Path, image: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    before = contents(tmp_path)
    command = "predict", image, "--model", model, "--output", image / "labels/cells", "--table"
    with monkeypatch.context() as patch:
        patch.setattr(label_store.LabelStore, "_metadata", full)
        outcome = call(*command)
    assert outcome.code == 1
    assert "make room" in outcome.err
    kept = ".a.zarr.cells.part"
    assert {n: b for n, b in contents(tmp_path).items() if not n.startswith(kept)} == before
    assert done(*command).out.startswith("1 of 1 block were done by an earlier run\n")
    assert not (tmp_path / kept).exists()
    assert read_labels(image / "labels/cells").any()


def test_tiff_of_many_objects_keeps_its_settings(tmp_path: Path, image: Path, model: Path) -> None:
    predicted(image, model, tmp_path / "b.tif", "--seed-threshold", 0.6)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        about = json.loads(file.pages.first.description)["settings"]
    assert about["clustering"]["seed_threshold"] == 0.6
