"""A correction is repeated in the following frames where it plainly applies, and nowhere else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corrected import ALL, Person
from napari_spatial_embeddings.core.instances import Corrections, Instances
from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.editing import corrections as edit
from napari_spatial_embeddings.editing.carried import carried_locks
from napari_spatial_embeddings.editing.following import Links
from napari_spatial_embeddings.editing.repetition import REPETITIONS, Clicked, repeated

Labels = NDArray[np.int32]

SHAPE = (40, 60)


class Frame(Person):
    """The objects of a frame, all of which are found."""

    def __init__(self, labels: Labels, maps: EmbeddingMaps | None = None) -> None:
        super().__init__(ideal_maps(labels, sigma=3) if maps is None else maps, ALL)

    @property
    def corrections(self) -> Corrections:
        return self.made

    @property
    def instances(self) -> Instances:
        return self.found

    def at(self, *pixel: int) -> int:
        return int(self.found.labels[pixel])


def box(labels: Labels, label: int, rows: slice, columns: slice) -> Labels:
    labels[rows, columns] = label
    return labels


def halves(shift: int = 0, gap: int = 0) -> Labels:
    """Return an object in two halves, and another one beside it."""
    labels = np.zeros(SHAPE, np.int32)
    box(labels, 1, slice(5, 20), slice(5 + shift, 15 + shift))
    box(labels, 2, slice(5, 20), slice(15 + shift + gap, 25 + shift + gap))
    return box(labels, 3, slice(25, 38), slice(40, 52))


def whole(shift: int = 0) -> Labels:
    """Return them where the two halves are one."""
    labels = halves(shift)
    labels[labels == 2] = 1
    return labels


def follow(
    tool: str, first: Frame, clicked: Clicked, frames: list[Frame], links: Links | None = None
) -> dict[int, Instances]:
    """Correct the first frame; return what the same gives in those of the others it is said for."""
    before = first.found
    change = {
        "merge": lambda c, i: edit.merge(c, i, *(int(i.labels[p]) for p in clicked)),
        "delete": lambda c, i: edit.delete(c, i, int(i.labels[clicked[0]])),
        "split": lambda c, i: edit.split(c, i, first.maps, *clicked),  # type: ignore[arg-type]
        "add": lambda c, i: edit.add(c, i, first.maps, ALL, clicked[0]),  # type: ignore[arg-type]
        "class": lambda c, i: edit.set_class(c, i, int(i.labels[clicked[0]]), 1),
    }[tool]
    after = first.says(change)
    repetition = REPETITIONS[tool](0, before, after, clicked, links)
    done = {}
    for t, act in repeated(repetition, enumerate(frames, 1)):
        frame = frames[t - 1]
        done[t] = frame.says(lambda *_, f=frame, a=act: a(f))
    return done


def test_two_halves_are_merged_in_each_frame_in_which_they_are_two() -> None:
    frames = [Frame(x) for x in (halves(1), whole(1), halves(2), halves(3, gap=8), halves(3))]
    done = follow("merge", Frame(halves()), ((10, 10), (10, 20)), frames)
    assert list(done) == [1, 3], "in one frame it is one, and in a later one the halves lie apart"
    for t in (1, 3):
        found = frames[t - 1]
        assert found.at(10, 12) == found.at(10, 22) != 0
        assert found.at(30, 45) not in (0, found.at(10, 12))


def test_what_was_corrected_is_left_alone() -> None:
    frames = [Frame(halves()), Frame(halves()), Frame(halves())]
    frames[1].says(edit.accept, [frames[1].at(10, 10)])
    done = follow("merge", Frame(halves()), ((10, 10), (10, 20)), frames)
    assert list(done) == [1]
    assert frames[1].at(10, 10) != frames[1].at(10, 20)
    for tool, clicked in (("delete", ((10, 10),)), ("class", ((10, 10), 1))):
        assert list(follow(tool, Frame(halves()), clicked, frames[1:])) == []


def test_an_object_is_deleted_where_it_is_at_the_same_place() -> None:
    empty = halves()
    empty[empty == 3] = 0
    moved = box(empty.copy(), 3, slice(18, 31), slice(40, 52))
    frames = [Frame(x) for x in (halves(), empty, halves(), moved, halves())]
    done = follow("delete", Frame(halves()), ((30, 45),), frames)
    assert list(done) == [1, 3]
    for t in done:
        assert frames[t - 1].at(30, 45) == 0
        assert frames[t - 1].at(10, 10) != 0
    assert frames[3].at(25, 45) != 0, "this is where another one may be"


def test_a_class_is_given_to_the_same_object_until_it_is_lost() -> None:
    labels = halves()
    maps = ideal_maps(labels, sigma=3, n_classes=2)
    lost = Frame(whole(20), ideal_maps(whole(20), sigma=3, n_classes=2))
    frames = [Frame(labels, maps), Frame(labels, maps), lost, Frame(labels, maps)]
    done = follow("class", Frame(labels, maps), ((10, 10), 1), frames)
    assert list(done) == [1, 2]
    for found in done.values():
        index = found.class_index[found.ids == found.labels[10, 10]]
        assert index.tolist() == [1]


def glued(shift: int = 0) -> EmbeddingMaps:
    """Return maps in which two objects point to one centre, that of both."""
    two, one = halves(shift), whole(shift)
    maps = ideal_maps(one, sigma=9)
    apart = ideal_maps(two, sigma=9)
    maps.offsets[:] = 0.6 * maps.offsets + 0.4 * apart.offsets
    return maps


def test_an_object_is_split_where_that_gives_the_same_parts() -> None:
    frames = [Frame(whole(), glued(t)) for t in range(3)]
    frames.append(Frame(halves(2)))
    frames += [Frame(whole(), glued(2)), Frame(whole(), glued(15))]
    clicked = ((10, 8), (10, 22))
    done = follow("split", Frame(whole(), glued()), clicked, frames)
    assert list(done) == [1, 2, 3, 5], "in the fourth they are two, in the last it is elsewhere"
    for t in done:
        found = frames[t - 1]
        assert 0 != found.at(10, 10) != found.at(10, 24) != 0


def test_a_missed_object_is_added_where_it_is_missed_again() -> None:
    def missed(shift: int = 0) -> EmbeddingMaps:
        maps = ideal_maps(halves(shift), sigma=3)
        seed = maps.seed
        seed[0][halves(shift) == 3] = 0.35  # below the seed threshold
        return maps

    frames = [Frame(halves(), missed(t)) for t in range(2)]
    frames.append(Frame(halves()))
    gone = halves()
    gone[gone == 3] = 0
    frames += [Frame(halves(), missed(1)), Frame(gone), Frame(halves(), missed())]
    done = follow("add", Frame(halves(), missed()), ((30, 45),), frames)
    assert list(done) == [1, 2, 4], "there it is found by itself, and then it is not there"
    for t in done:
        assert frames[t - 1].at(30, 45) not in (0, frames[t - 1].at(10, 10))


def test_tracks_find_what_moves_far() -> None:
    far = [Frame(halves(12)), Frame(halves(24))]
    clicked = ((10, 10), (10, 20))
    assert list(follow("merge", Frame(halves()), clicked, far)) == []

    first = Frame(halves())
    linked = [x.found for x in (first, *far)]  # before anything is corrected
    places = {t: [(10, 10 + 12 * t), (10, 20 + 12 * t)] for t in range(3)}

    def links(frame: int, label: int, other: int) -> int | None:
        known = [int(linked[frame].labels[pixel]) for pixel in places[frame]]
        return int(linked[other].labels[places[other][known.index(label)]])

    assert list(follow("merge", first, clicked, far, links)) == [1, 2]
    # A track that ends is not continued by what lies at its place.
    near = [Frame(halves())]
    assert list(follow("merge", Frame(halves()), clicked, near, lambda *_: None)) == []


def test_locked_objects_are_carried_to_the_next_frame() -> None:
    source, target = Frame(halves()), Frame(halves(2))
    source.says(edit.accept)
    known = {source.at(10, 10), source.at(10, 20), source.at(30, 45)}
    target.says(edit.delete, target.at(30, 45))
    replaced = target.at(10, 12)
    other = target.at(10, 24)
    target.says(edit.accept, [other])
    held = target.made.labels.copy()
    made = carried_locks(source.made, target.made, target.found, target.maps)
    assert len(made) == 2, "one more: where one was deleted and one is locked, nothing is changed"
    np.testing.assert_array_equal(made.labels[held != 0], held[held != 0])
    assert made.labels[10, 6] == replaced, "it takes the label of what it replaces"
    assert (made.labels == replaced).sum() == 150, "with its outline from before"
    assert len(known) == 3
    again = carried_locks(source.made, made, target.found, target.maps)
    assert len(again) == 2
