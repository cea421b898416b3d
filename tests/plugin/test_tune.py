"""What is on screen equals the maps clustered with what the sliders say."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.plugin.controllers import reclustering as _reclustering
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.viewport import camera
from plugin.fake_results import (
    add_image,
    assert_same_objects,
    discs,
    set_maps,
    settled,
    tune_step,
    uncertain_maps,
)

MOVES = {
    "seed_threshold": 0.9,
    "foreground_threshold": 0.55,
    "margin_factor": 0.7,
    "min_free_fraction": 0.95,
    "min_size": 60,
}

VOLUME: dict[str, Any] = {"shape": (9, 40, 50), "count": 12}


def on_screen(dock: SpatialEmbeddingsWidget, key: str | None = None) -> Labels:
    layer = dock.workspace.results.instances_layer(key or dock.session.image)
    assert layer is not None
    return layer


@pytest.mark.parametrize("volume", [False, True])
def test_what_is_on_screen_is_what_the_sliders_say(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot, volume: bool
) -> None:
    labels = discs(**VOLUME) if volume else discs()
    key = add_image(dock, viewer, labels)
    maps = uncertain_maps(labels, classes=2)
    set_maps(dock, key, maps)
    settled(qtbot, dock)
    tune = tune_step(dock)
    seen = [on_screen(dock).data.copy()]
    moves = {**MOVES, "min_size": 400} if volume else MOVES
    for name, value in moves.items():
        tune.sliders.slider(name).box.setValue(value)
        settled(qtbot, dock)
        assert getattr(dock.session.clustering, name) == value
        expected = cluster(maps, dock.session.clustering)
        assert_same_objects(on_screen(dock).data, expected.labels)
        assert f"<b>{len(expected)}</b>" in tune.count.text()
        seen.append(on_screen(dock).data.copy())
    assert all(not np.array_equal(a, b) for a, b in itertools.pairwise(seen))


def test_the_slider_and_its_box_say_the_same(dock: SpatialEmbeddingsWidget) -> None:
    sliders = tune_step(dock).sliders
    for name, value in MOVES.items():
        slider = sliders.slider(name)
        slider.box.setValue(value)
        place = slider.slider.value()
        dock.session.tune(**{name: ClusteringSettings.model_fields[name].default})
        assert slider.value == ClusteringSettings.model_fields[name].default
        slider.slider.setValue(place)
        assert getattr(dock.session.clustering, name) == pytest.approx(value, rel=0.02)
        assert slider.value == pytest.approx(value, rel=0.02)


def test_colours_of_objects_that_stay_do_not_jump(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot
) -> None:
    labels = discs()
    key = add_image(dock, viewer, labels)
    set_maps(dock, key, uncertain_maps(labels))
    settled(qtbot, dock)
    slider = tune_step(dock).sliders.slider("seed_threshold")
    before = on_screen(dock).data.copy()
    for value in np.linspace(0.8, 0.5, 20):
        slider.box.setValue(float(value))
        settled(qtbot, dock)
        now = on_screen(dock).data
        assert (now[before > 0] == before[before > 0]).mean() > 0.9
        assert len(np.unique(now)) >= len(np.unique(before))
        before = now.copy()


def test_a_drag_leaves_no_queue(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot
) -> None:
    labels = discs()
    key = add_image(dock, viewer, labels)
    maps = uncertain_maps(labels)
    set_maps(dock, key, maps)
    settled(qtbot, dock)
    tune = tune_step(dock)
    found = []
    tune.reclustering.found.connect(lambda request, _: found.append(request.settings))
    slider = tune.sliders.slider("margin_factor").slider
    for place in range(300, 500, 2):
        slider.setValue(place)
    settled(qtbot, dock)
    # All requests but the first and the newest were never begun.
    assert len(found) <= 3
    assert found[-1] == dock.session.clustering
    assert_same_objects(on_screen(dock).data, cluster(maps, dock.session.clustering).labels)


def test_of_a_large_image_the_view_comes_first(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_reclustering, "LARGE", 1000)
    labels = discs((200, 210), 90)
    key = add_image(dock, viewer, labels)
    maps = uncertain_maps(labels)
    set_maps(dock, key, maps)
    settled(qtbot, dock)
    camera(viewer).center = (0.0, 60.0, 70.0)
    camera(viewer).zoom = 10.0
    tune = tune_step(dock)
    seen: list[tuple[Any, np.ndarray, str]] = []

    def note(request: _reclustering.Request) -> None:
        seen.append((request.box, on_screen(dock).data.copy(), tune.count.text()))

    # The rest of the image may follow before a slow machine looks again.
    tune.reclustering.found.connect(note)
    tune.sliders.slider("margin_factor").box.setValue(0.8)
    settled(qtbot, dock)
    (box, labels, text), (rest, _, _) = seen[0], seen[-1]
    assert box is not None
    assert " in view" in text
    expected = cluster(maps, dock.session.clustering).labels
    assert_same_objects(labels[box], expected[box])
    assert rest is None
    assert_same_objects(on_screen(dock).data, expected)
    assert np.array_equal(on_screen(dock).data[box], labels[box])
    assert " in view" not in tune.count.text()


def test_a_volume_follows_by_slices_while_the_slider_is_held(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot
) -> None:
    labels = discs((24, 40, 40), 30)
    key = add_image(dock, viewer, labels)
    maps = uncertain_maps(labels)
    set_maps(dock, key, maps)
    settled(qtbot, dock)
    before = on_screen(dock).data.copy()
    viewer.dims.set_current_step(0, 12)
    tune = tune_step(dock)
    boxes = []
    tune.reclustering.found.connect(lambda request, _: boxes.append(request.box))
    slider = tune.sliders.slider("margin_factor").slider
    slider.setSliderDown(True)
    slider.setValue(350)
    expected = cluster(maps, dock.session.clustering).labels
    qtbot.waitUntil(lambda: bool(boxes), timeout=60_000)
    assert boxes[0][0] == slice(12, 13)
    assert_same_objects(on_screen(dock).data[12], expected[12])
    qtbot.wait(2 * _reclustering.REST)
    assert np.array_equal(on_screen(dock).data[0], before[0])
    slider.setSliderDown(False)
    settled(qtbot, dock)
    assert_same_objects(on_screen(dock).data, expected)


def test_the_instances_layer_may_be_deleted_while_they_are_found(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot
) -> None:
    labels = discs()
    key = add_image(dock, viewer, labels)
    maps = uncertain_maps(labels)
    set_maps(dock, key, maps)
    settled(qtbot, dock)
    tune_step(dock).sliders.slider("margin_factor").box.setValue(0.8)
    viewer.layers.remove(on_screen(dock))
    settled(qtbot, dock)
    assert_same_objects(on_screen(dock).data, cluster(maps, dock.session.clustering).labels)


def test_the_image_may_be_deleted_while_its_objects_are_found(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot
) -> None:
    labels = discs()
    set_maps(dock, add_image(dock, viewer, labels), uncertain_maps(labels))
    settled(qtbot, dock)
    tune = tune_step(dock)
    tune.sliders.slider("margin_factor").box.setValue(0.8)
    viewer.layers.remove("nuclei")
    qtbot.waitUntil(lambda: not tune.reclustering.busy, timeout=60_000)
    tune.sliders.slider("margin_factor").box.setValue(0.9)
    assert tune.hint == "Choose an image under Data first."


def test_sliders_act_on_the_current_image(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot
) -> None:
    keys, maps = [], []
    for seed in range(2):
        labels = discs(seed=seed)
        keys.append(add_image(dock, viewer, labels, f"image {seed}"))
        maps.append(uncertain_maps(labels, seed))
        set_maps(dock, keys[seed], maps[seed])
        settled(qtbot, dock)
    first = on_screen(dock, keys[0]).data.copy()
    tune_step(dock).sliders.slider("margin_factor").box.setValue(0.7)
    settled(qtbot, dock)
    assert np.array_equal(on_screen(dock, keys[0]).data, first)
    expected = cluster(maps[1], dock.session.clustering).labels
    assert_same_objects(on_screen(dock, keys[1]).data, expected)
    # The other one follows when it is chosen.
    dock.session.set_image(keys[0])
    settled(qtbot, dock)
    expected = cluster(maps[0], dock.session.clustering).labels
    assert_same_objects(on_screen(dock, keys[0]).data, expected)


def test_settings_that_do_nothing_are_explained(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot
) -> None:
    labels = discs()
    maps = uncertain_maps(labels)
    set_maps(dock, add_image(dock, viewer, labels), maps)
    settled(qtbot, dock)
    sliders = tune_step(dock).sliders

    def note(**changes: Any) -> str:
        dock.session.tune(**{**ClusteringSettings().model_dump(), **changes})
        settled(qtbot, dock)
        return sliders.note

    assert note() == ""
    assert "the seed threshold changes nothing" in note(seed_threshold=0.3)
    highest = float(maps.seed.max())
    assert f"highest seed value is {highest:.2f}; lower the seed" in note(seed_threshold=1.0)
    assert "lower the foreground" in note(seed_threshold=0, foreground_threshold=1.0)
    assert "as large as the minimum size" in note(min_size=5000)
    assert "lower the free fraction" in note(min_free_fraction=1)


def test_without_an_image_or_a_model_the_buttons_say_why(
    dock: SpatialEmbeddingsWidget, viewer: Viewer
) -> None:
    predict = tune_step(dock).predict
    buttons = (predict.view, predict.image, predict.all_images)
    assert not any(button.isEnabled() for button in buttons)
    assert all(button.toolTip().startswith("There is no image") for button in buttons[:2])
    # No shipped model takes colours.
    dock.workspace.choose(viewer.add_image(np.zeros((20, 30, 3), np.uint8), rgb=True))
    assert not any(button.isEnabled() for button in buttons)
    assert all(button.toolTip().startswith("There is no model") for button in buttons)
