"""Merging and splitting of objects: those that touch, pairs, and the network's centres."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import capsules
from corrected import ALL, Person, crowds, lasts, some
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.maps import ideal_maps
from napari_spatial_embeddings.editing.corrections import merge, split, touching
from strategies import relaxed


def seed_pixels(found: Instances, a: int, b: int) -> list[tuple[int, ...]]:
    """Return the seed pixels of two objects."""
    return [tuple(found.seed_pixel[found.ids == k][0].tolist()) for k in (a, b)]


def test_split_objects_are_a_pair_while_both_are_there() -> None:
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 5:35] = 1
    person = Person(ideal_maps(labels, sigma=0.5))
    person.says(split, person.maps, (9, 8), (9, 31))
    (pair,) = person.made.split.tolist()
    assert {*pair} == {*person.found.ids.tolist()}
    person.says(lambda made, found: merge(made, found, *pair))
    assert len(person.made.split) == 0


@pytest.mark.parametrize("shape", [(30, 40), (6, 30, 40)], ids=str)
def test_objects_touch_across_a_thin_gap(shape: tuple[int, ...]) -> None:
    labels = np.zeros(shape, np.int32)
    labels[..., 5:9, 5:9] = 1
    labels[..., 11:15, 11:15] = 2  # two pixels away, diagonally
    labels[..., 5:9, 12:16] = 3  # three
    labels[..., 15:19, 11:15] = 4  # none
    found = cluster(ideal_maps(labels, sigma=0.3), ALL)
    a, b, c, d = (
        int(found.labels[(*[3] * (len(shape) - 2), *at)])
        for at in ((6, 6), (12, 12), (6, 13), (16, 12))
    )
    assert len({a, b, c, d} - {0}) == 4
    assert touching(found, a, b)
    assert touching(found, b, a)
    assert touching(found, b, d)
    assert touching(found, b, c)
    assert not touching(found, a, c)
    assert not touching(found, a, d)


@relaxed
@given(crowds, st.data())
def test_merging_joins_two_and_splitting_parts_them(person: Person, data: st.DataObject) -> None:
    if pair := some(person, data, 2):
        a, b = pair
        before = person.found
        after = person.says(merge, a, b)
        expected = np.where(before.labels == b, a, before.labels)
        np.testing.assert_array_equal(after.labels, expected)
        k = int(np.flatnonzero(after.ids == a)[0])
        assert after.size[k] == before.size[np.isin(before.ids, [a, b])].sum()
        assert after.score[k] == before.score[np.isin(before.ids, [a, b])].max()
        lasts(person)
        pixels = seed_pixels(before, a, b)
        parted = person.says(split, person.maps, *pixels)
        new = parted.labels[pixels[1]]
        assert parted.labels[pixels[0]] == a
        assert new not in before.ids or new == b
        np.testing.assert_array_equal(
            np.where(parted.labels == new, a, parted.labels), after.labels
        )
        lasts(person)


@pytest.mark.parametrize("shape", [(50, 60), (16, 30, 30)])
def test_merged_objects_that_the_network_parts_come_back_exactly(shape: tuple[int, ...]) -> None:
    labels = capsules(shape, 3, count=4)
    person = Person(ideal_maps(labels, sigma=0.5))
    before, (a, b) = person.found, person.found.ids[:2].tolist()
    person.says(merge, a, b)
    after = person.says(split, person.maps, *seed_pixels(before, a, b))
    np.testing.assert_array_equal(after.labels, before.labels)
    np.testing.assert_array_equal(after.centre[after.locked], before.centre[:2])


def test_where_the_network_sees_one_centre_the_nearer_pixel_decides() -> None:
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 5:35] = 1
    person = Person(ideal_maps(labels, sigma=0.5))
    found = person.says(split, person.maps, (10, 8), (9, 31))
    assert sorted(found.size.tolist()) == [150, 150]
    left, right = found.labels[10, 8], found.labels[9, 31]
    assert left == 1
    assert (found.labels[5:15, 5:19] == left).all()
    assert (found.labels[5:15, 21:35] == right).all()
