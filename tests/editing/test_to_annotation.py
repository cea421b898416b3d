"""Found objects become annotations, and no annotation is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from builders import capsules
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering, cluster
from napari_spatial_embeddings.core.instances import Corrections, Instances
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.editing import corrections as edit
from napari_spatial_embeddings.editing.to_annotation import (
    Adopted,
    adopt,
    adopt_corrections,
    inside,
    missing,
)
from napari_spatial_embeddings.errors import InputError

Labels = NDArray[np.int32]

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


class Corrected:
    """Four objects in a row, of which the first two are 3 pixels apart, and their corrections."""

    def __init__(self) -> None:
        labels = np.zeros((20, 80), np.int32)
        for label, (start, stop) in enumerate(((2, 12), (15, 25), (35, 55), (65, 75)), 1):
            labels[5:15, start:stop] = label
        self.maps = ideal_maps(labels, sigma=0.5)
        self.found = cluster(self.maps, ClusteringSettings(min_size=1))
        self.made = Corrections.none(labels.shape)

    def at(self, x: int) -> int:
        return int(self.found.labels[9, x])

    def do(self, made: Corrections) -> None:
        self.made = made
        clustering = Clustering(self.maps, corrections=made)
        self.found = clustering(ClusteringSettings(min_size=1), like=self.found)

    def adopted(self, annotation: Labels | None = None) -> Adopted:
        empty = np.zeros_like(self.found.labels)
        return adopt_corrections(empty if annotation is None else annotation, self.found, self.made)


def test_corrections_become_objects_and_background() -> None:
    image = Corrected()
    image.do(edit.merge(image.made, image.found, image.at(5), image.at(20)))
    image.do(edit.split(image.made, image.found, image.maps, (9, 38), (9, 52)))
    image.do(edit.delete(image.made, image.found, image.at(70)))
    left, right = image.at(38), image.at(52)
    found = image.adopted()
    assert (found.gaps, found.split, found.deleted) == (1, 1, 1)
    assert len(found.classes) == 3
    merged, first, second = (found.labels[9, x] for x in (5, 38, 52))
    assert (found.labels[7:13, 2:25] == merged).all(), "the gap is part of the merged object"
    assert first != second
    deleted = np.zeros_like(image.found.labels, bool)
    deleted[5:15, 65:75] = True
    border = found.background & ~deleted
    assert (found.background & deleted).sum() == deleted.sum()
    np.testing.assert_array_equal(border.any(1), np.isin(image.found.labels, [left, right]).any(1))
    assert (border.sum(1) <= 1).all(), "one pixel wide"
    assert not found.labels[found.background].any()
    # Twice is once.
    once = np.where(found.background, 99, found.labels).astype(np.int32)
    twice = image.adopted(once)
    assert not twice.classes
    assert not twice.background.any()
    assert twice.known == 3


def test_annotated_pixels_stay_whatever_is_deleted_or_erased() -> None:
    image = Corrected()
    mine = np.zeros_like(image.found.labels)
    mine[5:15, 65:70] = 42
    image.do(edit.delete(image.made, image.found, image.at(70)))
    erased = image.found.labels.copy()
    erased[5:15, 35:37] = 0
    image.do(edit.painted(image.made, image.found, image.maps, erased))
    found = image.adopted(mine)
    np.testing.assert_array_equal(found.labels[mine > 0], 42)
    assert not (found.background & (mine > 0)).any()
    assert found.background[5:15, 70:75].all()
    assert not found.background[5:15, 35:37].any()
    assert found.deleted == 1


def test_objects_missing_in_a_region_are_those_that_would_be_added() -> None:
    image = Corrected()
    region = np.zeros_like(image.found.labels, bool)
    region[:, :40] = True
    annotation = np.zeros_like(image.found.labels)
    annotation[5:15, 15:25] = 3
    expected = {image.at(5), image.at(38)}
    assert set(missing(annotation, image.found, region)) == expected
    added, _ = adopt(annotation, image.found, inside(image.found, region))
    assert missing(added, image.found, region) == []


def test_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="must cover the same image"):
        adopt(np.zeros((4, 4), np.int32), found((40, 50)), [1])
