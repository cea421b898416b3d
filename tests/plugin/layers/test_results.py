"""Layers that show results: one of each, found by their tags; the user's own are left alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels, Layer
from napari_builtins._qt.features_table import FeaturesTable  # type: ignore[import-untyped]
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.plugin.layers.map_images import by_label
from napari_spatial_embeddings.plugin.layers.tags import tag_of
from napari_spatial_embeddings.plugin.state.open_image import PartialResult
from plugin.fake_results import Bench, add_image, discs, new_bench, set_maps, uncertain_maps


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    with new_bench(qtbot) as bench:
        yield bench


def shown(bench: Bench) -> dict[str, Layer]:
    """Return the current image's layers by their tags, once all are there."""
    bench.wait()
    layers = {}
    for layer in bench.viewer.layers:
        tag = tag_of(layer)
        if tag is not None and tag.image == bench.session.image:
            name = f"{tag.role} {tag.part}".strip()
            assert name not in layers
            layers[name] = layer
    return layers


ANGLE = np.deg2rad(20)


@pytest.mark.parametrize(
    ("shape", "where"),
    [
        (
            (60, 70),
            {
                "scale": (0.5, 0.25),
                "translate": (10, -3),
                "rotate": np.array(
                    [[np.cos(ANGLE), -np.sin(ANGLE)], [np.sin(ANGLE), np.cos(ANGLE)]]
                ),
                "units": ("um", "um"),
            },
        ),
        ((8, 30, 40), {"scale": (2.0, 0.5, 0.5), "units": ("um",) * 3}),
        ((60, 70), {"affine": np.array([[1, 0.2, 3], [0, 2, 4], [0, 0, 1.0]])}),
    ],
)
def test_layers_cover_their_image(bench: Bench, shape: Any, where: dict[str, Any]) -> None:
    labels = discs(shape, 6)
    key = add_image(bench, labels, **where)
    set_maps(bench, key, ideal_maps(labels, classes={1: 1}, n_classes=2))
    layers = shown(bench)
    assert set(layers) == {"image", "offsets", "margin", "seed 0", "seed 1", "instances"}
    image = layers["image"]
    corners = [np.zeros(len(shape)), np.array(shape) - 1.0]
    for layer in layers.values():
        assert layer.units == image.units
        for corner in corners:
            np.testing.assert_allclose(
                layer.data_to_world(corner), image.data_to_world(corner), atol=1e-9
            )
    assert next(x.name for x in layers.values()) == "nuclei"
    assert all(x.name.startswith("nuclei · ") for x in list(layers.values())[1:])


def test_layers_show_the_maps(bench: Bench) -> None:
    labels = discs()
    key = add_image(bench, labels, scale=(0.5, 0.5), units=("um", "um"))
    maps = uncertain_maps(labels, classes=2)
    set_maps(bench, key, maps)
    layers = shown(bench)
    for index in range(2):
        assert np.array_equal(layers[f"seed {index}"].data, maps.seed[index])
    np.testing.assert_allclose(layers["margin"].data, 0.5 * maps.margin.mean(0), rtol=1e-6)
    assert layers["margin"].name.endswith("(µm)")
    assert layers["offsets"].data.shape == (*labels.shape, 3)
    assert not layers["offsets"].data[maps.seed.max(0) == 0].any()
    instances = layers["instances"]
    assert instances.data.dtype == np.int32
    found = cluster(maps, bench.session.clustering)
    table = instances.features
    assert table["class"][0] == "background"
    table = table[table["index"] > 0]
    assert list(table["index"]) == list(found.ids)
    for label, size, score, kind in zip(
        table["index"], table["size"], table["score"], table["class"], strict=True
    ):
        own = instances.data == label
        assert own.sum() == size
        seed = np.where(own, maps.seed.max(0), 0)
        assert score == pytest.approx(seed.max(), abs=1e-3)
        assert kind == "ab"[int(maps.seed[:, seed == seed.max()].argmax(0)[0])]


def test_predicting_again_changes_the_plugins_layers_and_no_others(bench: Bench) -> None:
    labels = discs()
    theirs = bench.viewer.add_labels(np.ones(labels.shape, np.int32), name="nuclei · instances")
    key = add_image(bench, labels)
    set_maps(bench, key, uncertain_maps(labels))
    before = shown(bench)
    before["seed 0"].visible = True
    before["seed 0"].contrast_limits = (0.2, 0.7)
    before["margin"].contrast_limits = (1, 2)
    before["instances"].opacity = 0.9
    order = [x.name for x in bench.viewer.layers]
    other = uncertain_maps(labels, seed=1)
    set_maps(bench, key, other)
    after = shown(bench)
    assert {k: id(v) for k, v in before.items()} == {k: id(v) for k, v in after.items()}
    assert [x.name for x in bench.viewer.layers] == order
    assert np.array_equal(after["seed 0"].data, other.seed[0])
    assert after["seed 0"].visible
    assert tuple(after["seed 0"].contrast_limits) == (0.2, 0.7)
    assert tuple(after["margin"].contrast_limits) == (1, 2)
    assert after["instances"].opacity == 0.9
    expected = cluster(other, bench.session.clustering).labels
    assert np.array_equal(after["instances"].data > 0, expected > 0)
    assert (theirs.data == 1).all()
    assert theirs in bench.viewer.layers


def test_a_deleted_layer_comes_back_with_the_next_prediction(bench: Bench) -> None:
    labels = discs()
    key = add_image(bench, labels)
    set_maps(bench, key, uncertain_maps(labels))
    layers = shown(bench)
    for name in ("seed 0", "margin", "offsets"):
        bench.viewer.layers.remove(layers[name])
    bench.session.tune(margin_factor=0.8)
    assert set(shown(bench)) == {"image", "instances"}
    set_maps(bench, key, uncertain_maps(labels, seed=1))
    assert set(shown(bench)) == set(layers)


def test_new_layers_are_never_selected_meanwhile(bench: Bench) -> None:
    """The controls of each would be shown in turn, and a tool on another layer be left."""
    labels = discs()
    key = add_image(bench, labels)
    selection = bench.viewer.layers.selection
    before, active = set(selection), list[Any]()
    selection.events.active.connect(lambda event: active.append(event.value))
    set_maps(bench, key, uncertain_maps(labels))
    assert {"seed 0", "margin", "offsets", "instances"} <= set(shown(bench))
    assert not active
    assert set(selection) == before
    added = bench.viewer.add_points([[1, 1]])
    assert selection.active is added, "the user's own layers are selected as ever"


def test_classes_that_are_gone_leave_no_layer(bench: Bench) -> None:
    labels = discs()
    key = add_image(bench, labels)
    set_maps(bench, key, uncertain_maps(labels, classes=3))
    assert {"seed 0", "seed 1", "seed 2"} <= set(shown(bench))
    set_maps(bench, key, uncertain_maps(labels, classes=1))
    assert set(shown(bench)) & {"seed 0", "seed 1", "seed 2"} == {"seed 0"}


def test_painting_on_the_layer_changes_no_result(bench: Bench) -> None:
    labels = discs()
    set_maps(bench, add_image(bench, labels), uncertain_maps(labels))
    layer = shown(bench)["instances"]
    assert isinstance(layer, Labels)
    result = bench.session.result
    assert result is not None
    before = result.instances.labels.copy()
    layer.paint((40, 40), 99)
    assert (layer.data == 99).any()
    assert np.array_equal(result.instances.labels, before)


def test_two_images_keep_their_layers_apart(bench: Bench) -> None:
    labels, maps, found = [], [], []
    for seed in range(2):
        labels.append(discs(seed=seed))
        maps.append(uncertain_maps(labels[seed], seed))
        set_maps(bench, add_image(bench, labels[seed], f"n{seed}"), maps[seed])
        found.append(shown(bench))
    assert not set(found[0].values()) & set(found[1].values())
    for seed in range(2):
        assert np.array_equal(found[seed]["seed 0"].data, maps[seed].seed[0])
    names = [x.name.split(" · ")[0] for x in bench.viewer.layers]
    assert names == sorted(names)


def test_a_partial_result_is_shown_in_its_part_until_the_next_result(bench: Bench) -> None:
    labels = discs()
    key = add_image(bench, labels)
    made = set_maps(bench, key, uncertain_maps(labels))
    layer = shown(bench)["instances"]
    before = layer.data.copy()
    box = (slice(10, 30), slice(20, 50))
    bench.session.set_partial(key, PartialResult(box, np.full((20, 30), 77, np.int32), 1, 1.0))
    assert (layer.data[box] == 77).all()
    outside = np.ones(labels.shape, bool)
    outside[box] = False
    assert np.array_equal(layer.data[outside], before[outside])
    assert not (made.instances.labels == 77).any()
    bench.session.set_result(key, made)
    assert np.array_equal(layer.data, before)


def test_the_result_of_a_closed_image_makes_no_layers(bench: Bench) -> None:
    labels = discs()
    key = add_image(bench, labels)
    bench.viewer.layers.clear()
    set_maps(bench, key, uncertain_maps(labels))
    bench.wait()
    assert not bench.viewer.layers
    assert not bench.session.results


def test_the_maps_of_an_image_that_is_closed_meanwhile_make_no_layers(bench: Bench) -> None:
    labels = discs()
    key = add_image(bench, labels)
    set_maps(bench, key, uncertain_maps(labels))
    bench.viewer.layers.clear()  # while its offsets and margin are computed
    bench.wait()
    assert not bench.viewer.layers


def known_ids(layer: Labels) -> list[int]:
    """Return the labels of which a layer's table has something."""
    table = layer.features
    return [int(i) for i in table["index"][table["size"].notna()]]


def test_napari_s_table_selects_the_object_of_a_row(bench: Bench, qtbot: QtBot) -> None:
    labels = discs()
    labels[labels == 2] = 0  # a gap, as after a correction
    key = add_image(bench, labels)
    set_maps(bench, key, uncertain_maps(labels))
    bench.wait()
    layer = shown(bench)["instances"]
    widget = FeaturesTable(bench.viewer)
    qtbot.addWidget(widget)
    bench.viewer.layers.selection.active = layer
    ids = bench.session.results[key].instances.ids.tolist()
    table = widget.table.model()
    shown_labels = [table.index(k, 1).data() for k in range(table.rowCount())]
    for label in ids:
        widget.table.selectRow(shown_labels.index(label))
        assert layer.selected_label == label
    for label in reversed(ids):
        layer.selected_label = label
        rows = {index.row() for index in widget.table.selectionModel().selectedIndexes()}
        assert [shown_labels[row] for row in rows] == [label]


def test_rows_are_by_label() -> None:
    rows = by_label({"index": [2, 4], "class": ["a", "b"], "size": [5, 6], "p": [0.5, ""]})
    assert rows["index"].tolist() == [0, 1, 2, 3, 4]
    assert rows["class"].tolist() == ["background", None, "a", None, "b"]
    np.testing.assert_array_equal(rows["size"], [np.nan, np.nan, 5, np.nan, 6])
    np.testing.assert_array_equal(rows["p"], [np.nan, np.nan, 0.5, np.nan, np.nan])
    sparse = {"index": [7, 70_000], "size": [1, 2]}
    assert by_label(sparse) == sparse
    assert by_label({"index": [], "size": []})["index"].tolist() == [0]
    assert by_label({"index": [], "class": np.array([], object)})["class"].tolist() == [BACKGROUND]


def test_tables_follow_after_a_pause(bench: Bench) -> None:
    labels = discs()
    key = add_image(bench, labels)
    set_maps(bench, key, uncertain_maps(labels))
    layer = shown(bench)["instances"]
    before = known_ids(layer)
    bench.session.tune(min_size=60)
    bench.wait()
    result = bench.session.result
    assert result is not None
    assert 0 < len(result.instances) < len(before)
    assert known_ids(layer) == result.instances.ids.tolist()
