"""Arrows lead from pixels in view to their embeddings, few enough to be drawn."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Vectors
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.layers.arrows import MOST, arrows
from napari_spatial_embeddings.plugin.layers.viewport import camera, visible, whole
from plugin.conftest import Until
from plugin.fake_results import add_image, discs, set_maps, tune_step, uncertain_maps


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
    assert 0.02 * MOST < len(vectors) <= MOST
    if (labels > 0).sum() <= MOST / 8:
        assert len(vectors) == (labels > 0).sum()


def test_few_pixels_all_have_arrows() -> None:
    labels = discs((40, 50), 3)
    vectors = arrows(ideal_maps(labels), whole(labels.shape), 0.5)
    assert len(vectors) == (labels > 0).sum()
    assert len(arrows(ideal_maps(0 * labels), whole(labels.shape), 0.5)) == 0


def layer_of(viewer: Viewer, key: str) -> Vectors | None:
    layer = _layers.find(viewer, "arrows", key)
    return layer if isinstance(layer, Vectors) else None


def test_arrows_follow_the_view(
    dock: SpatialEmbeddingsWidget, viewer: Viewer, until: Until
) -> None:
    labels = discs((200, 220), 80)
    key = add_image(dock, viewer, labels, scale=(0.5, 0.5))
    maps = uncertain_maps(labels)
    set_maps(dock, key, maps)
    box = tune_step(dock)._arrows
    assert layer_of(viewer, key) is None
    box.click()
    for centre in ((25, 30), (80, 90)):
        camera(viewer).center = (0, *centre)
        camera(viewer).zoom = 25

        def follows() -> bool:
            layer = layer_of(viewer, key)
            image = dock.workspace.layer
            if layer is None or image is None or not len(layer.data):
                return False
            part = visible(viewer, image, "YX")
            start = layer.data[:, 0]
            low, high = [s.start for s in part], [s.stop for s in part]
            return bool((start >= low).all() and (start < high).all())

        until(follows)
        layer = layer_of(viewer, key)
        assert layer is not None
        assert tuple(layer.scale) == (0.5, 0.5)
        assert_true(np.asarray(layer.data), maps, dock.session.clustering.foreground_threshold)
    box.click()
    assert layer_of(viewer, key) is None


def test_deleting_the_layer_switches_arrows_off(
    dock: SpatialEmbeddingsWidget, viewer: Viewer
) -> None:
    labels = discs()
    key = add_image(dock, viewer, labels)
    set_maps(dock, key, uncertain_maps(labels))
    box = tune_step(dock)._arrows
    box.click()
    layer = layer_of(viewer, key)
    assert layer is not None
    viewer.layers.remove(layer)
    assert not box.isChecked()
    box.click()
    assert layer_of(viewer, key) is not None
