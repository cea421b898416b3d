"""A project that is opened again shows the objects and corrections that it held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from builders import network, picture
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
from napari_spatial_embeddings.files import read_labels
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.plugin.controllers.reopening import Reopening
from napari_spatial_embeddings.plugin.layers.tags import image_key
from napari_spatial_embeddings.plugin.tasks.correction_actions import TOOLS
from napari_spatial_embeddings.project import Project
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
        self.reopening = Reopening(
            bench.session, bench.images, bench.autosave, bench.prediction, bench.parent
        )
        self._qtbot = qtbot

    def wait(self) -> None:
        bench = self.bench
        self._qtbot.waitUntil(
            lambda: (
                not (
                    self.reopening.busy
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
