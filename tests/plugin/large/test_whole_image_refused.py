"""Whole images whose run is ended, refused, shared by workers, or seen by views."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import tifffile
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_spatial_embeddings.core import image_data
from napari_spatial_embeddings.files import read_labels, stored
from napari_spatial_embeddings.inference.workers import connecting
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from plugin.robot_actions import press
from plugin.whole_images import (
    SHAPE,
    Tasks,
    User,
    block_settings,
    commands,
    opened,
    pixels_of,
    stop,
    stop_half_way,
    whole,
)

Until = Callable[..., None]


def test_an_image_that_is_removed_ends_the_run_and_what_is_done_is_kept(
    viewer: Viewer, slide: Path, model: Path, until: Until
) -> None:
    dock = opened(viewer, slide, model, User())
    press(dock, "Whole image")
    until(lambda: dock.large._run is None or dock.large._run.blocks[0] >= 3)
    assert dock.images.layer is not None
    viewer.layers.remove(dock.images.layer)
    assert not dock.large.running
    until(lambda: not dock.large.busy and dock.message)
    assert dock.message == (
        "The image was removed while it was predicted: what is done is kept, and Whole image goes"
        " on from there."
    )
    (again,) = viewer.open(slide, plugin="napari-spatial-embeddings")
    dock.images.choose(again)
    until(lambda: dock.large.unfinished)


def test_another_project_ends_the_run(
    viewer: Viewer, slide: Path, model: Path, tmp_path: Path, until: Until
) -> None:
    from napari_spatial_embeddings.project import Project

    other = Project.create(tmp_path / "other")
    dock = opened(viewer, slide, model, User(tmp_path / "project"))
    results = dock.project.ensure().results_folder
    press(dock, "Whole image")
    until(lambda: dock.large._run is None or dock.large._run.blocks[0] >= 3)
    dock.project.open(other.folder)
    assert not dock.large.running
    until(lambda: dock.idle and dock.message)
    assert dock.message == (
        "The project was left while a whole image was predicted: what is done is kept, and Whole"
        " image goes on from there."
    )
    assert list(results.glob(".slide.zarr.part"))
    assert not list(other.folder.rglob("*.zarr"))


def test_a_full_disk_is_a_sentence_and_it_goes_on(
    viewer: Viewer, slide: Path, model: Path, tmp_path: Path, until: Until, tasks: Tasks
) -> None:
    dock = opened(viewer, slide, model, User())
    tasks.error = OSError(28, "No space left on device")
    press(dock, "Whole image")
    until(lambda: not dock.large.busy)
    assert dock.message == (
        f"{tmp_path / 'slide.labels.zarr'} cannot be written: No space left on device (make room"
        " there); what is done is kept, and Whole image goes on from there."
    )
    tasks.error = None
    tasks.clear()
    press(dock, "Go on")
    until(lambda: not dock.large.busy)
    assert len(set(tasks.blocks)) == 27 - 5
    assert read_labels(tmp_path / "slide.labels.zarr").max() > 50


def test_a_layer_without_a_file(
    new_viewer: Callable[..., Viewer],
    pixels: NDArray[np.float32],
    model: Path,
    tmp_path: Path,
    until: Until,
    tasks: Tasks,
) -> None:
    def lazily(array: NDArray[np.float32]) -> Any:
        return dask.array.from_array(array, chunks=(256, 256))  # type: ignore[no-untyped-call]

    viewer = new_viewer()
    dock = opened(viewer, lazily(pixels), model, User(tmp_path / "there"))
    count = stop_half_way(dock, until)
    dock.large.workers = "2"
    press(dock, "Go on")
    until(lambda: not dock.large.busy)
    assert dock.message.startswith("Workers open the image by its file, and slide is none")
    viewer.close()

    viewer = new_viewer()
    dock = opened(viewer, lazily(1 - pixels), model, User(tmp_path / "there.zarr"))
    said: list[str] = []
    dock.session.message.connect(lambda text, _: said.append(text))
    shutil.copytree(tmp_path / ".there.zarr.part", tmp_path / "kept")
    press(dock, "Whole image")
    until(lambda: any(said))
    stop(dock, until)
    viewer.close()
    assert next(filter(None, said)).startswith("The image changed since the last run")
    shutil.rmtree(tmp_path / ".there.zarr.part")
    (tmp_path / "kept").rename(tmp_path / ".there.zarr.part")

    viewer = new_viewer()
    tasks.clear()
    dock = opened(viewer, lazily(pixels), model, User(tmp_path / "there.zarr"))
    press(dock, "Whole image")
    until(lambda: not dock.large.busy)
    assert len(set(tasks.blocks)) == 27 - count
    np.testing.assert_array_equal(pixels_of(viewer), read_labels(tmp_path / "there.zarr"))


def test_what_cannot_be_used_is_refused_before_anything_is_written(
    viewer: Viewer, slide: Path, model: Path, tmp_path: Path, until: Until
) -> None:
    dock = opened(viewer, slide, model, User(slide))
    press(dock, "Whole image")
    until(lambda: not dock.large.busy)
    assert f"{slide} is there already, and was not written by this program" in dock.message
    block_settings(dock).workers.setText("four")
    press(dock, "Whole image")
    assert not dock.large.running
    assert "is neither a number of processes" in dock.message
    assert not list(tmp_path.glob(".*"))
    shutil.rmtree(tmp_path / "model")
    block_settings(dock).workers.setText("")


def test_what_it_takes_is_stated_after_a_few_blocks_and_stays(
    viewer: Viewer, slide: Path, model: Path, until: Until
) -> None:
    dock = opened(viewer, slide, model, User())
    takes, messages, seen = dock._tune.predict.whole.takes, list[str](), list[str]()
    dock.large.progressed.connect(lambda *report: messages.append(report[2]))
    dock.large.progressed.connect(lambda *_: seen.append(takes.text()))
    press(dock, "Whole image")
    until(lambda: not dock.large.busy)
    first = next(n for n, text in enumerate(seen) if text)
    assert set(seen[first:]) == {seen[first]}
    assert re.fullmatch(
        r"27 blocks: about .+, .+ of memory and up to .+ of disk meanwhile.*", seen[first]
    )
    assert any(re.fullmatch(r"\d+ of 27 blocks, \d+:\d\d min left", text) for text in messages)
    assert not takes.text()


def test_workers_share_the_work(
    viewer: Viewer,
    slide: Path,
    model: Path,
    tmp_path: Path,
    until: Until,
    tasks: Tasks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(connecting, "CONNECT_SECONDS", 1)
    dock = opened(viewer, slide, model, User())
    said: list[str] = []
    dock.session.message.connect(lambda text, _: said.append(text))
    block_settings(dock).workers.setText("2")
    press(dock, "Whole image")
    until(lambda: not dock.large.busy)
    assert not tasks, "this process does none of it"
    assert any(text.startswith("The workers' dashboard: http://127.0.0.1:") for text in said)
    assert dock.message.startswith("Wrote ")
    block_settings(dock).workers.setText("tcp://127.0.0.1:9")
    dock.project.dialogs = User()
    press(dock, "Whole image")
    until(lambda: not dock.large.busy)
    assert dock.message.startswith("No scheduler answers at tcp://127.0.0.1:9; start one with")
    np.testing.assert_array_equal(pixels_of(viewer), commands(tmp_path, slide, model))


def test_without_dask_a_sentence_names_the_extra(
    viewer: Viewer, slide: Path, model: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    dock = opened(viewer, slide, model, User())
    block_settings(dock).workers.setText("2")
    press(dock, "Whole image")
    until(lambda: not dock.large.busy)
    assert "pip install 'napari-spatial-embeddings[cluster]'" in dock.message
    assert dock.large.unfinished is None


def pyramidal_tiff(path: Path, pixels: NDArray[np.float32]) -> Path:
    tiles: dict[str, Any] = {"tile": (64, 64), "photometric": "minisblack"}
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(pixels, subifds=1, metadata={"axes": "YX"}, **tiles)
        file.write(pixels[::2, ::2], subfiletype=1, **tiles)
    return path


@pytest.mark.parametrize("kind", ["OME-Zarr", "TIFF"])
def test_a_large_image_and_its_views_are_predicted_as_a_whole(
    viewer: Viewer,
    pixels: NDArray[np.float32],
    slide: Path,
    model: Path,
    tmp_path: Path,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    monkeypatch.setattr(image_data, "MAX_PIXELS", 200_000)
    monkeypatch.setattr(stored, "MAX_BYTES_IN_MEMORY", 0)
    if kind == "TIFF":
        slide = pyramidal_tiff(tmp_path / "slide.ome.tif", pixels)
    dock = opened(viewer, slide, model, User())
    block_settings(dock).always.setChecked(False)
    image = dock.images.layer
    assert image is not None
    assert image.multiscale
    assert [level.shape for level in image.data] == [SHAPE, (150, 550)]
    assert not any(isinstance(level, np.ndarray) for level in image.data)
    eye = camera(viewer)
    eye.center, eye.zoom = (0, 40, 40), 10
    press(dock, "This view")
    until(lambda: dock.idle and dock.session.result is not None)
    assert dock.images.layer is not image, "a view of it"
    press(dock, "Whole image")
    until(lambda: not dock.large.busy)
    np.testing.assert_array_equal(pixels_of(viewer), commands(tmp_path, slide, model))
    layer = whole(viewer)
    assert layer is not None
    assert layer.name == f"{image.name} · whole image"
