"""Found objects become annotations, and no annotation is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import capsules
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.editing.to_annotation import adopt, inside
from napari_spatial_embeddings.errors import InputError

SHAPES = [(40, 50), (12, 30, 30)]


def found(shape: tuple[int, ...], seed: int = 0) -> Instances:
    labels = capsules(shape, seed)
    classes = {i: i % 2 for i in range(1, 9)}
    maps = ideal_maps(labels, classes=classes, n_classes=2, sigma=2)
    return cluster(maps, ClusteringSettings(min_size=1))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@given(seed=st.integers(0, 99), data=st.data())
def test_chosen_objects_are_added(shape: tuple[int, ...], seed: int, data: st.DataObject) -> None:
    instances, annotated = found(shape), 7 * capsules(shape, seed)
    chosen = data.draw(st.sets(st.sampled_from(instances.ids.tolist())))
    new, classes = adopt(annotated, instances, chosen)
    np.testing.assert_array_equal(new[annotated != 0], annotated[annotated != 0])
    assert not set(classes) & set(np.unique(annotated))
    assert set(np.unique(new)) == set(np.unique(annotated)) | set(classes)
    for label, index in classes.items():
        (own,) = np.unique(instances.labels[new == label])
        assert own in chosen
        assert instances.class_index[instances.ids == own] == index
        np.testing.assert_array_equal(new == label, (instances.labels == own) & (annotated == 0))
    for label in chosen:
        pixels = instances.labels == label
        assert bool(set(np.unique(new[pixels])) & set(classes)) == (
            2 * (annotated[pixels] == 0).sum() > pixels.sum()
        )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_twice_is_once(shape: tuple[int, ...]) -> None:
    instances = found(shape)
    once, classes = adopt(np.zeros(shape, np.int32), instances, instances.ids)
    assert len(classes) == len(instances)
    np.testing.assert_array_equal(once > 0, instances.labels > 0)
    twice, more = adopt(once, instances, instances.ids)
    np.testing.assert_array_equal(twice, once)
    assert not more


def test_a_region_holds_what_it_cuts() -> None:
    instances = found((40, 50))
    region = np.zeros((40, 50), bool)
    assert inside(instances, region) == []
    region[:20] = True
    assert set(inside(instances, region)) == set(np.unique(instances.labels[:20])) - {0}


def test_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="must cover the same image"):
        adopt(np.zeros((4, 4), np.int32), found((40, 50)), [1])
