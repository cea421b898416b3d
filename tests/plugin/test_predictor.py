"""Predicting from the dock: the library's own maps, layers or a sentence for everything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from builders import network, picture
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings, PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.image_data import ImageData
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.editing.corrections import accept
from napari_spatial_embeddings.errors import OutOfMemory
from napari_spatial_embeddings.files import read_labels
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.viewport import camera
from napari_spatial_embeddings.plugin.tasks.predict import predicting
from napari_spatial_embeddings.project import Project
from plugin.conftest import Until
from plugin.fake_results import assert_same_objects, discs, settled, tune_step

LOW = ClusteringSettings(seed_threshold=0.3, foreground_threshold=0.2, min_size=1)
"""Thresholds at which an untrained network's maps hold objects."""


def model_of(**settings: Any) -> SpatialEmbeddings:
    chosen = ModelSettings.model_validate(
        {"width": 4, "levels": 2, "working_diameter": 10, "offset_range": 8, **settings}
    )
    return SpatialEmbeddings(chosen, network(chosen), LOW)


def use(dock: SpatialEmbeddingsWidget, folder: Path, **settings: Any) -> SpatialEmbeddings:
    model = model_of(**settings)
    model.save(folder)
    dock.session.set_model(folder, model.clustering)
    return model


def add(dock: SpatialEmbeddingsWidget, viewer: Viewer, *, seed: int = 0, **how: Any) -> Image:
    image = picture(discs(**how, seed=seed), seed)[0]
    layer = viewer.add_image(image, name=f"cells {seed}")
    assert isinstance(layer, Image)
    dock.workspace.choose(layer)
    return layer


def press(dock: SpatialEmbeddingsWidget, qtbot: QtBot, name: str) -> bool:
    """Press a button, wait for the end, and return whether it went well."""
    button = getattr(tune_step(dock).predict, name)
    assert button.isEnabled()
    with qtbot.waitSignal(dock.workspace.predictor.ended, timeout=60_000) as signal:
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert signal.args is not None
    return bool(signal.args[0])


def assert_same_maps(a: Any, b: Any, box: tuple[slice, ...] = ()) -> None:
    at = (slice(None), *box)
    for name in ("offsets", "sigma", "seed"):
        np.testing.assert_allclose(getattr(a, name)[at], getattr(b, name)[at], atol=1e-3)


def test_an_image_becomes_layers(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    model = use(dock, tmp_path)
    image = add(dock, viewer)
    told = []
    dock.workspace.predictor.progressed.connect(lambda *args: told.append(args))
    assert press(dock, qtbot, "image")
    result = dock.session.result
    assert result is not None
    assert result.instances is not None
    expected = model.predict_maps(image.data)
    assert_same_maps(result.maps, expected)
    found = cluster(result.maps, LOW)
    assert len(found) > 3
    layer = dock.workspace.results.instances_layer(dock.session.image)
    assert layer is not None
    assert np.array_equal(layer.data, found.labels)
    assert (result.model, result.card) == (str(tmp_path), model.card())
    assert next(t[2] for t in told) == "Loading the model"
    assert any("cells 0: part 1 of 1" in t[2] for t in told)
    assert not tune_step(dock).predict.stop.isVisible()


def test_the_view_is_predicted_as_the_whole_would_be_and_the_rest_stays(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    model = use(dock, tmp_path)
    image = add(dock, viewer, shape=(300, 320), count=100)
    camera(viewer).center = (0, 60, 60)
    camera(viewer).zoom = 20
    assert press(dock, qtbot, "view")
    whole = model.predict_maps(image.data)
    first = dock.session.result
    assert first is not None
    seen = (slice(50, 70), slice(50, 70))
    assert_same_maps(first.maps, whole, seen)
    assert not first.maps.seed[:, 200:, 200:].any()
    camera(viewer).center = (0, 250, 250)
    assert press(dock, qtbot, "view")
    second = dock.session.result
    assert second is not None
    assert_same_maps(second.maps, whole, seen)
    assert_same_maps(second.maps, whole, (slice(240, 260), slice(240, 260)))
    assert not first.maps.seed[:, 200:, 200:].any()  # a result never changes
    # Another model's maps are not mixed with these.
    use(dock, tmp_path, width=8)
    assert press(dock, qtbot, "view")
    third = dock.session.result
    assert third is not None
    assert not third.maps.seed[(slice(None), *seen)].any()


def test_a_model_that_was_trained_on_is_loaded_again(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    use(dock, tmp_path)
    image = add(dock, viewer)
    assert press(dock, qtbot, "image")
    other = use(dock, tmp_path, width=8)
    stamp = (tmp_path / "model.safetensors").stat().st_mtime_ns + 10**9
    os.utime(tmp_path / "model.safetensors", ns=(stamp, stamp))
    assert press(dock, qtbot, "image")
    result = dock.session.result
    assert result is not None
    assert_same_maps(result.maps, other.predict_maps(image.data))


def test_a_volume(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    model = use(dock, tmp_path, ndim=3, spacing=(1.0, 1.0, 1.0), levels=1, working_diameter=6)
    image = add(dock, viewer, shape=(24, 30, 30), count=6)
    viewer.dims.set_current_step(0, 3)
    whole = model.predict_maps(image.data)
    assert press(dock, qtbot, "view")
    result = dock.session.result
    assert result is not None
    assert_same_maps(result.maps, whole, (slice(3, 4),))
    assert not result.maps.seed[:, 20:].any()
    assert press(dock, qtbot, "image")
    assert dock.session.result is not None
    assert_same_maps(dock.session.result.maps, whole)


@pytest.mark.parametrize(
    ("settings", "shape", "sentence"),
    [
        ({"in_channels": 2}, (90, 110), "the model takes 2 channels, and cells 0 has 1: choose"),
        ({}, (8, 40, 50), "the model takes 2D images, and cells 0 is a volume: choose another"),
        (
            {"ndim": 3, "spacing": (1.0, 1.0, 1.0)},
            (90, 110),
            "the model takes volumes, and cells 0 is a 2D image: choose another",
        ),
    ],
)
def test_what_does_not_fit_is_a_sentence(
    dock: SpatialEmbeddingsWidget,
    viewer: Viewer,
    qtbot: QtBot,
    tmp_path: Path,
    settings: dict[str, Any],
    shape: tuple[int, ...],
    sentence: str,
) -> None:
    use(dock, tmp_path, **settings)
    add(dock, viewer, shape=shape, count=3)
    assert not press(dock, qtbot, "image")
    assert dock.message.startswith(sentence)
    assert dock.session.result is None
    assert len(viewer.layers) == 1


@pytest.mark.parametrize(
    ("data", "rgb", "sentence"),
    [
        (np.full((40, 50), np.nan, np.float32), False, "odd holds NaN or infinite values"),
        (np.zeros((40, 50, 3), np.uint8), True, "the model takes 1 channel, and odd has 3"),
    ],
)
def test_images_that_cannot_be_used_are_sentences(
    dock: SpatialEmbeddingsWidget,
    viewer: Viewer,
    until: Until,
    tmp_path: Path,
    data: Any,
    rgb: bool,
    sentence: str,
) -> None:
    use(dock, tmp_path)
    layer = viewer.add_image(data, name="odd", rgb=rgb, contrast_limits=(0, 1))
    assert isinstance(layer, Image)
    dock.workspace.choose(layer)
    QTest.mouseClick(tune_step(dock).predict.image, Qt.MouseButton.LeftButton)
    until(lambda: dock.message.startswith(sentence))
    assert not dock.workspace.predictor.running


def test_what_was_corrected_or_tuned_meanwhile_counts(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    use(dock, tmp_path)
    image = add(dock, viewer)
    assert press(dock, qtbot, "image")
    key, before = dock.session.image, dock.session.result
    assert key is not None
    assert before is not None
    assert before.instances is not None
    label = int(before.instances.ids[0])
    with qtbot.waitSignal(dock.workspace.predictor.ended, timeout=60_000):
        dock.workspace.predictor.image()
        none = Corrections.none(before.maps.shape)
        corrections = accept(none, before.instances, [label])
        clustering = before.clustering.corrected(corrections)
        instances = clustering(dock.session.clustering, like=before.instances)
        dock.session.correct(key, clustering, instances, corrections)
        dock.session.tune(margin_factor=0.8)
    settled(qtbot, dock)
    after = dock.session.result
    assert after is not None
    assert after.maps is not before.maps
    assert after.corrections is corrections
    layer = dock.workspace.results.instances_layer(key)
    assert layer is not None
    expected = after.clustering(dock.session.clustering).labels
    assert_same_objects(layer.data, expected)
    locked = before.instances.labels == label
    assert np.array_equal(layer.data == label, locked)
    assert image in viewer.layers


def test_a_model_that_is_gone_is_a_sentence(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    use(dock, tmp_path)
    add(dock, viewer)
    (tmp_path / "model.safetensors").unlink()
    assert not press(dock, qtbot, "image")
    assert "is no model: it has no model.safetensors" in dock.message


def test_nothing_in_view_is_a_sentence(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, tmp_path: Path
) -> None:
    use(dock, tmp_path)
    add(dock, viewer)
    camera(viewer).center = (0, 5000, 5000)
    QTest.mouseClick(tune_step(dock).predict.view, Qt.MouseButton.LeftButton)
    assert dock.message.startswith("nothing of cells 0 is in view")
    assert not dock.workspace.predictor.running


def test_an_image_deleted_meanwhile_is_a_sentence(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    use(dock, tmp_path)
    image = add(dock, viewer)
    with qtbot.waitSignal(dock.workspace.predictor.ended, timeout=60_000):
        dock.workspace.predictor.image()
        viewer.layers.remove(image)
    assert dock.message == "the image was removed while it was predicted"
    assert not dock.session.results
    assert not viewer.layers


def test_stop_ends_at_once_and_leaves_things_as_they_were(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    use(dock, tmp_path)
    add(dock, viewer, shape=(200, 200))
    dock.session.set_prediction(tile=16, halo=16)
    predict = tune_step(dock).predict
    with qtbot.waitSignal(
        dock.workspace.predictor.progressed,
        timeout=60_000,
        check_params_cb=lambda done, *_: done > 3,
    ):
        QTest.mouseClick(predict.image, Qt.MouseButton.LeftButton)
    assert not predict.image.isEnabled()
    with qtbot.waitSignal(dock.workspace.predictor.ended, timeout=500) as signal:
        QTest.mouseClick(predict.stop, Qt.MouseButton.LeftButton)
    assert signal.args == [False]
    assert predict.image.isEnabled()
    qtbot.wait(300)
    assert dock.session.result is None
    assert press(dock, qtbot, "image")


def test_closing_the_dock_ends_the_prediction(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    use(dock, tmp_path)
    add(dock, viewer, shape=(200, 200))
    dock.session.set_prediction(tile=16, halo=16)
    with qtbot.waitSignal(
        dock.workspace.predictor.progressed,
        timeout=60_000,
        check_params_cb=lambda done, *_: done > 3,
    ):
        dock.workspace.predictor.image()
    dock.close()
    assert not dock.workspace.predictor.running


class Tight(SpatialEmbeddings):
    """A model whose device holds no tile above 100 pixels."""

    def predicting(self, image: Any, settings: Any = None, *args: Any, **more: Any) -> Any:
        if settings.tile > 100:
            raise OutOfMemory(f"too little memory for a tile of {settings.tile} pixels")
        return super().predicting(image, settings, *args, **more)


def test_where_memory_is_short_tiles_are_halved() -> None:
    model = model_of()
    tight = Tight(model.settings, model.network)
    image = picture(discs(shape=(150, 150)), 0)
    shown = ImageData(image, "CYX", None, None, "cells")
    steps = list(predicting(tight, shown, PredictionSettings(tile=400, halo=48), None, None))
    assert steps[-1][0].total == 4
    assert steps[-1][1] == " (memory is short: tiles of 100 pixels)"
    assert_same_maps(steps[-1][0].maps, model.predict_maps(image))
    with pytest.raises(OutOfMemory, match="a tile of 110 pixels"):
        list(predicting(tight, shown, PredictionSettings(tile=110), None, None))


def test_all_images_of_a_project(
    dock: SpatialEmbeddingsWidget, qtbot: QtBot, tmp_path: Path
) -> None:
    model = use(dock, tmp_path / "model")
    project = Project.create(tmp_path / "project")
    images = [picture(discs(seed=k), k) for k in range(2)]
    for k, data in enumerate(images):
        project.add_image(key=f"cells-{k}", source=None, data=data, name=f"cells {k}", axes="CYX")
    volume = picture(discs((6, 30, 30), 3), 3)
    project.add_image(key="volume", source=None, data=volume, name="volume", axes="CZYX")
    dock.session.project = project
    dock.session.project_changed.emit()
    assert press(dock, qtbot, "all_images")
    folder = project.folder / "results"
    assert dock.message.startswith(f"wrote the labels of 2 images to {folder}; 1 could not")
    assert "volume is a volume" in dock.message
    assert sorted(p.name for p in folder.iterdir()) == ["cells 0.tif", "cells 1.tif"]
    for k, data in enumerate(images):
        expected = model.segment(data, LOW)
        assert np.array_equal(read_labels(folder / f"cells {k}.tif"), expected.labels)


def test_settings_of_the_form_reach_the_prediction(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot, tmp_path: Path
) -> None:
    model = use(dock, tmp_path)
    image = add(dock, viewer)
    form = tune_step(dock).predict.form
    form.editor("flips").click()  # type: ignore[attr-defined]
    form.editor("object_diameter").setValue(14)  # type: ignore[attr-defined]
    assert dock.session.prediction == PredictionSettings(flips=True, object_diameter=14)
    assert press(dock, qtbot, "image")
    assert dock.session.result is not None
    expected = model.predict_maps(image.data, dock.session.prediction)
    assert_same_maps(dock.session.result.maps, expected)
