"""Whole images, predicted block by block in the window: stopped, closed, and gone on with."""

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
from napari.layers import Image, Labels
from napari.viewer import Viewer
from numpy.typing import NDArray

from builders import capsules, picture
from command_line import done
from label_files import ome_zarr
from napari_spatial_embeddings.config import BlockSettings
from napari_spatial_embeddings.core import image_data
from napari_spatial_embeddings.files import read_labels, stored
from napari_spatial_embeddings.inference.block_work import BlockWork, Task
from napari_spatial_embeddings.inference.workers import connecting
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.plugin.sections.prediction.large import LargeSettings
from plugin.project_files import Answers
from plugin.robot_actions import button, open_dock, press
from plugin.untrained import model_of

Until = Callable[..., None]

SHAPE = (300, 1100)
"""Of the image: 3 x 9 blocks, and two levels of labels."""


@pytest.fixture
def pixels() -> NDArray[np.float32]:
    made: NDArray[np.float32] = picture(capsules(SHAPE, 40))[0]
    return made


@pytest.fixture
def slide(tmp_path: Path, pixels: NDArray[np.float32]) -> Path:
    return ome_zarr(tmp_path / "slide.zarr", pixels, "YX", "0.5", [0.3, 0.3])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    model_of().save(tmp_path / "model")
    return tmp_path / "model"


class Tasks(list[Task]):
    """The tasks that were done, whose work is counted; one of them may fail."""

    error: BaseException | None = None

    @property
    def blocks(self) -> list[int]:
        return [task.block for task in self if task.block is not None]


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Tasks:
    tasks, do = Tasks(), BlockWork.do

    def counted(self: BlockWork, task: Task) -> Any:
        if tasks.error is not None and len(tasks.blocks) > 4:
            raise tasks.error
        tasks.append(task)
        return do(self, task)

    monkeypatch.setattr(BlockWork, "do", counted)
    return tasks


class User(Answers):
    """A user who puts labels beside the image, or where the dialog is asked to."""

    def __init__(self, path: Path | None = None, *, sure: bool = True) -> None:
        super().__init__(path)
        self.asked: list[object] = []
        self.sure = sure

    def save_labels(self, suggestion: Path, /) -> Path | None:
        self.asked.append(suggestion)
        return self._path or suggestion

    def confirm(self, question: str, yes: str, no: str, /) -> bool:  # noqa: ARG002
        self.asked.append(question)
        return self.sure


def opened(viewer: Viewer, data: Any, model: Path, user: User) -> SpatialEmbeddingsWidget:
    """Open the dock on an image, by its path or its array, and choose a small model and blocks."""
    if isinstance(data, Path):
        viewer.open(data, plugin="napari-spatial-embeddings")
    else:
        viewer.add_image(data, name="slide", contrast_limits=(0, 1))
    dock = open_dock(viewer)
    dock.project.dialogs = user
    (layer,) = (x for x in viewer.layers if isinstance(x, Image))
    dock.images.choose(layer)
    prepare(dock, model)
    return dock


def block_settings(dock: SpatialEmbeddingsWidget) -> LargeSettings:
    """Return the settings of whole images, opened."""
    dock._tune.predict.settings.set_open(True)
    return dock._tune.predict.settings.blocks


def prepare(dock: SpatialEmbeddingsWidget, model: Path) -> None:
    dock.session.set_device("cpu")
    dock.session.set_model(model, model_of().clustering)
    dock.session.set_prediction(tile=128)
    dock.prediction.blocks = BlockSettings(block=128)
    block_settings(dock).always.setChecked(True)


def whole(viewer: Viewer) -> Labels | None:
    found = [x for x in viewer.layers if x.name.endswith("whole image")]
    assert len(found) <= 1
    return found[0] if found else None


def pixels_of(viewer: Viewer) -> NDArray[np.integer]:
    layer = whole(viewer)
    assert layer is not None
    return np.asarray(layer.data[0][()])


def stop_half_way(dock: SpatialEmbeddingsWidget, until: Until) -> int:
    """Start, and stop once some blocks are done; return how many are."""
    press(dock, "Whole image")
    until(lambda: dock.large._run is None or dock.large._run.blocks[0] >= 8)
    stop(dock, until)
    assert dock.large.unfinished is not None
    return dock.large.unfinished[0]


def stop(dock: SpatialEmbeddingsWidget, until: Until) -> None:
    row = dock._tune.predict.whole.row
    assert row.button.text() == "Stop"
    row.button.click()
    until(lambda: not dock.large.busy)


def commands(folder: Path, slide: Path, model: Path) -> NDArray[np.integer]:
    """Return what the command line makes of it."""
    output = folder / "command.zarr"
    flags = "--block", 128, "--tile", 128, "--device", "cpu", "--table"
    done("predict", slide, "--model", model, "--output", output, *flags)
    return read_labels(output)


def test_labels_and_table_are_those_of_the_command_line(
    viewer: Viewer, slide: Path, model: Path, tmp_path: Path, until: Until
) -> None:
    user = User()
    dock = opened(viewer, slide, model, user)
    press(dock, "Whole image")
    assert not button(dock, "Whole image").isEnabled()
    until(lambda: not dock.large.busy)
    output = tmp_path / "slide.labels.zarr"
    assert user.asked == [output]
    labels = read_labels(output)
    assert dock.message == f"Wrote {labels.max()} objects and their table to {output}"
    assert labels.max() > 50
    np.testing.assert_array_equal(labels, commands(tmp_path, slide, model))
    one, other = tmp_path / "slide.labels.csv", tmp_path / "command.csv"
    assert one.read_text() == other.read_text()
    layer = whole(viewer)
    assert layer is not None
    assert layer.multiscale
    assert not any(isinstance(level, np.ndarray) for level in layer.data)
    np.testing.assert_array_equal(pixels_of(viewer), labels)
    np.testing.assert_allclose(layer.scale, (0.3, 0.3))
    assert not list(tmp_path.glob(".*")), "nothing is left of the run"


def test_stopped_closed_and_gone_on_with(
    new_viewer: Callable[..., Viewer],
    slide: Path,
    model: Path,
    tmp_path: Path,
    until: Until,
    tasks: Tasks,
) -> None:
    viewer = new_viewer()
    dock = opened(viewer, slide, model, User())
    count = stop_half_way(dock, until)
    assert 8 <= count < 27
    seen = pixels_of(viewer)
    assert seen.any()
    until(lambda: whole(viewer).thumbnail[..., :3].any())  # type: ignore[union-attr]
    viewer.close()

    before = tasks.blocks
    tasks.clear()
    viewer = new_viewer()
    user = User()
    dock = opened(viewer, slide, model, user)
    until(lambda: dock.large.unfinished)
    np.testing.assert_array_equal(pixels_of(viewer), seen)
    assert f"{count} of 27 blocks done" in dock._tune.predict.whole.row.text
    press(dock, "Go on")
    until(lambda: not dock.large.busy)
    assert user.asked == [], "the place is known"
    assert not set(before[:count]) & set(tasks.blocks)
    assert len(tasks.blocks) <= 27 - count + 2, "blocks whose halo grew are done twice"
    viewer.close()
    tasks.clear()
    np.testing.assert_array_equal(
        read_labels(tmp_path / "slide.labels.zarr"), commands(tmp_path, slide, model)
    )

    viewer = new_viewer()
    dock = opened(viewer, slide, model, User(sure=False))
    until(lambda: whole(viewer) is not None)
    np.testing.assert_array_equal(pixels_of(viewer), read_labels(tmp_path / "slide.labels.zarr"))
    tasks.clear()
    press(dock, "Whole image")
    assert not dock.large.running, "complete labels are replaced by a user who is sure only"


def test_what_the_command_line_began_the_window_goes_on_with(
    viewer: Viewer, slide: Path, model: Path, tmp_path: Path, until: Until, tasks: Tasks
) -> None:
    from command_line import call

    tasks.error = OSError(28, "No space left on device")
    flags = "--block", 128, "--tile", 128, "--device", "cpu"
    output = tmp_path / "slide.labels.zarr"
    assert call("predict", slide, "--model", model, "--output", output, *flags).code == 1
    tasks.error = None
    before = tasks.blocks
    tasks.clear()
    dock = opened(viewer, slide, model, User())
    dock.session.set_device("auto" if dock.session.device == "auto" else "cpu")
    until(lambda: dock.large.unfinished)
    press(dock, "Go on")
    until(lambda: not dock.large.busy)
    assert len(before) == 5
    assert not set(before) & set(tasks.blocks)


def test_other_thresholds_start_from_the_first_block(
    viewer: Viewer, slide: Path, model: Path, until: Until, tasks: Tasks
) -> None:
    user = User(sure=False)
    dock = opened(viewer, slide, model, user)
    count = stop_half_way(dock, until)
    dock.session.tune(min_size=50)
    press(dock, "Start again")
    until(lambda: not dock.large.busy)
    assert user.asked[-1] == (
        f"The clustering settings changed since {count} of 27 blocks were done: they are of no use"
        " now. To go on with them, first choose again what it was."
    )
    assert dock.large.unfinished == (count, 27)
    user.sure = True
    tasks.clear()
    said: list[str] = []
    dock.session.message.connect(lambda text, _: said.append(text))
    press(dock, "Start again")
    until(lambda: not dock.large.busy)
    assert any(
        text.startswith("The clustering settings changed since the last run") for text in said
    )
    assert set(tasks.blocks) == set(range(27))


def test_another_model_starts_from_the_first_block_if_the_user_is_sure(
    viewer: Viewer, slide: Path, model: Path, tmp_path: Path, until: Until, tasks: Tasks
) -> None:
    user = User(sure=False)
    dock = opened(viewer, slide, model, user)
    count = stop_half_way(dock, until)
    begun = set(tasks.blocks)
    model_of(offset_range=9).save(tmp_path / "other")
    dock.session.set_model(tmp_path / "other", None)
    tasks.clear()
    press(dock, "Go on")
    until(lambda: not dock.large.busy)
    assert str(user.asked[-1]).startswith(f"The model changed since {count} of 27 blocks were done")
    assert not tasks
    dock.session.set_model(model, None)
    press(dock, "Go on")
    until(lambda: dock.large._run is None or dock.large._run.blocks[0] > count)
    stop(dock, until)
    again = begun & set(tasks.blocks)
    assert len(again) <= len(begun) - count, "what was done is kept until then"
    dock.session.set_model(tmp_path / "other", None)
    tasks.clear()
    user.sure = True
    press(dock, "Go on")
    until(lambda: not dock.large.busy)
    assert set(tasks.blocks) == set(range(27))
    assert read_labels(tmp_path / "slide.labels.zarr").shape == SHAPE


def test_a_project_has_the_labels_and_shows_them_again(
    new_viewer: Callable[..., Viewer], slide: Path, model: Path, tmp_path: Path, until: Until
) -> None:
    viewer = new_viewer()
    user = User(tmp_path / "project")
    dock = opened(viewer, slide, model, user)
    dock.project.ensure()
    press(dock, "Whole image")
    until(lambda: dock.idle)
    project = dock.session.project
    assert project is not None
    labels = read_labels(project.results_folder / "slide.zarr")
    assert user.asked == []
    viewer.close()
    viewer = new_viewer()
    dock = open_dock(viewer)
    dock.project.open(project.folder)
    until(lambda: whole(viewer) is not None)
    np.testing.assert_array_equal(pixels_of(viewer), labels)
    assert dock.images.layer is not None
    until(lambda: dock.idle)


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
