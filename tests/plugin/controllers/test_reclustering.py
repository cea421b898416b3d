"""Clustering that follows the settings: what is shown equals the maps clustered with them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.plugin.controllers import reclustering
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.plugin.state.open_image import PartialResult
from napari_spatial_embeddings.plugin.tasks.recluster import ClusteringRequest, Reclusterer
from plugin.conftest import Until
from plugin.fake_results import (
    Bench,
    add_image,
    assert_same_objects,
    counted,
    discs,
    new_bench,
    segmentation,
    set_maps,
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


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    with new_bench(qtbot) as bench:
        yield bench


def partial_results(bench: Bench) -> list[PartialResult]:
    """Collect the partial results that are published."""
    found: list[PartialResult] = []

    def note(key: str) -> None:
        partial = bench.session.images[key].partial
        assert partial is not None
        found.append(partial)

    bench.session.partial_changed.connect(note)
    return found


def result_settings(bench: Bench) -> list[object]:
    """Collect the settings of the results that are published."""
    found: list[object] = []
    bench.session.result_changed.connect(
        lambda key: found.append(bench.session.results[key].settings)
    )
    return found


@pytest.mark.parametrize("volume", [False, True])
def test_what_is_shown_follows_the_settings(bench: Bench, volume: bool) -> None:
    labels = discs(**VOLUME) if volume else discs()
    key = add_image(bench, labels)
    maps = uncertain_maps(labels, classes=2)
    set_maps(bench, key, maps)
    seen = [bench.labels().copy()]
    moves = {**MOVES, "min_size": 400} if volume else MOVES
    for name, value in moves.items():
        bench.session.tune(**{name: value})
        bench.wait()
        expected = cluster(maps, bench.session.clustering)
        assert_same_objects(bench.labels(), expected.labels)
        result = bench.session.result
        assert result is not None
        assert len(result.instances) == len(expected)
        assert result.settings == bench.session.clustering
        seen.append(bench.labels().copy())
    assert all(not np.array_equal(a, b) for a, b in itertools.pairwise(seen))


def test_a_step_of_a_slider_is_one_clustering_and_one_notification(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = discs()
    set_maps(bench, add_image(bench, labels), uncertain_maps(labels))
    with counted(bench.session, monkeypatch) as count:
        for k in range(3):
            bench.session.tune(margin_factor=0.9 - 0.1 * k)
            bench.wait()
            assert count == {"clusterings": k + 1, "results": k + 1}


def test_choosing_an_image_that_is_up_to_date_clusters_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []
    for seed in range(2):
        labels = discs(seed=seed)
        keys.append(add_image(bench, labels, f"image {seed}"))
        set_maps(bench, keys[seed], uncertain_maps(labels, seed))
    with counted(bench.session, monkeypatch) as count:
        bench.session.set_image(keys[0])
        assert not bench.reclustering.busy
        bench.session.tune(margin_factor=0.8)
        bench.wait()
        assert count == {"clusterings": 1, "results": 1}
        bench.session.set_image(keys[1])  # this one is behind
        bench.wait()
        assert count == {"clusterings": 2, "results": 2}


def test_labels_of_objects_that_stay_do_not_jump(bench: Bench) -> None:
    labels = discs()
    set_maps(bench, add_image(bench, labels), uncertain_maps(labels))
    before = bench.labels().copy()
    for value in np.linspace(0.8, 0.5, 20):
        bench.session.tune(seed_threshold=float(value))
        bench.wait()
        now = bench.labels()
        assert (now[before > 0] == before[before > 0]).mean() > 0.9
        assert len(np.unique(now)) >= len(np.unique(before))
        before = now.copy()


@pytest.mark.parametrize("by_parts", [False, True])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("seed_threshold", (0.7, 0.9, 0.995, 0.8)),
        ("margin_factor", (0.5, 2.0, 4.0, 1.5)),
        ("min_size", (60, 2000, 90)),
    ],
)
def test_labels_come_back_with_the_setting(
    bench: Bench,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    by_parts: bool,
    name: str,
    values: tuple[float, ...],
) -> None:
    if by_parts:
        monkeypatch.setattr(reclustering, "MAX_WHOLE_IMAGE_PIXELS", 1000)
    labels = discs((200, 210), 60)
    key = add_image(bench, labels)
    set_maps(bench, key, uncertain_maps(labels))
    camera(bench.viewer).center = (0.0, 60.0, 70.0)
    camera(bench.viewer).zoom = 10.0
    before, first = bench.labels().copy(), getattr(bench.session.clustering, name)
    numbers = []

    def has_part() -> bool:
        return bench.session.images[key].partial is not None

    for value in (*values, first):
        bench.session.tune(**{name: value})
        # A part is shown first; the next step comes before all of it follows.
        qtbot.waitUntil(lambda: has_part() or not bench.reclustering.busy, timeout=60_000)
        numbers.append(len(np.unique(bench.labels())))
    bench.wait()
    assert {*numbers} != {len(np.unique(before))}
    # All but pieces that a small margin cuts off, and whose label a whole object has then.
    assert (bench.labels() != before).mean() < 0.002


def test_a_drag_leaves_no_queue(bench: Bench) -> None:
    labels = discs()
    maps = uncertain_maps(labels)
    set_maps(bench, add_image(bench, labels), maps)
    bench.wait()
    found = result_settings(bench)
    for value in np.linspace(0.8, 1.2, 100):
        bench.session.tune(margin_factor=float(value))
    bench.wait()
    # All requests but the first and the newest were never begun.
    assert len(found) <= 3
    assert found[-1] == bench.session.clustering
    assert_same_objects(bench.labels(), cluster(maps, bench.session.clustering).labels)


def test_of_a_large_image_the_view_comes_first(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reclustering, "MAX_WHOLE_IMAGE_PIXELS", 1000)
    labels = discs((200, 210), 90)
    maps = uncertain_maps(labels)
    set_maps(bench, add_image(bench, labels), maps)
    camera(bench.viewer).center = (0.0, 60.0, 70.0)
    camera(bench.viewer).zoom = 10.0
    seen: list[tuple[PartialResult, np.ndarray[Any, Any]]] = []

    def note(key: str) -> None:
        partial = bench.session.images[key].partial
        assert partial is not None
        seen.append((partial, bench.labels(key).copy()))

    bench.session.partial_changed.connect(note)
    with counted(bench.session, monkeypatch) as count:
        bench.session.tune(margin_factor=0.8)
        bench.wait()
    assert count == {"clusterings": 2, "results": 1, "partial results": 1}
    expected = cluster(maps, bench.session.clustering).labels
    [(partial, shown)] = seen
    box = partial.box
    assert_same_objects(shown[box], expected[box])
    assert partial.count == len(np.unique(expected[box])) - 1
    assert_same_objects(bench.labels(), expected)
    assert np.array_equal(bench.labels()[box], shown[box]), "labels stay"


def test_a_large_image_that_is_left_before_all_of_it_followed_is_completed_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    monkeypatch.setattr(reclustering, "MAX_WHOLE_IMAGE_PIXELS", 1000)
    labels = discs()
    maps = uncertain_maps(labels)
    key = add_image(bench, labels)
    set_maps(bench, key, maps)
    before = bench.session.clustering
    found = partial_results(bench)
    bench.session.tune(margin_factor=0.8)
    until(lambda: found)
    add_image(bench, labels, "another")
    bench.session.tune(**before.model_dump())  # what is shown is that of other settings
    bench.wait()
    bench.session.set_image(key)
    bench.wait()
    assert_same_objects(bench.labels(), cluster(maps, before).labels)


def test_a_volume_follows_by_slices_while_the_slider_is_held(bench: Bench, until: Until) -> None:
    labels = discs((24, 40, 40), 30)
    maps = uncertain_maps(labels)
    set_maps(bench, add_image(bench, labels), maps)
    before = bench.labels().copy()
    bench.viewer.dims.set_current_step(0, 12)
    found, results = partial_results(bench), result_settings(bench)
    pauses: list[None] = []
    bench.reclustering._pause.triggered.connect(lambda: pauses.append(None))
    bench.reclustering.hold(True)
    bench.session.tune(margin_factor=0.7)
    expected = cluster(maps, bench.session.clustering).labels
    until(lambda: found)
    assert found[0].box[0] == slice(12, 13)
    assert_same_objects(bench.labels()[12], expected[12])
    until(lambda: pauses)
    assert np.array_equal(bench.labels()[0], before[0])
    assert not results
    bench.reclustering.hold(False)
    bench.wait()
    assert_same_objects(bench.labels(), expected)


def test_nothing_in_view_waits_for_the_whole(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reclustering, "MAX_WHOLE_IMAGE_PIXELS", 1000)
    labels = discs()
    maps = uncertain_maps(labels)
    set_maps(bench, add_image(bench, labels), maps)
    camera(bench.viewer).center = (0, 5000, 5000)
    found = partial_results(bench)
    bench.session.tune(margin_factor=0.8)
    bench.wait()
    assert not found
    assert_same_objects(bench.labels(), cluster(maps, bench.session.clustering).labels)


def test_settings_act_on_the_current_image(bench: Bench) -> None:
    keys, maps = [], []
    for seed in range(2):
        labels = discs(seed=seed)
        keys.append(add_image(bench, labels, f"image {seed}"))
        maps.append(uncertain_maps(labels, seed))
        set_maps(bench, keys[seed], maps[seed])
    first = bench.labels(keys[0]).copy()
    bench.session.tune(margin_factor=0.7)
    bench.wait()
    assert np.array_equal(bench.labels(keys[0]), first)
    expected = cluster(maps[1], bench.session.clustering).labels
    assert_same_objects(bench.labels(keys[1]), expected)
    # The other one follows when it is chosen.
    bench.session.set_image(keys[0])
    bench.wait()
    expected = cluster(maps[0], bench.session.clustering).labels
    assert_same_objects(bench.labels(keys[0]), expected)


def test_parts_are_never_written_into_a_result(bench: Bench) -> None:
    labels = discs()
    add_image(bench, labels)
    result = segmentation(bench.session, uncertain_maps(labels))
    frozen = {f.name: getattr(result.instances, f.name) for f in fields(result.instances)}
    for array in frozen.values():
        array.flags.writeable = False
    work, box = Reclusterer(), (slice(20, 50), slice(30, 80))
    settings = bench.session.clustering
    published = []
    for factor in (0.8, 0.7, 0.6):
        for part in (box, None, box):
            wanted = settings.updated(margin_factor=factor)
            found = work(ClusteringRequest("key", result, wanted, part))
            if not isinstance(found, PartialResult):
                published.append((found, found.instances.labels.copy()))
    for found, before in published:
        assert np.array_equal(found.instances.labels, before)
