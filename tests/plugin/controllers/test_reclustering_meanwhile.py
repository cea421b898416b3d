"""Clustering while layers are removed or results replaced, and its failure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.instances import Corrections
from napari_spatial_embeddings.editing.corrections import accept
from napari_spatial_embeddings.plugin.layers.tags import find_layer
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


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    with new_bench(qtbot) as bench:
        yield bench


def test_the_instances_layer_may_be_deleted_meanwhile(bench: Bench) -> None:
    labels = discs()
    maps = uncertain_maps(labels)
    key = add_image(bench, labels)
    set_maps(bench, key, maps)
    bench.session.tune(margin_factor=0.8)
    bench.viewer.layers.remove(find_layer(bench.viewer, "instances", key))
    bench.wait()
    assert_same_objects(bench.labels(), cluster(maps, bench.session.clustering).labels)


def test_the_image_may_be_closed_meanwhile(bench: Bench) -> None:
    labels = discs()
    set_maps(bench, add_image(bench, labels), uncertain_maps(labels))
    bench.session.tune(margin_factor=0.8)
    bench.viewer.layers.remove("nuclei")
    bench.wait()
    bench.session.tune(margin_factor=0.9)
    assert not bench.reclustering.busy
    assert not bench.messages


def test_a_result_of_older_settings_is_followed_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = discs()
    maps = uncertain_maps(labels)
    key = add_image(bench, labels)
    made = segmentation(bench.session, maps)  # predicted while a slider moves
    bench.session.tune(margin_factor=0.8)
    with counted(bench.session, monkeypatch) as count:
        bench.session.set_result(key, made)
        bench.wait()
    assert count == {"clusterings": 1, "results": 2}
    assert_same_objects(bench.labels(), cluster(maps, bench.session.clustering).labels)


def test_what_replaces_a_result_under_way_is_followed(bench: Bench) -> None:
    labels = discs()
    maps, other = uncertain_maps(labels), uncertain_maps(labels, seed=1)
    key = add_image(bench, labels)
    set_maps(bench, key, maps)
    made = segmentation(bench.session, other)
    bench.session.tune(margin_factor=0.8)  # of maps that are replaced before it is done
    bench.session.set_result(key, made)
    bench.wait()
    assert_same_objects(bench.labels(), cluster(other, bench.session.clustering).labels)


def test_a_superseded_segmentation_is_published_once_with_todays_corrections(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = discs()
    key = add_image(bench, labels)
    made = set_maps(bench, key, uncertain_maps(labels))
    label = int(made.instances.ids[0])
    other = segmentation(bench.session, uncertain_maps(labels, seed=1))
    corrections = accept(Corrections.none(labels.shape), made.instances, [label])
    bench.session.images[key].corrections = corrections
    bench.wait()
    with counted(bench.session, monkeypatch) as count:
        bench.reclustering.recluster(key, other)
        assert bench.reclustering.busy
        bench.wait()
    assert count == {"clusterings": 1, "results": 1}
    result = bench.session.result
    assert result is not None
    assert (result.maps, result.corrections) == (other.maps, corrections)
    assert np.array_equal(bench.labels() == label, made.instances.labels == label)


def test_of_many_superseded_segmentations_none_is_lost(bench: Bench) -> None:
    made = {}
    for seed in range(3):
        labels = discs(seed=seed)
        key = add_image(bench, labels, f"image {seed}")
        made[key] = segmentation(bench.session, uncertain_maps(labels, seed))
    for key, one in made.items():
        bench.reclustering.recluster(key, one)
    bench.session.tune(margin_factor=0.8)
    bench.wait()
    assert {k: r.maps for k, r in bench.session.results.items()} == {
        k: m.maps for k, m in made.items()
    }
    expected = cluster(made[key].maps, bench.session.clustering).labels
    assert_same_objects(bench.labels(key), expected)


def test_a_failure_is_a_message(bench: Bench) -> None:
    labels = discs()
    key = add_image(bench, labels)
    made = set_maps(bench, key, uncertain_maps(labels))
    wrong = replace(made.instances, labels=np.zeros((3, 3), np.int32))
    bench.results.close()  # which would refuse it, too
    bench.session.set_result(key, replace(made, instances=wrong))
    bench.session.tune(margin_factor=0.8)
    bench.wait()
    assert "ike has shape" in bench.message
    assert not bench.reclustering.busy
