"""A project that is opened again shows the objects and corrections that it held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pytestqt.qtbot import QtBot

from builders import network, picture
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
from napari_spatial_embeddings.files import read_image, read_labels
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.plugin.controllers.frame_maps import FrameMaps
from napari_spatial_embeddings.plugin.controllers.reopening import Reopening
from napari_spatial_embeddings.plugin.layers.tags import image_key
from napari_spatial_embeddings.plugin.tasks.correction_actions import TOOLS
from napari_spatial_embeddings.project import Project
from napari_spatial_embeddings.project.frames import add_frame
from plugin.fake_results import discs
from plugin.scenes import EditorBench

LOW = ClusteringSettings(seed_threshold=0.3, foreground_threshold=0.2, min_size=1)
"""Thresholds at which an untrained network's maps hold objects."""


@pytest.fixture
def home_model(tmp_path: Path) -> Path:
    settings = ModelSettings(width=4, levels=2, working_diameter=10, offset_range=8)
    SpatialEmbeddings(settings, network(settings), LOW).save(tmp_path / "model")
    return tmp_path / "model"


class Opened:
    """A window in which projects are opened, without what draws it."""

    def __init__(self, qtbot: QtBot) -> None:
        self.bench = bench = EditorBench(qtbot)
        bench.session.device = "cpu"
        self.frame_maps = FrameMaps(bench.session, bench.autosave, bench.images, bench.parent)
        self.reopening = Reopening(
            bench.session,
            bench.images,
            bench.autosave,
            bench.prediction,
            self.frame_maps,
            bench.parent,
        )
        self._qtbot = qtbot

    def wait(self) -> None:
        bench = self.bench
        self._qtbot.waitUntil(
            lambda: (
                not (
                    self.reopening.busy
                    or self.frame_maps.busy
                    or bench.prediction.running
                    or bench.correction.busy
                    or bench.reclustering.busy
                    or bench.autosave.busy
                )
            ),
            timeout=300_000,
        )

    def close(self) -> None:
        self.bench.autosave.flush()
        self.reopening.close()
        self.frame_maps.close()
        self.bench.close()


@pytest.fixture
def opened(qtbot: QtBot) -> Iterator[Opened]:
    made = Opened(qtbot)
    yield made
    made.close()


def test_a_project_shows_what_it_held(
    opened: Opened, qtbot: QtBot, home_model: Path, tmp_path: Path
) -> None:
    bench = opened.bench
    project = Project.create(tmp_path / "project", device="cpu")
    for k in range(2):
        project.add_image(data=picture(discs(seed=k), k), name=f"cells {k}")
    bench.project.open(project.folder)
    bench.session.set_model(home_model, LOW)
    opened.wait()
    assert bench.session.result is None, "nothing was predicted of it yet"
    bench.prediction.image()
    opened.wait()
    bench.session.tune(margin_factor=1.2)
    opened.wait()
    before = bench.session.result
    assert before is not None
    gone = int(before.instances.ids[0])
    at = tuple(int(i) for i in np.argwhere(before.instances.labels == gone)[0])
    delete = TOOLS["delete"].click
    assert delete is not None
    bench.correction.do(lambda scene: delete(scene, at))
    opened.wait()
    held = bench.labels()
    assert gone not in held
    opened.close()

    again = Opened(qtbot)
    again.bench.project.open(project.folder)
    again.wait()
    assert np.array_equal(again.bench.labels() > 0, held > 0)
    result = again.bench.session.result
    assert result is not None
    assert result.corrections is not None
    assert result.settings == before.settings
    again.bench.project_images.show("cells_1")
    again.wait()
    assert again.bench.session.result is None, "of this one there was nothing"
    again.close()


def test_a_stopped_prediction_is_not_started_again(
    opened: Opened, home_model: Path, tmp_path: Path
) -> None:
    bench = opened.bench
    project = Project.create(tmp_path / "project", device="cpu", clustering=LOW)
    for k in range(2):
        key = project.add_image(data=picture(discs(seed=k), k), name=f"cells {k}").key
        project.replace_entry(key, predicted=True)
    project.update(start=str(home_model))
    bench.project.open(project.folder)
    bench.prediction.ended.connect(lambda completed: ended.append(completed))
    ended: list[bool] = []
    bench.prediction.progressed.connect(lambda *_: bench.prediction.cancel() if not ended else None)
    opened.wait()
    assert ended == [False]
    bench.images.choose(bench.images.layer)
    opened.wait()
    assert bench.session.result is None
    bench.project_images.show("cells_1")
    opened.wait()
    assert ended == [False, True]
    assert bench.session.result is not None
    bench.project_images.show("cells_0")
    opened.wait()
    assert bench.session.result is None


def test_what_was_predicted_while_it_was_closed_is_shown_when_it_is_opened(
    opened: Opened, home_model: Path, tmp_path: Path
) -> None:
    """Also a second time, as images that were opened long ago are closed."""
    bench = opened.bench
    project = Project.create(tmp_path / "project", device="cpu", clustering=LOW)
    for k in range(2):
        project.add_image(data=picture(discs(seed=k), k), name=f"cells {k}")
    project.update(start=str(home_model))
    bench.project.open(project.folder)
    opened.wait()
    bench.prediction.all_images()
    opened.wait()
    for _ in range(2):
        bench.project_images.show("cells_1")
        opened.wait()
        shown = read_labels(project.results_folder / "cells 1.tif")
        assert np.array_equal(bench.labels() > 0, shown > 0)
        for layer in [x for x in bench.viewer.layers if image_key(x) == "cells_1"]:
            bench.viewer.layers.remove(layer)
        bench.project_images.show("cells_0")
        opened.wait()


def series_of(bench: EditorBench, tmp_path: Path, home_model: Path) -> Project:
    """Open a series of a project whose frames 0, 1 and 2 are predicted; 1 is corrected."""
    film = np.stack([picture(discs(seed=t), t)[0] for t in range(4)])
    path = tmp_path / "film.tif"
    tifffile.imwrite(path, film, imagej=True, metadata={"axes": "TYX"})
    project = Project.create(tmp_path / "project", device="cpu", clustering=LOW)
    project.update(start=str(home_model))
    series = read_image(path, "TYX", time=True)
    add_frame(project, "film.t0000", series, 0, name="film, frame 0", source=str(path))
    bench.project.open(project.folder)
    return project


def test_predicted_frames_are_shown_again_without_the_network(
    opened: Opened, qtbot: QtBot, home_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = opened.bench
    project = series_of(bench, tmp_path, home_model)
    opened.wait()
    for t in range(3):
        bench.images.show_frame(t)
        bench.prediction.image()
        opened.wait()
    bench.images.show_frame(1)
    at = np.argwhere(bench.labels()[1])[0]
    lock = TOOLS["accept"].click
    assert lock is not None
    bench.correction.do(lambda scene: lock(scene, tuple(map(int, at))))
    opened.wait()
    bench.session.tune(min_size=20)
    for t in range(3):
        bench.images.show_frame(t)
        opened.wait()
    held, ids = bench.labels().copy(), bench.session.results["film.t0001"].instances.ids
    opened.close()
    stored = sorted(path.name for path in project.maps_folder.iterdir())
    assert stored == [f"film.t000{t}.{kind}.npz" for t in range(3) for kind in ("maps", "objects")]

    predicted: list[object] = []
    monkeypatch.setattr(
        "napari_spatial_embeddings.plugin.controllers.prediction.PredictionController._start",
        lambda *args, **_: predicted.append(args),
    )
    again = Opened(qtbot)
    again.bench.project.open(project.folder)
    again.wait()
    qtbot.waitUntil(lambda: len(again.bench.session.results) == 3, timeout=60_000)
    series = again.bench.images.series
    assert series is not None
    assert series.predicted == [0, 1, 2]
    np.testing.assert_array_equal(again.bench.labels(), held)
    results = again.bench.session.results
    np.testing.assert_array_equal(results["film.t0001"].instances.ids, ids)
    known = results["film.t0001"].corrections
    assert known is not None
    assert len(known) == 1
    # Sliders work on them.
    again.bench.images.show_frame(1)
    again.bench.session.tune(min_size=60)
    again.wait()
    found = again.bench.session.results["film.t0001"].instances
    assert len(found) < len(ids)
    assert (found.size[~found.locked] >= 60).all()
    assert predicted == []
    again.close()


def test_frames_of_another_model_or_of_other_pixels_are_found_out(
    opened: Opened, qtbot: QtBot, home_model: Path, tmp_path: Path
) -> None:
    bench = opened.bench
    project = series_of(bench, tmp_path, home_model)
    opened.wait()
    for t in range(2):
        bench.images.show_frame(t)
        bench.prediction.image()
        opened.wait()
    opened.close()
    settings = ModelSettings(width=4, levels=2, working_diameter=10, offset_range=8)
    other = SpatialEmbeddings(settings, network(settings, 1), LOW, about={"summary": "another one"})
    other.save(home_model)
    film = np.array(tifffile.imread(tmp_path / "film.tif"))
    film[1] = film[1, ::-1]
    tifffile.imwrite(tmp_path / "film.tif", film, imagej=True, metadata={"axes": "TYX"})

    again = Opened(qtbot)
    again.bench.project.open(project.folder)
    again.wait()
    assert "1 frame of another model than the one that is chosen" in " ".join(again.bench.messages)
    assert list(again.bench.session.results) == ["film.t0000"], "the other had other pixels"
    again.close()
