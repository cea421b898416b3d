"""Predictions: the library's own maps, once clustered, and a message for everything else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image
from pytestqt.qtbot import QtBot

from builders import network, picture
from napari_spatial_embeddings.config import ClusteringSettings, ModelSettings, PredictionSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.editing.corrections import accept
from napari_spatial_embeddings.files import read_labels
from napari_spatial_embeddings.inference.model import SpatialEmbeddings
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.plugin.tasks.predict import ImageToPredict, predict_images
from napari_spatial_embeddings.plugin.tasks.recluster import recluster
from napari_spatial_embeddings.project import Project
from plugin.fake_results import Bench, assert_same_objects, counted, discs, new_bench

LOW = ClusteringSettings(seed_threshold=0.3, foreground_threshold=0.2, min_size=1)
"""Thresholds at which an untrained network's maps hold objects."""


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    with new_bench(qtbot) as bench:
        bench.session.device = "cpu"
        yield bench


def model_of(**settings: Any) -> SpatialEmbeddings:
    chosen = ModelSettings.model_validate(
        {"width": 4, "levels": 2, "working_diameter": 10, "offset_range": 8, **settings}
    )
    return SpatialEmbeddings(chosen, network(chosen), LOW)


def use(bench: Bench, folder: Path, **settings: Any) -> SpatialEmbeddings:
    model = model_of(**settings)
    model.save(folder)
    bench.session.set_model(folder, model.clustering)
    return model


def add(bench: Bench, *, seed: int = 0, **how: Any) -> Image:
    image = picture(discs(**how, seed=seed), seed)[0]
    layer = bench.viewer.add_image(image, name=f"cells {seed}")
    assert isinstance(layer, Image)
    bench.images.choose(layer)
    return layer


def predict(bench: Bench, qtbot: QtBot, what: str = "image") -> bool:
    """Predict, wait until all is shown, and return whether it was completed."""
    with qtbot.waitSignal(bench.prediction.ended, timeout=300_000) as signal:
        getattr(bench.prediction, what)()
    bench.wait()
    assert signal.args is not None
    return bool(signal.args[0])


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


# ------------------------------------------------------------------ what happens meanwhile


def test_an_image_closed_meanwhile_is_a_message(bench: Bench, qtbot: QtBot, tmp_path: Path) -> None:
    use(bench, tmp_path)
    image = add(bench)
    with qtbot.waitSignal(bench.prediction.ended, timeout=300_000):
        bench.prediction.image()
        bench.viewer.layers.remove(image)
    assert bench.message == "The image was removed while it was predicted."
    assert not bench.session.results
    assert not bench.viewer.layers
    add(bench)
    assert predict(bench, qtbot)
    assert bench.message == "", "the problem is over"


def test_another_project_ends_it(bench: Bench, qtbot: QtBot, tmp_path: Path) -> None:
    use(bench, tmp_path / "model")
    layer = add(bench)
    with qtbot.waitSignal(bench.prediction.ended, timeout=300_000) as ended:
        bench.prediction.image()
        bench.session.save_in(Project.create(tmp_path / "one"))  # a folder for this state
        assert bench.prediction.running
        bench.session.set_project(Project.create(tmp_path / "other"))
    assert ended.args == [False]
    bench.wait()
    assert not bench.session.results
    assert list(bench.viewer.layers) == [layer]


def test_corrections_and_settings_that_changed_meanwhile_count(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    use(bench, tmp_path)
    add(bench)
    assert predict(bench, qtbot)
    key, before = bench.session.image, bench.session.result
    assert key is not None
    assert before is not None
    label = int(before.instances.ids[0])
    none = Corrections.none(before.maps.shape)
    corrections = accept(none, before.instances, [label])
    with qtbot.waitSignal(bench.prediction.ended, timeout=300_000):
        bench.prediction.image()
        bench.session.images[key].corrections = corrections
        bench.session.set_result(key, recluster(before, before.settings, corrections))
        bench.session.tune(margin_factor=0.8)
    bench.wait()
    after = bench.session.result
    assert after is not None
    assert after.maps is not before.maps
    assert after.corrections is corrections
    expected = after.clustering(bench.session.clustering).labels
    assert_same_objects(bench.labels(), expected)
    assert np.array_equal(bench.labels() == label, before.instances.labels == label)


def test_corrections_meanwhile_are_one_more_clustering_and_no_more_notifications(
    bench: Bench, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(bench, tmp_path)
    add(bench)
    assert predict(bench, qtbot)
    before = bench.session.result
    assert before is not None
    corrections = accept(Corrections.none(before.maps.shape), before.instances, [1])
    with counted(bench.session, monkeypatch) as count:
        bench.prediction.image()
        bench.session.images[str(bench.session.image)].corrections = corrections
        bench.wait()
    assert count == {"clusterings": 2, "results": 1}
    assert bench.session.result is not None
    assert bench.session.result.corrections is corrections


def test_a_setting_that_moved_meanwhile_is_followed(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(bench, tmp_path)
    add(bench)
    with counted(bench.session, monkeypatch) as count:
        bench.prediction.image()
        bench.session.tune(margin_factor=0.8)
        bench.wait()
    assert count == {"clusterings": 2, "results": 2}
    result = bench.session.result
    assert result is not None
    assert_same_objects(bench.labels(), cluster(result.maps, bench.session.clustering).labels)


def test_cancelling_ends_at_once_and_leaves_things_as_they_were(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    use(bench, tmp_path)
    add(bench, shape=(200, 200))
    bench.session.set_prediction(tile=16, halo=16)
    with qtbot.waitSignal(
        bench.prediction.progressed, timeout=300_000, check_params_cb=lambda done, *_: done > 3
    ):
        bench.prediction.image()
    assert bench.prediction.running
    assert bench.prediction.covers(bench.session.image)
    worker = bench.prediction._worker
    assert worker is not None
    with qtbot.waitSignal(bench.prediction.ended, timeout=500) as signal:
        bench.prediction.cancel()
    assert signal.args == [False]
    assert not bench.prediction.running
    worker.cancel()
    worker._thread.join(60)
    bench.wait()
    assert bench.session.result is None
    assert predict(bench, qtbot)


def test_a_new_prediction_takes_the_place_of_one_that_runs(
    bench: Bench, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(bench, tmp_path)
    add(bench)
    with counted(bench.session, monkeypatch) as count:
        bench.prediction.image()
        assert predict(bench, qtbot, "view")
    assert count["results"] == 1


def test_closing_ends_the_prediction(bench: Bench, qtbot: QtBot, tmp_path: Path) -> None:
    use(bench, tmp_path)
    add(bench, shape=(200, 200))
    bench.session.set_prediction(tile=16, halo=16)
    with qtbot.waitSignal(
        bench.prediction.progressed, timeout=300_000, check_params_cb=lambda done, *_: done > 3
    ):
        bench.prediction.image()
    bench.prediction.close()
    assert not bench.prediction.running


# ------------------------------------------------------------------ projects


def project_of(folder: Path, *shapes: tuple[int, ...]) -> tuple[Project, list[Any]]:
    project, images = Project.create(folder), []
    for k, shape in enumerate(shapes):
        data = picture(discs(shape, seed=k), k)
        axes = "CYX" if len(shape) == 2 else "CZYX"
        project.add_image(key=f"cells-{k}", source=None, data=data, name=f"cells {k}", axes=axes)
        images.append(data)
    return project, images


def test_all_images_of_a_project(bench: Bench, qtbot: QtBot, tmp_path: Path) -> None:
    model = use(bench, tmp_path / "model")
    project, images = project_of(tmp_path / "project", (90, 110), (90, 110), (6, 30, 30))
    bench.session.project = project
    steps: list[tuple[int, int]] = []
    bench.prediction.progressed.connect(lambda done, total, _: steps.append((done, total)))
    assert predict(bench, qtbot, "all_images")
    folder = project.folder / "results"
    assert bench.message.startswith(f"Wrote the labels of 2 images to {folder}. Skipped 1 image: ")
    assert "cells 2: the model takes 2D images" in bench.message
    assert bench.prediction.skipped.keys() == {"cells-2"}
    assert sorted(p.name for p in folder.iterdir()) == ["cells 0.tif", "cells 1.tif"]
    for k, data in enumerate(images[:2]):
        expected = model.segment(data, LOW)
        assert np.array_equal(read_labels(folder / f"cells {k}.tif"), expected.labels)
    assert steps[-1] == (3, 3)
    assert steps[1:] == sorted(steps[1:])
    assert not bench.session.results, "none of them is open"


def test_of_an_image_that_leaves_the_project_nothing_is_written(
    bench: Bench, tmp_path: Path
) -> None:
    use(bench, tmp_path / "model")
    bench.session.project = project = project_of(tmp_path / "project", (40, 50), (40, 50))[0]
    images = [ImageToPredict(entry.key, entry.name) for entry in project.card.images]
    models, request = bench.prediction.models, bench.prediction._request()
    reports = predict_images(models, request, project, images)
    next(reports)
    project.remove_image("cells-1")
    *_, last = reports
    assert last.message == f"Wrote the labels of 1 image to {project.results_folder}"
    assert [p.name for p in project.results_folder.iterdir()] == ["cells 0.tif"]


def test_all_images_are_those_of_the_list_whether_drawn_on_open_or_neither(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    """Results have the names that the list shows, and so have exports."""
    model = use(bench, tmp_path / "model")
    first = add(bench)
    others = [picture(discs(seed=k), k)[0] for k in (1, 2)]
    bench.viewer.add_image(others[0], name="not chosen yet")
    bench.viewer.add_image(np.zeros((2, 2, 4, 40, 50), np.uint8), name="film")
    bench.viewer.add_labels(np.zeros((90, 110), np.int32))
    (tmp_path / "more").mkdir()
    tifffile.imwrite(tmp_path / "more/in a file.tif", others[1])
    (tmp_path / "more/empty.tif").touch()
    bench.listed.add([tmp_path / "more"])
    bench.wait()
    assert bench.listed.all()[0].name == "cells 0", "what was worked on comes first"
    first.name = "first"
    assert predict(bench, qtbot, "all_images")
    project = bench.session.project
    assert project is not None
    written = sorted(path.stem for path in project.results_folder.iterdir())
    assert written == ["first", "in a file", "not chosen yet"]
    found = read_labels(project.results_folder / "in a file.tif")
    assert np.array_equal(found, model.segment(others[1][None], LOW).labels)
    assert "Skipped 2 images: film is a time series of 2 frames" in bench.message
    assert "empty: " in bench.message
    assert bench.prediction.skipped.keys() == {"film", "empty"}
    names = [image.name for image in bench.listed.all()]
    assert sorted(names) == ["empty", "film", "first", "in a file", "not chosen yet"]
    assert len(bench.session.results) == 2, "of those that are open, the objects are shown"
    assert len([x for x in bench.viewer.layers if isinstance(x, Image)]) == 3 + 2 * 3
    assert Project.open(project.folder).card.result_names[str(bench.session.image)] == "first"


def test_where_no_image_can_be_predicted_it_failed(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    use(bench, tmp_path / "model")
    bench.session.project, _ = project_of(tmp_path / "project", (6, 30, 30))
    assert not predict(bench, qtbot, "all_images")
    assert bench.message.startswith("No image could be predicted: cells 0: the model takes 2D")


def test_saved_corrections_are_part_of_the_one_clustering(
    bench: Bench, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = use(bench, tmp_path / "model")
    project, [data] = project_of(tmp_path / "project", (90, 110))
    found = model.segment(data, LOW)
    corrections = accept(Corrections.none(found.labels.shape), found, [int(found.ids[0])])
    project.save_corrections("cells-0", corrections)
    bench.session.project = project
    layer = bench.viewer.add_image(data[0], name="cells 0")
    bench.images.choose(layer)
    record = bench.session.current
    assert record is not None
    if record.key != "cells-0":
        project.update(images=tuple(e.updated(key=record.key) for e in project.card.images))
        project.save_corrections(record.key, corrections)
    with counted(bench.session, monkeypatch) as count:
        assert predict(bench, qtbot)
    assert count == {"clusterings": 1, "results": 1}
    result = bench.session.result
    assert result is not None
    assert result.corrections is not None
    assert list(result.corrections.ids) == [int(found.ids[0])]
    assert result.instances.locked.sum() == 1


def test_the_session_s_device_and_settings_make_the_request(bench: Bench, tmp_path: Path) -> None:
    use(bench, tmp_path)
    bench.session.set_prediction(tile=256)
    request = bench.prediction._request()
    assert request.prediction == PredictionSettings(tile=256, device="cpu")
    assert request.clustering == LOW
