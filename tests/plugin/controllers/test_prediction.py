"""Predictions: the library's own maps, once clustered, and a message for everything else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.config import PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from plugin.fake_results import Bench, counted, new_bench
from plugin.untrained import LOW, add, predict, use


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    with new_bench(qtbot) as bench:
        bench.session.device = "cpu"
        yield bench


def assert_same_maps(a: Any, b: Any, box: tuple[slice, ...] = ()) -> None:
    at = (slice(None), *box)
    for name in ("offsets", "sigma", "seed"):
        np.testing.assert_allclose(getattr(a, name)[at], getattr(b, name)[at], atol=1e-3)


def test_a_prediction_is_one_clustering_and_one_notification(
    bench: Bench, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(bench, tmp_path)
    add(bench)
    with counted(bench.session, monkeypatch) as count:
        for k, what in enumerate(("image", "view", "image")):
            assert predict(bench, qtbot, what)
            assert count == {"clusterings": k + 1, "results": k + 1}


def test_an_image_becomes_layers(bench: Bench, qtbot: QtBot, tmp_path: Path) -> None:
    model = use(bench, tmp_path)
    image = add(bench)
    messages: list[str] = []
    bench.prediction.progressed.connect(lambda *args: messages.append(args[2]))
    assert predict(bench, qtbot)
    result = bench.session.result
    assert result is not None
    assert_same_maps(result.maps, model.predict_maps(image.data))
    found = cluster(result.maps, LOW)
    assert len(found) > 3
    assert np.array_equal(bench.labels(), found.labels)
    assert (result.model, result.card, result.settings) == (str(tmp_path), model.card(), LOW)
    assert messages[0] == "Loading the model"
    assert "cells 0: tile 1 of 1" in messages
    names = {layer.name for layer in bench.viewer.layers}
    assert names > {"cells 0 · instances", "cells 0 · seed", "cells 0 · offsets"}


def test_the_view_is_predicted_as_the_whole_would_be_and_the_rest_stays(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    model = use(bench, tmp_path)
    image = add(bench, shape=(300, 320), count=100)
    eye = camera(bench.viewer)
    eye.center, eye.zoom = (0, 60, 60), 20
    assert predict(bench, qtbot, "view")
    whole = model.predict_maps(image.data)
    first = bench.session.result
    assert first is not None
    seen = (slice(50, 70), slice(50, 70))
    assert_same_maps(first.maps, whole, seen)
    assert not first.maps.seed[:, 200:, 200:].any()
    eye.center = (0, 250, 250)
    assert predict(bench, qtbot, "view")
    second = bench.session.result
    assert second is not None
    assert_same_maps(second.maps, whole, seen)
    assert_same_maps(second.maps, whole, (slice(240, 260), slice(240, 260)))
    assert not first.maps.seed[:, 200:, 200:].any()  # a result never changes
    # Another model's maps are not mixed with these.
    use(bench, tmp_path, width=8)
    assert predict(bench, qtbot, "view")
    third = bench.session.result
    assert third is not None
    assert not third.maps.seed[(slice(None), *seen)].any()


def test_a_model_that_was_trained_on_is_loaded_again(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    use(bench, tmp_path)
    image = add(bench)
    assert predict(bench, qtbot)
    other = use(bench, tmp_path, width=8)
    stamp = (tmp_path / "model.safetensors").stat().st_mtime_ns + 10**9
    os.utime(tmp_path / "model.safetensors", ns=(stamp, stamp))
    assert predict(bench, qtbot)
    result = bench.session.result
    assert result is not None
    assert_same_maps(result.maps, other.predict_maps(image.data))


def test_a_volume(bench: Bench, qtbot: QtBot, tmp_path: Path) -> None:
    model = use(bench, tmp_path, ndim=3, spacing=(1.0, 1.0, 1.0), levels=1, working_diameter=6)
    image = add(bench, shape=(24, 30, 30), count=6)
    bench.viewer.dims.set_current_step(0, 3)
    whole = model.predict_maps(image.data)
    assert predict(bench, qtbot, "view")
    result = bench.session.result
    assert result is not None
    assert_same_maps(result.maps, whole, (slice(3, 4),))
    assert not result.maps.seed[:, 20:].any()
    assert predict(bench, qtbot)
    assert bench.session.result is not None
    assert_same_maps(bench.session.result.maps, whole)


def test_settings_of_the_session_reach_the_prediction(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    model = use(bench, tmp_path)
    image = add(bench)
    bench.session.set_prediction(flips=True, object_diameter=14)
    assert predict(bench, qtbot)
    assert bench.session.result is not None
    expected = model.predict_maps(image.data, bench.session.prediction)
    assert_same_maps(bench.session.result.maps, expected)


# ------------------------------------------------------------------ what cannot be predicted


@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        ({"in_channels": 2}, (90, 110), "cells 0: the model takes 2D images with 2 channels"),
        ({}, (8, 40, 50), "cells 0: the model takes 2D images"),
        (
            {"ndim": 3, "spacing": (1.0, 1.0, 1.0)},
            (90, 110),
            "cells 0: the model takes 3D volumes",
        ),
    ],
)
def test_an_image_that_does_not_fit_the_model_is_a_message(
    bench: Bench,
    qtbot: QtBot,
    tmp_path: Path,
    settings: dict[str, Any],
    shape: tuple[int, ...],
    message: str,
) -> None:
    use(bench, tmp_path, **settings)
    add(bench, shape=shape, count=3)
    assert not predict(bench, qtbot)
    assert bench.message.startswith(message)
    assert bench.session.result is None
    assert len(bench.viewer.layers) == 1


@pytest.mark.parametrize(
    ("data", "rgb", "message"),
    [
        (np.full((40, 50), np.nan, np.float32), False, "NaN or infinite values"),
        (np.zeros((40, 50, 3), np.uint8), True, "the model takes 2D images with 1 channel"),
    ],
)
def test_an_image_that_cannot_be_used_is_a_message(
    bench: Bench, qtbot: QtBot, tmp_path: Path, data: Any, rgb: bool, message: str
) -> None:
    use(bench, tmp_path)
    layer = bench.viewer.add_image(data, name="odd", rgb=rgb, contrast_limits=(0, 1))
    bench.images.choose(layer)
    assert not predict(bench, qtbot)
    assert bench.message.startswith("odd: ")
    assert message in bench.message


def test_a_missing_model_is_a_message(bench: Bench, qtbot: QtBot, tmp_path: Path) -> None:
    use(bench, tmp_path)
    add(bench)
    (tmp_path / "model.safetensors").unlink()
    assert not predict(bench, qtbot)
    assert "it has no model.safetensors" in bench.message


def test_without_a_model_or_an_image_or_a_project_there_is_a_message(bench: Bench) -> None:
    bench.prediction.image()
    assert bench.message == "There is no image: open one, and choose it under Data."
    bench.session.set_model("nuclei-2d", None)
    bench.prediction.all_images()
    assert bench.message == "There is no image yet: open one, or add images under Data."
    bench.session.set_model(None, None)
    add(bench)
    bench.prediction.image()
    assert bench.message == "There is no model yet: choose one, or train one."
    bench.prediction.all_images()
    assert bench.message == "There is no model yet: choose one, or train one."
    assert not bench.prediction.running
    assert bench.session.project is None


def test_nothing_in_view_is_a_message(bench: Bench, tmp_path: Path) -> None:
    use(bench, tmp_path)
    add(bench)
    camera(bench.viewer).center = (0, 5000, 5000)
    bench.prediction.view()
    assert bench.message.startswith("Nothing of cells 0 is in view")
    assert not bench.prediction.running


def test_the_session_s_device_and_settings_make_the_request(bench: Bench, tmp_path: Path) -> None:
    use(bench, tmp_path)
    bench.session.set_prediction(tile=256)
    request = bench.prediction._request()
    assert request.prediction == PredictionSettings(tile=256, device="cpu")
    assert request.clustering == LOW
