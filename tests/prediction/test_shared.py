"""Images, series and plates among workers of Dask: the results are those of one process."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from command_line import call, contents, undated
from label_files import ome_zarr
from loops import loops
from napari_spatial_embeddings import samples
from napari_spatial_embeddings.cli.image_reader import ImageReader
from napari_spatial_embeddings.cli.predicting.inputs import find_inputs
from napari_spatial_embeddings.config import BlockSettings, PredictionSettings
from napari_spatial_embeddings.core import image_data
from napari_spatial_embeddings.core.compiled import noticed
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files import read_image, state_of
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.inference.registry import find_model
from napari_spatial_embeddings.inference.workers.connecting import local_workers
from napari_spatial_embeddings.inference.workers.dask_workers import DaskWorkers
from napari_spatial_embeddings.prediction.done import DoneImages
from napari_spatial_embeddings.prediction.inputs import Input
from napari_spatial_embeddings.prediction.many import predict_inputs
from napari_spatial_embeddings.prediction.outputs import Outputs
from napari_spatial_embeddings.prediction.reports import InputReport
from napari_spatial_embeddings.prediction.run import PredictRun
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.project.frames import add_frame
from napari_spatial_embeddings.project.windows import add_window
from plates import plate

LARGE = 120 * 160
"""Pixels from which images are large in these tests."""

FRAMES = 4


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two images, a series with a bad frame, a large image and a damaged file."""
    folder = tmp_path_factory.mktemp("images")
    pixels = [samples.crowded_nuclei(k, 120).image[0].astype(np.uint16) for k in range(FRAMES)]
    for k in range(2):
        tifffile.imwrite(folder / f"{k}.tif", pixels[k])
    series = np.stack(pixels).astype(np.float32)
    series[2, 3, 4] = np.nan
    ome_zarr(folder / "film.zarr", series, "TYX", scale=[1, 0.5, 0.5])
    tifffile.imwrite(folder / "slide.tif", np.concatenate(pixels[:3]), tile=(64, 64))
    (folder / "bad.tif").write_bytes(b"II*\0 and then nothing")
    return folder


@pytest.fixture(scope="module")
def workers() -> Iterator[DaskWorkers]:
    with local_workers(2, partial(find_model, "nuclei-2d")) as found:
        found._client.run(_make_large)
        yield found


def _make_large() -> None:
    image_data.MAX_PIXELS = LARGE


@pytest.fixture(autouse=True)
def _large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_data, "MAX_PIXELS", LARGE)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As many as a worker has: with others, the network's last digits are other ones."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def inputs_of(folder: Path) -> list[Input]:
    return [
        Input(path.stem, path, partial(read_image, path, time=True), state=partial(state_of, path))
        for path in sorted(folder.iterdir())
    ]


def run_into(output: Path) -> PredictRun:
    model, tiles = find_model("nuclei-2d"), PredictionSettings(device="cpu")
    outputs, blocks = Outputs(output, table=True), BlockSettings(block=96)
    return PredictRun(model, "nuclei-2d", model.clustering, tiles, outputs, blocks=blocks)


def timeless(folder: Path) -> dict[str, bytes | None]:
    """Return what is in a folder, without when it was written."""
    return {name: undated(content) for name, content in contents(folder).items()}


def last_reports(reports: Iterator[InputReport]) -> dict[str, InputReport]:
    return {report.one.name: report for report in reports if report.finished}


def facts(report: InputReport) -> tuple[Any, ...]:
    own = report.summary
    assert own is not None
    return (
        own.sizes.tolist(),
        own.scores.tolist(),
        own.pixel,
        own.unit,
        own.frames,
        own.error,
        own.lacks,
    )


def test_results_are_those_of_one_process(
    tmp_path: Path, images: Path, workers: DaskWorkers
) -> None:
    inputs = inputs_of(images)
    one, other = run_into(tmp_path / "one"), run_into(tmp_path / "other")
    alone = last_reports(predict_inputs(one, inputs, DoneImages(tmp_path / "a", one.facts)))
    record, seen = DoneImages(tmp_path / "b", other.facts), list[InputReport]()
    for report in predict_inputs(other, inputs, record, workers):
        seen.append(report)
    shared = last_reports(iter(seen))
    assert len(shared) == sum(report.finished for report in seen) == len(inputs)
    assert {name: facts(report) for name, report in shared.items()} == {
        name: facts(report) for name, report in alone.items()
    }
    assert timeless(tmp_path / "other") == timeless(tmp_path / "one")
    endings = "tif", "csv", "csv.json"
    assert set(contents(tmp_path / "one")) == {
        f"{name}.{kind}" for name in ("0", "1", "film", "slide") for kind in endings
    }
    assert "bad.tif" in str(shared["bad"].error)
    assert shared["film"].lacks[0].startswith("film, frame 2: ")
    assert seen[-1].seconds_left == 0

    (tmp_path / "other/1.tif").unlink()
    again = last_reports(predict_inputs(other, inputs, record, workers))
    assert {name for name, report in again.items() if report.earlier} == {"0", "slide"}
    assert timeless(tmp_path / "other") == timeless(tmp_path / "one")


def test_images_of_a_project(tmp_path: Path, images: Path, workers: DaskWorkers) -> None:
    """By `--project` and `--workers`: one of them is a view of a large image, one is gone."""
    project = Project.create(tmp_path / "project")
    shutil.copy(images / "0.tif", tmp_path / "moved.tif")
    series, large = read_image(images / "film.zarr", time=True), read_image(images / "slide.tif")
    for path in (images / "1.tif", images / "slide.tif", tmp_path / "moved.tif"):
        project.add_image(path)
    add_frame(
        project, "film.t0001", series, 1, name="film, frame 1", source=str(images / "film.zarr")
    )
    window = (40, 160), (0, 100)
    add_window(project, "view", large, window, name="view", source=str(images / "slide.tif"))
    (tmp_path / "moved.tif").unlink()
    inputs = find_inputs([], ImageReader(), project)
    found = []
    for name, others in (("one", None), ("other", workers)):
        run = run_into(tmp_path / name)
        reports = predict_inputs(
            run, inputs, DoneImages(tmp_path / f"{name}.part", run.facts), others
        )
        found.append({name: facts(report) for name, report in last_reports(reports).items()})
    assert found[0] == found[1]
    assert {name for name, known in found[0].items() if known[-2]} == {"moved"}
    assert timeless(tmp_path / "other") == timeless(tmp_path / "one")
    written = {path.stem for path in (tmp_path / "one").glob("*.tif")}
    assert written == {"1", "film", "slide", "view"}


def test_frames_that_are_done_are_not_done_again(
    tmp_path: Path, images: Path, workers: DaskWorkers
) -> None:
    run, (film,) = run_into(tmp_path / "out"), [i for i in inputs_of(images) if i.name == "film"]
    record = DoneImages(tmp_path / "a", run.facts)
    for report in predict_inputs(run, [film], record, workers):
        if report.frames[0] >= 2:
            break
    kept = {path: path.stat().st_ino for path in (tmp_path / "a").rglob("*.npz")}
    assert len(kept) >= 1
    *_, last = predict_inputs(run, [film], record)
    assert last.summary is not None
    assert last.summary.frames == FRAMES
    assert all(path.stat().st_ino == inode for path, inode in kept.items())


def test_another_model_is_refused(tmp_path: Path, images: Path, workers: DaskWorkers) -> None:
    run, wrong = run_into(tmp_path), partial(find_model, "cells-2d")
    others = DaskWorkers(workers._client, wrong)
    with pytest.raises(InputError, match=r"the worker on .* has another state of the model"):
        list(predict_inputs(run, inputs_of(images), DoneImages(tmp_path / "a", run.facts), others))


def test_that_workers_compile_is_noticed_here(tmp_path: Path, workers: DaskWorkers) -> None:
    class Compiles:
        def do(self, _task: object) -> int:
            return int(loops(tmp_path).twice(3))

    noted, others = threading.Event(), DaskWorkers(workers._client, workers._model)
    with noticed(noted.set):
        others.submit(lambda _model: Compiles(), str(tmp_path), None, "task")
        while (finished := others.next()) is None:
            pass
        assert finished.result == 6, finished.error
        assert noted.wait(60)


@pytest.mark.slow
def test_an_image_at_which_workers_end_is_named_and_no_other(
    tmp_path: Path, images: Path, workers: DaskWorkers
) -> None:
    """The others are beside it when its workers end, and are blamed as well at first."""

    def deadly() -> SpatialEmbeddings:
        model = find_model("nuclei-2d")
        check = model.check

        def end(image: Any) -> Any:
            if image.shape[-1] > 300:
                os.kill(os.getpid(), signal.SIGKILL)
            return check(image)

        model.check = end  # type: ignore[method-assign]
        return model

    folder = tmp_path / "in"
    folder.mkdir()
    for name in "abcd":
        shutil.copy(images / "0.tif", folder / f"{name}.tif")
    tifffile.imwrite(folder / "deadly.tif", np.tile(tifffile.imread(images / "0.tif")[:40], (1, 4)))
    run, others = run_into(tmp_path / "out"), DaskWorkers(workers._client, deadly)
    record = DoneImages(tmp_path / "kept", run.facts)
    last = last_reports(predict_inputs(run, inputs_of(folder), record, others))
    assert {name for name, report in last.items() if report.error} == {"deadly"}
    assert "ended again and again at the same image" in str(last["deadly"].error)


def test_on_the_command_line(tmp_path: Path) -> None:
    """A plate, and the images of a project's folder, by workers that the command starts."""
    pixels = [samples.crowded_nuclei(k, 100).image[0].astype(np.uint16) for k in range(3)]
    wells = {"A/1": {"0": pixels[0], "1": pixels[1]}, "B/2": {"0": pixels[2]}}
    for name in ("one", "other"):
        plate(tmp_path / name / "p.zarr", wells, listed={"B/2": ["1"]})
    flags = "--model", "nuclei-2d", "--labels", "cells", "--table", "--output"
    for name, more in (("one", ()), ("other", ("--workers", 2))):
        path = tmp_path / name / "p.zarr"
        summary = "--summary", tmp_path / name / "all.csv"
        outcome = call("predict", path, *flags, tmp_path / name / "tables", *summary, *more)
        assert outcome.code == 1
        assert "the well B2 lists the field 1" in outcome.err
        assert "1 of 4 images could not be used" in outcome.err
        assert ("dashboard of the workers: " in outcome.out) == bool(more)
    found = timeless(tmp_path / "other")
    for name, content in timeless(tmp_path / "one").items():
        assert found.pop(name) == content or name.endswith("all.csv"), name
    assert not found
    assert len((tmp_path / "other/all.wells.csv").read_text().splitlines()) == 3


def small_project(images: Path) -> Project:
    """Return a project of an image, a large one and a frame, by paths relative to the folder."""
    project, film = Project.create("project"), images / "film.zarr"
    project.add_image(images / "1.tif")
    project.add_image(images / "slide.tif")
    series = read_image(film, time=True)
    add_frame(project, "film.t0001", series, 1, name="film, frame 1", source=str(film))
    return project


@pytest.mark.parametrize("kind", ["folder", "plate", "project", "series", "frames"])
def test_by_a_scheduler_on_the_command_line(
    tmp_path: Path, images: Path, workers: DaskWorkers, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its workers were started in another folder, and know nothing of relative paths."""
    address, found = workers._client.scheduler_info()["address"], []
    for name, more in (("one", ()), ("other", ("--scheduler", address))):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        shutil.copytree(images, "in")
        command: tuple[object, ...] = "in/film.zarr", "--output", "film.tif", "--table"
        if kind == "folder":
            command = "in", "--output", "out", "--table", "--summary", "all.csv"
        elif kind == "plate":
            pixels = tifffile.imread("in/0.tif")
            plate(Path("p.zarr"), {"A/1": {"0": pixels}, "B/2": {"0": pixels[::-1]}})
            command = "p.zarr", "--labels", "cells"
        elif kind == "project":
            command = "--project", small_project(Path("in")).folder
        elif kind == "frames":
            command = "in/film.zarr", "--frames", 3, 1, "--output", "out"
        flags = "--model", "nuclei-2d", "--device", "cpu", "--block", 96
        outcome = call("predict", *command, *flags, *more)
        found.append((outcome.code, outcome.err, timeless(Path())))
    assert found[0][0] == (1 if kind in ("folder", "project", "series") else 0), found[0][1]
    assert set(found[0][1].splitlines()) == set(found[1][1].splitlines())
    assert found[0][2].keys() == found[1][2].keys()
    own = "project.json", "zarr.json", ".csv"  # which hold paths, or digits of sums
    for name, content in found[0][2].items():
        assert content == found[1][2][name] or name.endswith(own), name
    written = {"folder": "out/slide.tif", "plate": "p.zarr/B/2/0/labels/cells/zarr.json"}
    written |= {"project": "project/results/slide.zarr/zarr.json", "series": "film.tif"}
    assert written.get(kind, "out/film, frame 3.tif") in found[1][2]
