"""Whole images, predicted block by block in the window: stopped, closed, and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_spatial_embeddings.core.metrics import score
from napari_spatial_embeddings.files import read_labels
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.sections.scores import ScoresSection
from plugin.robot_actions import button, open_dock, press
from plugin.scored import assert_same
from plugin.untrained import model_of
from plugin.whole_images import (
    SHAPE,
    Tasks,
    User,
    commands,
    opened,
    pixels_of,
    stop,
    stop_half_way,
    whole,
)

Until = Callable[..., None]


def assert_scored(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, labels: NDArray[np.integer], until: Until
) -> None:
    """Assert that all labels are scored against ground truth of a part of the image."""
    (section,) = dock.findChildren(ScoresSection)
    section.set_open(True)
    scoring = dock.scoring
    truth = np.roll(labels, 2, 0)[:, 400:]
    viewer.add_labels(truth, name="masks", scale=(0.3, 0.3), translate=(0, 120), units=("um", "um"))
    section.truth.activated.emit(1)
    assert "or choose Of the whole image" in section.text.text()
    press(dock, "Of the whole image")
    until(lambda: scoring.scores is not None and not scoring.busy)
    assert scoring.scores is not None
    unknown = np.arange(labels.shape[1]) < np.full((len(labels), 1), 400)
    padded = np.pad(truth, ((0, 0), (400, 0)))
    expected = score(padded, labels, ignore=unknown)
    assert_same(scoring.scores, expected)
    assert f"PQ <b>{expected.panoptic_quality[0]:.3f}</b>" in section.text.text()
    assert "where ground truth is known" in section.text.text()
    assert not section.errors.isEnabled()
    known = scoring.report
    dock.large.found.look(again=True)
    until(lambda: dock.idle)
    assert scoring.report.scores is known.scores, "nothing is scored twice"


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
    assert_scored(dock, viewer, labels, until)


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
