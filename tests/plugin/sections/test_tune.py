"""The step that predicts and tunes, in the whole dock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QPushButton

from builders import network, picture
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.editing.corrections import accept
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.plugin.controllers import reclustering
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.project import Project
from plugin.conftest import Until
from plugin.fake_results import (
    add_image,
    assert_same_objects,
    counted,
    discs,
    set_maps,
    settled,
    shown_labels,
    tune_step,
    uncertain_maps,
)
from plugin.robot_actions import press

LOW = ClusteringSettings(seed_threshold=0.3, foreground_threshold=0.2, min_size=1)
"""Thresholds at which an untrained network's maps hold objects."""


def save_model(folder: Path) -> SpatialEmbeddings:
    settings = ModelSettings(width=4, levels=2, working_diameter=10, offset_range=8)
    model = SpatialEmbeddings(settings, network(settings), LOW)
    model.save(folder)
    return model


def test_a_slider_moves_the_objects_and_their_count(
    dock: SpatialEmbeddingsWidget, qtbot: QtBot
) -> None:
    labels = discs()
    maps = uncertain_maps(labels)
    set_maps(dock, add_image(dock, labels), maps)
    tune = tune_step(dock)
    for name, value in (("margin_factor", 0.7), ("min_size", 60)):
        tune.sliders.slider(name).box.setValue(value)
        settled(qtbot, dock)
        expected = cluster(maps, dock.session.clustering)
        assert_same_objects(shown_labels(dock), expected.labels)
        assert f"<b>{len(expected)}</b> object" in tune.count.text()


def test_of_a_large_image_the_count_in_view_comes_first(
    dock: SpatialEmbeddingsWidget, qtbot: QtBot, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reclustering, "MAX_WHOLE_IMAGE_PIXELS", 1000)
    labels = discs((200, 210), 90)
    set_maps(dock, add_image(dock, labels), uncertain_maps(labels))
    camera(dock.viewer).center = (0.0, 60.0, 70.0)
    camera(dock.viewer).zoom = 10.0
    tune = tune_step(dock)
    texts: list[str] = []
    dock.session.partial_changed.connect(lambda _: texts.append(tune.count.text()))
    tune.sliders.slider("margin_factor").box.setValue(0.8)
    until(lambda: texts)
    assert " in view" in texts[0]
    settled(qtbot, dock)
    assert " in view" not in tune.count.text()


def test_a_held_slider_holds_back_the_whole_of_a_volume(
    dock: SpatialEmbeddingsWidget, qtbot: QtBot, until: Until
) -> None:
    labels = discs((24, 40, 40), 30)
    maps = uncertain_maps(labels)
    key = add_image(dock, labels)
    set_maps(dock, key, maps)
    slider = tune_step(dock).sliders.slider("margin_factor").slider
    slider.setSliderDown(True)
    slider.setValue(350)
    until(lambda: dock.session.images[key].partial is not None)
    assert dock.reclustering.busy
    slider.setSliderDown(False)
    settled(qtbot, dock)
    assert_same_objects(shown_labels(dock), cluster(maps, dock.session.clustering).labels)


def test_the_hint_names_the_next_action(dock: SpatialEmbeddingsWidget, viewer: Viewer) -> None:
    tune = tune_step(dock)
    assert tune.hint == "Choose an image under Data first."
    assert not tune.reset.isEnabled()
    labels = discs()
    key = add_image(dock, labels)
    assert tune.hint.startswith("Press This view")
    set_maps(dock, key, uncertain_maps(labels))
    assert tune.hint.startswith("Drag a slider")
    assert tune.reset.isEnabled()
    dock.images.choose(viewer.add_image(np.zeros((20, 30, 3), np.uint8), rgb=True))
    assert tune.hint == "Choose a model here, or train one above.", "no shipped one takes colours"
    assert tune.count.text() == ""


def test_reset_takes_the_models_thresholds(dock: SpatialEmbeddingsWidget, tmp_path: Path) -> None:
    save_model(tmp_path)
    labels = discs()
    set_maps(dock, add_image(dock, labels), uncertain_maps(labels))
    dock.session.set_model(tmp_path, None)
    dock.session.tune(margin_factor=2.0)
    press(dock, "Reset")
    assert dock.session.clustering == LOW


def test_arrows_are_switched_by_their_box(dock: SpatialEmbeddingsWidget, viewer: Viewer) -> None:
    labels = discs()
    key = add_image(dock, labels)
    set_maps(dock, key, uncertain_maps(labels))
    box = tune_step(dock).show_arrows
    box.click()
    layer = find_layer(viewer, "arrows", key)
    assert layer is not None
    viewer.layers.remove(layer)
    assert not box.isChecked()
    box.click()
    assert find_layer(viewer, "arrows", key) is not None


def test_correcting_and_exporting_are_groups_that_open(dock: SpatialEmbeddingsWidget) -> None:
    tune = tune_step(dock)
    for group in (tune.correct, tune.export):
        assert not group.open
        assert not any(x.isVisibleTo(tune) for x in group.findChildren(QPushButton))
        group.set_open(True)
        assert any(x.isVisibleTo(tune) for x in group.findChildren(QPushButton))


def test_a_prediction_in_a_project_is_one_clustering_and_one_notification(
    dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save_model(tmp_path / "model")
    project = Project.create(tmp_path / "project", clustering=LOW, device="cpu")
    data = picture(discs())
    key = project.add_image(data=data, name="cells").key
    found = model.segment(data, LOW)
    none = Corrections.none(found.labels.shape)
    project.save_corrections(key, accept(none, found, [int(found.ids[0])]))
    dock.project.open(project.folder)
    dock.session.set_model(tmp_path / "model", LOW)
    until(lambda: dock.idle)
    assert dock.session.image == key
    with counted(dock.session, monkeypatch) as count:
        press(dock, "This image")
        until(lambda: dock.idle)
    assert count == {"clusterings": 1, "results": 1}
    result = dock.session.result
    assert result is not None
    assert result.corrections is not None
    assert dock.session.images[key].corrections is result.corrections
    assert np.array_equal(shown_labels(dock), result.instances.labels)


def test_an_export_clusters_nothing(
    dock: SpatialEmbeddingsWidget, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = discs()
    set_maps(dock, add_image(dock, labels), uncertain_maps(labels))
    until(lambda: dock.idle)
    tune = tune_step(dock)
    tune.export.set_open(True)
    tune.export.choice.line.setText(str(tmp_path / "out"))
    with counted(dock.session, monkeypatch) as count:
        tune.export.this.click()
        until(lambda: dock.idle)
    assert any((tmp_path / "out").iterdir())
    assert not count


def test_closing_the_dock_ends_the_prediction(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    save_model(tmp_path)
    layer = viewer.add_image(picture(discs((200, 200)))[0])
    dock.images.choose(layer)
    dock.session.set_model(tmp_path, LOW)
    dock.session.set_prediction(tile=16, halo=16)
    with qtbot.waitSignal(
        dock.prediction.progressed, timeout=300_000, check_params_cb=lambda done, *_: done > 3
    ):
        press(dock, "This image")
    dock.close()
    assert not dock.prediction.running
