"""Corrections do what they should, last under any settings, and change nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import random_maps
from corrected import ALL, Person, crowds, lasts, some
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import cluster
from napari_spatial_embeddings.core.instances import NOTHING, Corrections
from napari_spatial_embeddings.core.maps import coordinates, ideal_maps
from napari_spatial_embeddings.editing.corrections import (
    accept,
    add,
    delete,
    merge,
    painted,
    release,
    set_class,
    split,
)
from napari_spatial_embeddings.errors import InputError
from strategies import relaxed


@relaxed
@given(crowds, st.data())
def test_accepting_changes_nothing_and_lasts(person: Person, data: st.DataObject) -> None:
    chosen = some(person, data, 3) or some(person, data, 1)
    before = person.found
    after = person.says(accept, chosen)
    np.testing.assert_array_equal(after.labels, before.labels)
    assert {*after.ids[after.locked]} == {*chosen}
    lasts(person)
    np.testing.assert_array_equal(person.says(accept).labels, before.labels)
    assert person.found.locked.all()
    lasts(person)


@relaxed
@given(crowds, st.data())
def test_deleting_removes_one_object_for_good(person: Person, data: st.DataObject) -> None:
    for label in some(person, data, 1):
        before = person.found
        after = person.says(delete, label)
        expected = np.where(before.labels == label, 0, before.labels)
        np.testing.assert_array_equal(after.labels, expected)
        lasts(person)


def test_deleted_objects_are_counted_one_by_one() -> None:
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 5:15], labels[5:15, 15:25], labels[5:15, 30:35] = 1, 2, 3
    person = Person(ideal_maps(labels, sigma=0.5))
    one, other, last = (int(person.found.labels[9, x]) for x in (9, 20, 32))
    for n, label in enumerate((one, other), 1):  # they touch
        person.says(delete, label)
        assert len(person.made.deleted) == n
    rubbed = person.found.labels.copy()
    rubbed[5:8, 30:35] = 0
    person.says(painted, person.maps, rubbed)
    assert len(person.made.deleted) == 2, "erased pixels are no object"
    person.says(painted, person.maps, np.where(labels == 1, 77, person.found.labels))
    assert len(person.made.deleted) == 1, "painted again, it is not deleted"
    person.says(lambda made, _: release(made, NOTHING))
    assert len(person.made.deleted) == 0
    person.says(delete, int(person.found.labels[12, 32]))
    assert len(person.made.deleted) == 1
    assert last not in person.found.ids


@relaxed
@given(crowds, st.data())
def test_adding_takes_what_is_free_and_lasts(person: Person, data: st.DataObject) -> None:
    free = np.argwhere(person.found.labels == 0)
    if not len(free):
        return
    pixel = tuple(free[data.draw(st.integers(0, len(free) - 1))].tolist())
    before = person.found
    person.settings = person.settings.updated(min_size=1)
    if person.maps.seed[(slice(None), *pixel)].max() == 0:
        return
    after = person.says(add, person.maps, person.settings, pixel)
    label = after.labels[pixel]
    assert label not in before.ids
    assert (before.labels[after.labels == label] == 0).all()
    lasts(person)


def test_an_added_object_is_the_one_that_a_lower_threshold_finds() -> None:
    maps = ideal_maps(np.zeros((30, 60), np.int32))
    x = coordinates(maps.shape, maps.spacing)
    for centre, value in (((15, 15), 0.9), ((15, 40), 0.3)):
        away = np.array(centre).reshape(2, 1, 1) - x
        disc = (away**2).sum(0) <= 36
        maps.offsets[:, disc] = away[:, disc]
        maps.seed[0, disc] = value * (1 - 0.06 * np.sqrt((away**2).sum(0)[disc]))
    settings = ClusteringSettings(seed_threshold=0.8, foreground_threshold=0.4, min_size=5)
    person = Person(maps, settings)
    assert len(person.found) == 1
    found = person.says(add, maps, settings, (15, 40))
    lower = cluster(maps, settings.updated(seed_threshold=0.3, foreground_threshold=0.15))
    np.testing.assert_array_equal(found.labels == 2, lower.labels == 2)
    assert found.score[found.ids == 2][0] == np.float32(0.3)
    # Deleted and clicked again, it comes back.
    assert person.says(delete, 2).ids.tolist() == [1]
    with pytest.raises(InputError, match="only 0 free pixels"):
        person.says(add, maps, settings, (15, 50))
    np.testing.assert_array_equal(person.says(add, maps, settings, (15, 40)).labels, found.labels)


@relaxed
@given(crowds, st.integers(0, 10**6))
def test_what_is_painted_is_what_one_gets(person: Person, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Nothing is refused: what is, stands in the way of others, and may be painted over.
    person.settings = person.settings.updated(min_size=1, min_free_fraction=0)
    person.found = person.clustering(person.settings)
    for kind in (np.uint16, np.int64, np.int32):
        brush = rng.random(person.maps.shape) < 0.1
        colours = [0, *person.found.ids, 200, 201]
        labels = np.where(brush, rng.choice(colours), person.found.labels).astype(kind)
        differ = labels != person.found.labels
        touched = {*labels[differ], *person.found.labels[differ]} - {0}
        locked = {*person.made.ids}
        classes = dict(zip(person.found.ids, person.found.class_index, strict=True))
        after = person.says(painted, person.maps, labels)
        np.testing.assert_array_equal(after.labels, labels)
        assert {*after.ids[after.locked]} == (locked | touched) & {*np.unique(labels)}
        for label, index, pixel in zip(after.ids, after.class_index, after.seed_pixel, strict=True):
            assert index == classes.get(label, index)
            assert after.labels[tuple(pixel)] == label or label not in touched
        lasts(person)


def test_nothing_painted_is_no_correction() -> None:
    person = Person(random_maps((30, 30), np.random.default_rng(1)))
    person.says(painted, person.maps, person.found.labels)
    assert not person.made.labels.any()
    assert len(person.made) == 0


@relaxed
@given(crowds)
def test_unlocking_all_gives_back_what_the_clustering_finds(person: Person) -> None:
    before = person.found
    for label in before.ids[::2].tolist():
        person.says(delete, label)
    person.says(accept)
    for label in person.made.ids.tolist():
        person.says(lambda made, _, k: release(made, k), label)
    after = person.says(lambda made, _: release(made, NOTHING))
    assert not after.locked.any()
    np.testing.assert_array_equal(after.labels > 0, before.labels > 0)
    assert after.score.tolist() == before.score.tolist()


def test_a_class_is_said_and_kept() -> None:
    maps = random_maps((30, 30), np.random.default_rng(1), classes=2)
    person = Person(maps)
    label = int(person.found.ids[1])
    other = 1 - int(person.found.class_index[1])
    before = person.found.labels
    found = person.says(set_class, label, other)
    np.testing.assert_array_equal(found.labels, before)
    assert found.class_index[found.ids == label] == other
    shrunk = np.where((before == label) & (np.arange(30) % 2 == 0), 0, before)
    found = person.says(painted, maps, shrunk)
    assert label not in found.ids or found.class_index[found.ids == label] == other


def test_what_cannot_be_done_is_a_sentence() -> None:
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 5:15], labels[5:15, 25:35] = 1, 2
    maps = ideal_maps(labels, sigma=0.5)
    found, none = cluster(maps), Corrections.none(maps.shape)
    halves: Any = labels + 0.5
    inside, beside, outside, background = (7, 7), (7, 30), (7, 40), (0, 0)
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: delete(none, found, 9), "there is no object 9"),
        (lambda: delete(none, found, 0), "there is no object 0"),
        (lambda: accept(none, found, [1, 9]), "there is no object 9"),
        (lambda: set_class(none, found, 9, 0), "there is no object 9"),
        (lambda: merge(none, found, 1, 9), "there is no object 9"),
        (lambda: merge(none, found, 1, 1), "cannot be merged with itself"),
        (lambda: release(none, 1), "object 1 is not locked"),
        (lambda: split(none, found, maps, inside, beside), "object 1 and object 2"),
        (lambda: split(none, found, maps, inside, background), "object 1 and the background"),
        (lambda: split(none, found, maps, inside, inside), "two different pixels"),
        (lambda: split(none, found, maps, inside, outside), "outside the image"),
        (lambda: add(none, found, maps, ALL, inside), "lies in object 1"),
        (lambda: add(none, found, maps, ALL, (-1, 0)), "outside the image"),
        (lambda: add(none, found, maps, ALL, (1, 2, 3)), "outside the image"),
        (lambda: add(none, found, maps, ALL, background), "only 0 free pixels"),
        (lambda: painted(none, found, maps, labels[:5]), "shape (20, 40)"),
        (lambda: painted(none, found, maps, halves), "type float64"),
        (lambda: painted(none, found, maps, labels + np.int64(2**33)), "too high"),
    ]
    for work, says in cases:
        with pytest.raises(InputError) as caught:
            work()
        assert says in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_maps_without_numbers_do_no_harm(value: float) -> None:
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 5:35] = 1
    maps = ideal_maps(labels, sigma=0.5)
    person = Person(maps)
    maps.offsets[:, 8, 8] = maps.sigma[0, 8, 8] = value
    maps.seed[0, 8, 8] = np.nan
    assert len(person.says(split, maps, (8, 8), (8, 30))) == 2
    everything = np.full(maps.shape, 5, np.int32)
    assert person.says(painted, maps, everything).ids.tolist() == [5]
