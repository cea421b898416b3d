"""``predict`` of folders in folders, plates, and files with several images."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaozarrs
import zarr
from numpy.typing import NDArray

from command_line import call, contents, done, refused, save
from label_files import ome_zarr
from napari_spatial_embeddings.cli.stop_request import StopRequest
from napari_spatial_embeddings.files import read_image, read_labels
from plates import collection, plate

from .results import labels


@pytest.fixture(scope="module")
def images(data: Path) -> list[NDArray[np.uint16]]:
    return [tifffile.imread(data / f"images/{k}.tif") for k in range(3)]


def table(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_folders_in_folders(
    tmp_path: Path, model: Path, predicted: Path, images: list[NDArray[np.uint16]]
) -> None:
    folder = tmp_path / "images"
    for name, image in zip(("a", "in/a", "in/deep/b"), images, strict=True):
        save(folder / f"{name}.tif", image)
    (folder / "in/bad.tif").write_bytes(b"II*\0 and then nothing")
    output = folder / "results"
    command = "predict", folder, "--pattern", "**/*.tif", "--model", model, "--output", output
    for _ in range(2):  # results among the images are none
        outcome = call(*command, "--summary", tmp_path / "summary.csv")
        assert outcome.code == 1
        assert outcome.err.splitlines()[1] == "1 of 4 images could not be used:"
    assert {name for name, content in contents(output).items() if content} == {
        "a.tif",
        "in/a.tif",
        "in/deep/b.tif",
    }
    found = labels(predicted)
    np.testing.assert_array_equal(read_labels(output / "in/a.tif"), found["1.tif"])
    rows = {row["image"]: row for row in table(tmp_path / "summary.csv")}
    assert list(rows) == ["a", "in/a", "in/bad", "in/deep/b"]
    assert "bad.tif" in rows["in/bad"]["error"]
    assert rows["in/bad"]["objects"] == ""
    for name, own in (("a", "0.tif"), ("in/deep/b", "2.tif")):
        sizes = np.bincount(found[own].ravel())[1:]
        assert int(rows[name]["objects"]) == len(sizes)
        assert float(rows[name]["mean_size_px"]) == pytest.approx(sizes.mean(), rel=1e-4)
        assert float(rows[name]["median_size_px"]) == pytest.approx(np.median(sizes), rel=1e-4)
        assert 0.5 < float(rows[name]["mean_score"]) <= 1
        assert rows[name]["error"] == ""
    assert not (tmp_path / "summary.wells.csv").exists()
    assert "name a folder" in refused("predict", folder / "a.tif", *command[2:])
    assert "like *.png" in refused(*command[:3], "*.png", *command[4:])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_plate(
    tmp_path: Path,
    model: Path,
    predicted: Path,
    images: list[NDArray[np.uint16]],
    version: str,
) -> None:
    path = plate(
        tmp_path / "p.zarr",
        {"A/1": {"0": images[0], "1": images[1]}, "B/1": {"0": images[2]}},
        version=version,
        listed={"B/1": ["1"], "B/2": ["0"]},
    )
    command = "predict", path, "--model", model, "--labels", "cells"
    outcome = call(*command, "--summary", tmp_path / "sum.csv")
    assert outcome.code == 1
    said = outcome.err.splitlines()
    assert "the well B1 lists the field 1" in said[0]
    assert "the plate lists the well B2" in said[1]
    assert said[2] == "2 of 5 images could not be used:"
    for name, place in (("0", "A/1/0"), ("1", "A/1/1"), ("2", "B/1/0")):
        written = path / place / "labels" / "cells"
        found = read_image(written)
        np.testing.assert_array_equal(found.data[0], read_labels(predicted / f"{name}.tif"))
        assert found.pixel_size == pytest.approx((0.3, 0.3))
        yaozarrs.validate_zarr_store(str(path / place))
    rows = table(tmp_path / "sum.csv")
    assert [row["well"] for row in rows] == ["A1", "A1", "B1", "B1", "B2"]
    assert rows[0]["size_unit"] == "um2"
    wells = {row["well"]: row for row in table(tmp_path / "sum.wells.csv")}
    assert [wells["A1"][k] for k in ("images", "failed")] == ["2", "0"]
    assert [wells["B1"][k] for k in ("images", "failed")] == ["1", "1"]
    assert [wells["B2"][k] for k in ("images", "failed", "objects")] == ["0", "1", ""]
    counts = [int(rows[k]["objects"]) for k in range(2)]
    assert int(wells["A1"]["objects"]) == sum(counts)
    mean = sum(n * float(row["mean_size"]) for n, row in zip(counts, rows, strict=False))
    assert float(wells["A1"]["mean_size"]) == pytest.approx(mean / sum(counts), rel=1e-4)

    again = call(*command)  # those of this program are replaced
    assert again.code == 1
    assert len(again.out.splitlines()) == 3

    done("predict", path / "A" / "1", *command[2:4], "--output", tmp_path / "files", "--table")
    assert set(contents(tmp_path / "files")) == {
        f"p_A1_{f}.{kind}" for f in "01" for kind in ("tif", "csv", "csv.json")
    }


def test_positions(tmp_path: Path, model: Path, images: list[NDArray[np.uint16]]) -> None:
    several = tmp_path / "t.ome.tif"
    with tifffile.TiffWriter(several, ome=True) as file:
        for image in images:
            file.write(image, metadata={"axes": "YX"}, photometric="minisblack")
    zarrs = collection(tmp_path / "z.zarr", {str(k): image for k, image in enumerate(images)})
    command = "predict", several, zarrs, "--model", model, "--output", tmp_path / "out"
    done(*command, "--object-diameter", 12)
    names = [f"{stem}_{k}.tif" for stem in "tz" for k in range(3)]
    assert set(contents(tmp_path / "out")) == set(names)
    found = labels(tmp_path / "out")
    for k in range(3):
        np.testing.assert_array_equal(found[f"t_{k}.tif"], found[f"z_{k}.tif"])
    assert found["t_0.tif"].max() > 2
    channels = call(*command, "--channels", 1)
    assert [line.partition(":")[0] for line in channels.err.splitlines()[:3]] == [
        f"t_{k}" for k in range(3)
    ]


def test_labels_go_into_images_alone(
    tmp_path: Path, model: Path, images: list[NDArray[np.uint16]], data: Path
) -> None:
    path = ome_zarr(tmp_path / "a.zarr", images[0], "YX", scale=[0.3, 0.3])
    command = "predict", path, "--model", model
    into = (*command, "--labels", "cells")
    assert "name a folder for it" in refused(*into, "--table")
    assert "names the place of the labels" in refused(*into, "--output", tmp_path / "b.zarr")
    assert "is no name" in refused(*command, "--labels", "a/b")
    said = refused("predict", data / "images/0.tif", *command[2:], "--labels", "cells")
    assert "is no OME-Zarr" in said
    assert "cells" not in set(contents(path))
    (path / "labels" / "cells").mkdir(parents=True)
    assert "was not written by this program" in refused(*into)
    (path / "labels" / "cells").rmdir()
    done(*into, "--table", "--output", tmp_path / "tables")
    assert set(contents(tmp_path / "tables")) == {"a.csv", "a.csv.json"}
    yaozarrs.validate_zarr_store(str(path))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_are_accepted_by_another_reader(
    tmp_path: Path, model: Path, images: list[NDArray[np.uint16]], version: str
) -> None:
    """Which refuses labels whose group has no version, as yaozarrs does not."""
    models = pytest.importorskip("ome_zarr_models")
    five = np.stack([images[0]] * 2)[None, :, None]
    path = plate(tmp_path / "p.zarr", {"A/1": {"0": five}}, "TCZYX", version)
    flags = "--labels", "cells", "--channels", 0
    done("predict", path, "--model", model, *flags)
    for place in ("", "labels/cells"):
        models.open_ome_zarr(zarr.open_group(path / "A/1/0" / place, mode="r"))


def test_a_well_by_a_path_from_here(
    tmp_path: Path,
    model: Path,
    images: list[NDArray[np.uint16]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plate(tmp_path / "p.zarr", {"A/1": {"0": images[0]}, "B/2": {"0": images[1]}})
    monkeypatch.chdir(tmp_path)
    for here, given in ((".", "p.zarr/A/1"), ("p.zarr/A/1", "."), ("p.zarr/A", "1")):
        monkeypatch.chdir(tmp_path / here)
        done("predict", given, "--model", model, "--output", tmp_path / "out")
        (found,) = (tmp_path / "out").iterdir()
        assert found.name.startswith("p_A1")
        found.unlink()


def test_nothing_but_results_is_replaced(
    tmp_path: Path, model: Path, images: list[NDArray[np.uint16]]
) -> None:
    one, other = save(tmp_path / "in/a.tif", images[0]), save(tmp_path / "a.tif", images[1])
    more = save(tmp_path / "in/b.tif", images[2])
    before = contents(tmp_path)
    with_model = "predict", one.parent, "--model", model
    outcome = call(*with_model, "--output", tmp_path)
    assert outcome.code == 1
    assert "a.tif is there already, and was not written by this program" in outcome.err
    for _ in range(2):  # what was not in the way was written, and may be again
        assert call(*with_model, "--output", tmp_path).code == 1
    (tmp_path / "b.tif").unlink()
    said = refused("predict", one, "--model", model, "--output", more)
    assert "b.tif is there already" in said
    assert contents(tmp_path) == before
    assert "is the image itself" in refused("predict", one, "--model", model, "--output", one)
    for _ in range(2):
        done("predict", one, "--model", model, "--output", tmp_path / "c.tif")
    assert other.read_bytes() == before["a.tif"]


def test_a_summary_is_a_table_of_its_own(
    tmp_path: Path, model: Path, images: list[NDArray[np.uint16]]
) -> None:
    image, out = save(tmp_path / "in/a.tif", images[0]), tmp_path / "out"
    before = contents(tmp_path)
    start = "predict", image, "--model", model, "--output", out, "--table", "--summary"
    for name in (image, tmp_path / "in", tmp_path / "summary"):
        assert "is no name for a table; expected NAME.csv" in refused(*start, name)
    assert "a.csv is an image's table of objects" in refused(*start, out / "a.csv")
    assert contents(tmp_path) == before
    done(*start, out / "summary.csv")


def test_results_lie_in_no_image(
    tmp_path: Path, model: Path, images: list[NDArray[np.uint16]]
) -> None:
    image = ome_zarr(tmp_path / "a.zarr", images[0], "YX")
    before = contents(tmp_path)
    for output in (image / "labels", image / "0", image / "results", image / "x.tif"):
        said = refused("predict", image, "--model", model, "--output", output)
        assert "which holds nothing but its arrays" in said
    assert contents(tmp_path) == before


def test_a_run_that_was_stopped_goes_on(
    tmp_path: Path, model: Path, images: list[NDArray[np.uint16]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is done is not done again, unless something has changed; its summary is complete."""
    path = plate(tmp_path / "p.zarr", {"A/1": {str(k): image for k, image in enumerate(images)}})
    command = "predict", path, "--model", model, "--labels", "cells"
    summary = "--summary", tmp_path / "sum.csv"

    def stopped(*more: object) -> str:
        """Press Ctrl+C once two images are done."""

        def cancelled(self: StopRequest) -> bool:  # noqa: ARG001
            return (path / "A/1/1/labels/cells").exists()

        with monkeypatch.context() as patch:
            patch.setattr(StopRequest, "cancelled", cancelled)
            outcome = call(*command, *summary, *more)
        assert outcome.code == 1
        return outcome.err

    part = tmp_path / ".p.zarr.cells.part"
    assert f"what is done is kept in {part}" in stopped()
    before = (path / "A/1/0/labels/cells").stat().st_mtime_ns
    out = done(*command, *summary).out.splitlines()
    assert out[1] == "2 of 3 images were done by an earlier run"
    assert len(out) == 2
    assert (path / "A/1/0/labels/cells").stat().st_mtime_ns == before
    assert not part.exists()
    rows = table(tmp_path / "sum.csv")
    assert len(done(*command, *summary).out.splitlines()) == 3, "it came to its end before"
    assert table(tmp_path / "sum.csv") == rows
    for more in ((), ("--seed-threshold", 0.9)):
        for k in range(3):
            shutil.rmtree(path / f"A/1/{k}/labels")
        stopped()
        if not more:  # labels that are gone are made again
            shutil.rmtree(path / "A/1/0/labels/cells")
        out = done(*command, *summary, *more).out.splitlines()
        assert ("1 of 3 images were done by an earlier run" in out) == (not more)
        assert len(out) == 3
