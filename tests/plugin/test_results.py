"""Results as layers: one of each, found by what they are, and nobody else's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Labels, Layer
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers import tags as _layers
from plugin.fake_results import add_image, discs, set_maps, settled, uncertain_maps


def shown(dock: SpatialEmbeddingsWidget, qtbot: QtBot) -> dict[str, Layer]:
    """Return the current image's layers by what they are, once all are there."""
    viewer, key = dock.workspace.viewer, dock.session.image

    def mine() -> list[Layer]:
        return [x for x in viewer.layers if _layers.image_key(x) == key and key is not None]

    settled(qtbot, dock)
    qtbot.waitUntil(lambda: not dock.workspace.results.busy, timeout=60_000)
    names = [
        f"{_layers.role(x)} {x.metadata[_layers.KEY].get('class', '')}".strip() for x in mine()
    ]
    assert len(set(names)) == len(names)
    return dict(zip(names, mine(), strict=True))


TURN = np.deg2rad(20)


@pytest.mark.parametrize(
    ("shape", "where"),
    [
        (
            (60, 70),
            {
                "scale": (0.5, 0.25),
                "translate": (10, -3),
                "rotate": np.array([[np.cos(TURN), -np.sin(TURN)], [np.sin(TURN), np.cos(TURN)]]),
                "units": ("um", "um"),
            },
        ),
        ((8, 30, 40), {"scale": (2.0, 0.5, 0.5), "units": ("um",) * 3}),
        ((60, 70), {"affine": np.array([[1, 0.2, 3], [0, 2, 4], [0, 0, 1.0]])}),
    ],
)
def test_layers_cover_their_image(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot, shape: Any, where: dict[str, Any]
) -> None:
    labels = discs(shape, 6)
    key = add_image(dock, viewer, labels, **where)
    set_maps(dock, key, ideal_maps(labels, classes={1: 1}, n_classes=2))
    layers = shown(dock, qtbot)
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


def test_layers_show_the_maps(dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot) -> None:
    labels = discs()
    key = add_image(dock, viewer, labels, scale=(0.5, 0.5), units=("um", "um"))
    maps = uncertain_maps(labels, classes=2)
    set_maps(dock, key, maps)
    layers = shown(dock, qtbot)
    for index in range(2):
        assert np.array_equal(layers[f"seed {index}"].data, maps.seed[index])
    np.testing.assert_allclose(layers["margin"].data, 0.5 * maps.margin.mean(0), rtol=1e-6)
    assert layers["margin"].name.endswith("(µm)")
    assert layers["offsets"].data.shape == (*labels.shape, 3)
    assert not layers["offsets"].data[maps.seed.max(0) == 0].any()
    instances = layers["instances"]
    assert instances.data.dtype == np.int32
    found = cluster(maps, dock.session.clustering)
    table = instances.features
    assert list(table["index"]) == list(found.ids)
    for label, size, score, kind in zip(
        table["index"], table["size"], table["score"], table["class"], strict=True
    ):
        own = instances.data == label
        assert own.sum() == size
        seed = np.where(own, maps.seed.max(0), 0)
        assert score == pytest.approx(seed.max(), abs=1e-3)
        assert kind == "ab"[int(maps.seed[:, seed == seed.max()].argmax(0)[0])]


def test_predicting_again_changes_our_layers_and_nobody_elses(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot
) -> None:
    labels = discs()
    theirs = viewer.add_labels(np.ones(labels.shape, np.int32), name="nuclei · instances")
    key = add_image(dock, viewer, labels)
    set_maps(dock, key, uncertain_maps(labels))
    before = shown(dock, qtbot)
    before["seed 0"].visible = True
    before["seed 0"].contrast_limits = (0.2, 0.7)
    before["margin"].contrast_limits = (1, 2)
    before["instances"].opacity = 0.9
    order = [x.name for x in viewer.layers]
    other = uncertain_maps(labels, seed=1)
    set_maps(dock, key, other)
    after = shown(dock, qtbot)
    assert {k: id(v) for k, v in before.items()} == {k: id(v) for k, v in after.items()}
    assert [x.name for x in viewer.layers] == order
    assert np.array_equal(after["seed 0"].data, other.seed[0])
    assert after["seed 0"].visible
    assert tuple(after["seed 0"].contrast_limits) == (0.2, 0.7)
    assert tuple(after["margin"].contrast_limits) == (1, 2)
    assert after["instances"].opacity == 0.9
    expected = cluster(other, dock.session.clustering).labels
    assert np.array_equal(after["instances"].data > 0, expected > 0)
    assert (theirs.data == 1).all()
    assert theirs in viewer.layers


def test_a_deleted_layer_comes_back_with_the_next_prediction(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot
) -> None:
    labels = discs()
    key = add_image(dock, viewer, labels)
    set_maps(dock, key, uncertain_maps(labels))
    layers = shown(dock, qtbot)
    for name in ("seed 0", "margin", "offsets"):
        viewer.layers.remove(layers[name])
    dock.session.tune(margin_factor=0.8)
    assert set(shown(dock, qtbot)) == {"image", "instances"}
    set_maps(dock, key, uncertain_maps(labels, seed=1))
    assert set(shown(dock, qtbot)) == set(layers)


def test_classes_that_are_gone_leave_no_layer(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot
) -> None:
    labels = discs()
    key = add_image(dock, viewer, labels)
    set_maps(dock, key, uncertain_maps(labels, classes=3))
    assert {"seed 0", "seed 1", "seed 2"} <= set(shown(dock, qtbot))
    set_maps(dock, key, uncertain_maps(labels, classes=1))
    assert set(shown(dock, qtbot)) & {"seed 0", "seed 1", "seed 2"} == {"seed 0"}


def test_painting_on_the_layer_changes_no_result(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot
) -> None:
    labels = discs()
    set_maps(dock, add_image(dock, viewer, labels), uncertain_maps(labels))
    layer = shown(dock, qtbot)["instances"]
    assert isinstance(layer, Labels)
    result = dock.session.result
    assert result is not None
    assert result.instances is not None
    before = result.instances.labels.copy()
    layer.paint((40, 40), 99)
    assert (layer.data == 99).any()
    assert np.array_equal(result.instances.labels, before)


def test_two_images_keep_their_layers_apart(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, qtbot: QtBot
) -> None:
    labels, maps, found = [], [], []
    for seed in range(2):
        labels.append(discs(seed=seed))
        maps.append(uncertain_maps(labels[seed], seed))
        set_maps(dock, add_image(dock, viewer, labels[seed], f"n{seed}"), maps[seed])
        found.append(shown(dock, qtbot))
    assert not set(found[0].values()) & set(found[1].values())
    for seed in range(2):
        assert np.array_equal(found[seed]["seed 0"].data, maps[seed].seed[0])
    names = [x.name.split(" · ")[0] for x in viewer.layers]
    assert names == sorted(names)
