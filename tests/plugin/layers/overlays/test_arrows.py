"""Arrows from pixels in view to their embeddings, of limited number."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Vectors
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.plugin.layers.overlays.arrows import MAX_ARROWS, ArrowsLayer, arrows
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.plugin.layers.viewport import visible_box
from napari_spatial_embeddings.plugin.state.open_image import Box
from plugin.conftest import Until
from plugin.fake_results import (
    Bench,
    add_image,
    discs,
    new_bench,
    set_maps,
    uncertain_maps,
)


@pytest.fixture
def bench(qtbot: QtBot) -> Iterator[Bench]:
    with new_bench(qtbot) as bench:
        yield bench


@pytest.fixture
def layer(bench: Bench) -> Iterator[ArrowsLayer]:
    layer = ArrowsLayer(bench.viewer, bench.session, bench.parent)
    yield layer
    layer.close()


def whole(shape: tuple[int, ...]) -> Box:
    return tuple(slice(0, n) for n in shape)


def assert_true(vectors: NDArray[np.float32], maps: EmbeddingMaps, foreground: float) -> None:
    """Assert that each arrow starts at a foreground pixel and ends at its embedding."""
    start = vectors[:, 0].astype(int)
    assert np.array_equal(start, vectors[:, 0])
    assert (maps.seed[(slice(None), *start.T)].max(0) > foreground).all()
    spacing = np.array(maps.spacing)
    ends = vectors.sum(1) * spacing
    np.testing.assert_allclose(ends, maps.embeddings()[(slice(None), *start.T)].T, atol=1e-3)
    assert len(np.unique(start, axis=0)) == len(start)


@pytest.mark.parametrize(
    ("shape", "count", "spacing"),
    [((60, 70), 8, (1.0, 1.0)), ((400, 420), 300, (1.0, 1.0)), ((20, 40, 50), 9, (2.0, 1.0, 1.0))],
)
def test_arrows_are_the_offsets(
    shape: tuple[int, ...], count: int, spacing: tuple[float, ...]
) -> None:
    labels = discs(shape, count)
    maps = ideal_maps(labels, spacing=spacing)
    vectors = arrows(maps, whole(shape), 0.5)
    assert_true(vectors, maps, 0.5)
    assert 0.02 * MAX_ARROWS < len(vectors) <= MAX_ARROWS
    if (labels > 0).sum() <= MAX_ARROWS / 8:
        assert len(vectors) == (labels > 0).sum()


def test_few_pixels_all_have_arrows() -> None:
    labels = discs((40, 50), 3)
    vectors = arrows(ideal_maps(labels), whole(labels.shape), 0.5)
    assert len(vectors) == (labels > 0).sum()
    assert len(arrows(ideal_maps(0 * labels), whole(labels.shape), 0.5)) == 0


def vectors_of(viewer: ViewerModel, key: str) -> Vectors | None:
    found = find_layer(viewer, "arrows", key)
    return found if isinstance(found, Vectors) else None


def test_arrows_follow_the_view(bench: Bench, layer: ArrowsLayer, until: Until) -> None:
    labels = discs((200, 220), 80)
    viewer, key = bench.viewer, add_image(bench, labels, scale=(0.5, 0.5))
    maps = uncertain_maps(labels)
    set_maps(bench, key, maps)
    assert vectors_of(viewer, key) is None
    layer.switch(True)
    for centre in ((25, 30), (80, 90)):
        camera(viewer).center = (0, *centre)
        camera(viewer).zoom = 25

        def follows() -> bool:
            vectors, image = vectors_of(viewer, key), bench.images.layer
            if vectors is None or image is None or not len(vectors.data):
                return False
            part = visible_box(viewer, image, "YX")
            start = vectors.data[:, 0]
            low, high = [s.start for s in part], [s.stop for s in part]
            return bool((start >= low).all() and (start < high).all())

        until(follows)
        vectors = vectors_of(viewer, key)
        assert vectors is not None
        assert tuple(vectors.scale) == (0.5, 0.5)
        assert_true(np.asarray(vectors.data), maps, bench.session.clustering.foreground_threshold)
    layer.switch(False)
    assert vectors_of(viewer, key) is None


def test_deleting_the_layer_switches_arrows_off(bench: Bench, layer: ArrowsLayer) -> None:
    labels = discs()
    key = add_image(bench, labels)
    set_maps(bench, key, uncertain_maps(labels))
    switched: list[bool] = []
    layer.switched.connect(switched.append)
    layer.switch(True)
    bench.viewer.layers.remove(vectors_of(bench.viewer, key))
    assert not layer.on
    assert switched == [True, False]
    layer.switch(True)
    assert vectors_of(bench.viewer, key) is not None


def test_arrows_of_another_image_are_emptied(
    bench: Bench, layer: ArrowsLayer, until: Until
) -> None:
    labels = discs()
    key = add_image(bench, labels, "first")
    set_maps(bench, key, uncertain_maps(labels))
    layer.switch(True)
    vectors = vectors_of(bench.viewer, key)
    assert vectors is not None
    assert len(vectors.data)
    add_image(bench, labels, "second")
    until(lambda: not len(vectors.data))
