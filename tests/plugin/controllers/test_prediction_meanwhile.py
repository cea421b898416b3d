"""Predictions under way, and what changes meanwhile: corrections, settings, images, projects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.editing.corrections import accept
from napari_spatial_embeddings.plugin.tasks.recluster import recluster
from napari_spatial_embeddings.project import Project
from plugin.fake_results import Bench, assert_same_objects, counted, new_bench
from plugin.untrained import add, predict, use


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    with new_bench(qtbot) as bench:
        bench.session.device = "cpu"
        yield bench


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
