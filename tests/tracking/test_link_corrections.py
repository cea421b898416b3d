"""Corrections of links: what is corrected holds, and the last of two does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from movies import FAR, detections, linked, movie, moving
from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.tracking import corrections as correct
from napari_spatial_embeddings.tracking.corrections import NONE, LinkCorrections
from napari_spatial_embeddings.tracking.linking import link, link_by_parts
from napari_spatial_embeddings.tracking.tracks import Place, Tracks
from strategies import few


def holds(tracks: Tracks, corrections: LinkCorrections) -> None:
    """Check that everything that is corrected is so in the tracks."""
    index, track = tracks.detections.index, tracks.track
    for place, after in corrections.followed:
        assert tracks.successors.get(index[place], []) == sorted(index[p] for p in after)
        assert all((track[index[p]] == track[index[place]]) == (len(after) == 1) for p in after)
    for one, other in corrections.apart:
        assert track[index[one]] != track[index[other]]
        assert index[other] not in tracks.successors.get(index[one], [])


@few
@given(st.data())
def test_corrections_hold(data: st.DataObject) -> None:
    labels = moving(6, 5, (32, 32), data.draw(st.integers(0, 10**6)), step=5)
    found = detections(labels)
    settings = TrackingSettings(max_step=10, divisions=data.draw(st.booleans()))
    places = [*found.index]
    place = st.sampled_from(places)
    tracks, corrections = link(found, settings), NONE
    for _ in range(data.draw(st.integers(1, 6))):
        kind = data.draw(st.sampled_from(["same", "apart", "division", "end"]))
        one, other, third = data.draw(place), data.draw(place), data.draw(place)
        try:
            if kind == "same":
                corrections = correct.same_cell(corrections, tracks, one, other)
            elif kind == "apart":
                corrections = correct.not_the_same(corrections, tracks, one, other)
            elif kind == "division":
                corrections = correct.division(corrections, tracks, one, (other, third))
            else:
                corrections = correct.end(corrections, tracks, one)
        except InputError:
            continue
        tracks = link(found, settings, corrections, tracks)
        holds(tracks, corrections)
        if kind == "same":
            assert tracks.track[found.index[one]] == tracks.track[found.index[other]]
        if kind == "apart":
            assert tracks.track[found.index[one]] != tracks.track[found.index[other]]
    # They survive other settings, other labels elsewhere, and a file.
    stored = LinkCorrections.model_validate_json(corrections.model_dump_json())
    assert stored == corrections
    holds(link(found, TrackingSettings(max_step=3, max_gap=0), stored), corrections)
    gone = data.draw(place)
    rest = labels.copy()
    rest[gone[0]][rest[gone[0]] == gone[1]] = 0
    linked(rest, settings, corrections)


def row() -> tuple[NDArray[np.int32], Tracks]:
    """Three cells in a row over five frames."""
    labels = movie({k: dict.fromkeys(range(5), (20.0, 14.0 * k)) for k in (1, 2, 3)})
    return labels, linked(labels)


def ids(tracks: Tracks, *places: Place) -> list[int]:
    return [int(tracks.track[tracks.detections.index[place]]) for place in places]


def test_same_cell_joins_what_ends_to_what_starts() -> None:
    labels = movie({1: {0: (20, 10), 1: (20, 10)}, 2: {4: (20, 50), 5: (20, 50)}})
    tracks = linked(labels)
    assert ids(tracks, (1, 1), (4, 2)) == [1, 2]
    corrections = correct.same_cell(NONE, tracks, (5, 2), (0, 1))
    assert corrections.followed == (((1, 1), ((4, 2),)),)
    assert ids(linked(labels, FAR, corrections), (0, 1), (5, 2)) == [1, 1]


def test_a_swap_is_mended_by_one_correction() -> None:
    labels, tracks = row()
    corrections = correct.same_cell(NONE, tracks, (2, 1), (3, 2))
    again = link(tracks.detections, FAR.updated(max_step=20), corrections, tracks)
    assert ids(again, (2, 1), (3, 2), (4, 2)) == [1, 1, 1]
    assert ids(again, (2, 2), (3, 1)) == [2, 2], "the other cell takes the place that is left"
    assert ids(again, (0, 3), (4, 3)) == [3, 3]
    assert labels.shape == (5, 48, 64)


def test_not_the_same_cuts_where_it_is_said() -> None:
    _, tracks = row()
    corrections = correct.not_the_same(NONE, tracks, (3, 2), (2, 2))
    again = link(tracks.detections, FAR, corrections, tracks)
    assert ids(again, (0, 2), (2, 2)) == [2, 2]
    assert ids(again, (3, 2), (4, 2)) == [4, 4]
    # Two frames apart, by whatever way they were joined.
    corrections = correct.not_the_same(NONE, tracks, (0, 2), (3, 2))
    again = link(tracks.detections, FAR, corrections, tracks)
    assert len({*ids(again, (0, 2), (3, 2))}) == 2


def test_the_later_of_two_corrections_holds() -> None:
    _, tracks = row()
    one, other = (2, 2), (3, 2)
    cut = correct.not_the_same(NONE, tracks, one, other)
    joined = correct.same_cell(cut, link(tracks.detections, FAR, cut, tracks), one, other)
    assert (joined.apart, len(joined.followed)) == ((), 1)
    again = correct.not_the_same(joined, tracks, one, other)
    assert (len(again.apart), again.followed) == (1, ())
    ended = correct.end(joined, tracks, one)
    assert dict(ended.followed) == {one: ()}
    mother = correct.division(ended, tracks, (1, 1), [other, (2, 1)])
    taken = correct.same_cell(mother, tracks, one, other)
    assert dict(taken.followed) == {one: (other,)}, "a daughter that is another cell's is none"


def test_a_division_by_hand_and_its_end() -> None:
    _, tracks = row()
    corrections = correct.division(NONE, tracks, (1, 2), [(2, 2), (2, 3)])
    again = link(tracks.detections, FAR, corrections, tracks)
    mother, one, other = ids(again, (1, 2), (2, 2), (2, 3))
    assert again.parents == {one: mother, other: mother}
    undone = correct.not_the_same(corrections, again, (1, 2), (2, 3))
    third = link(tracks.detections, FAR, undone, tracks)
    assert not third.parents
    assert len({*ids(third, (1, 2), (2, 2))}) == 1


def test_daughters_follow_from_the_start_of_their_tracks() -> None:
    early = dict.fromkeys(range(3), (20.0, 20.0))
    late = range(3, 7)
    spots = {2: dict.fromkeys(late, (20.0, 15.0)), 3: dict.fromkeys(late, (20.0, 25.0))}
    tracks = linked(movie({1: early, **spots}, frames=7))
    exact = correct.division(NONE, tracks, (2, 1), [(3, 2), (3, 3)])
    assert correct.division(NONE, tracks, (2, 1), [(6, 3), (5, 2)]) == exact
    with pytest.raises(InputError, match="different cells"):
        correct.division(NONE, tracks, (2, 1), [(3, 2), (5, 2)])
    # A track that is there before the mother's end is another cell's: only that object is hers.
    wrong = correct.division(NONE, tracks, (4, 2), [(6, 2), (6, 3)])
    assert dict(wrong.followed) == {(4, 2): ((5, 2), (6, 3))}


def test_locking_what_is_so_already() -> None:
    _, tracks = row()
    corrections = correct.same_cell(NONE, tracks, (1, 1), (4, 1))
    assert len(corrections) == 3
    again = link(tracks.detections, TrackingSettings(max_step=0.1, overlap_weight=1), corrections)
    assert len({*ids(again, *((t, 1) for t in range(1, 5)))}) == 1


def test_refuses_what_cannot_be() -> None:
    _, tracks = row()
    with pytest.raises(InputError, match="in one frame"):
        correct.same_cell(NONE, tracks, (1, 1), (1, 2))
    with pytest.raises(InputError, match="no object 9 in frame 1"):
        correct.end(NONE, tracks, (1, 9))
    for daughters in ([(2, 2)], [(1, 2), (2, 2)], [(0, 1), (0, 2)], [(0, 2), (2, 3)]):
        with pytest.raises(InputError, match="two or more daughters"):
            correct.division(NONE, tracks, (1, 1), daughters)
    # An object of the mother's own cell that is before her, where she is its last.
    with pytest.raises(InputError, match="two or more daughters"):
        correct.division(NONE, tracks, (4, 1), [(1, 1), (2, 2)])


@few
@given(st.integers(0, 10**6), st.booleans())
def test_what_was_solved_before_changes_nothing(seed: int, divisions: bool) -> None:
    found = detections(moving(9, 5, (36, 36), seed, step=5))
    settings = TrackingSettings(max_step=10, divisions=divisions)
    *_, first = link_by_parts(found, settings)
    assert first.result is not None
    rng = np.random.default_rng(seed)
    one, other = (first.result.place(int(i)) for i in rng.choice(len(found), 2, replace=False))
    try:
        known = correct.same_cell(NONE, first.result, one, other)
    except InputError:  # in one frame
        known = correct.end(NONE, first.result, one)
    *_, again = link_by_parts(found, settings, known, first.result, first.solved)
    assert again.result is not None
    whole = link(found, settings, known, first.result)
    np.testing.assert_array_equal(again.result.track, whole.track)
    assert again.result.parents == whole.parents


def test_a_linking_can_be_cancelled() -> None:
    found = detections(moving(9, 5, (36, 36), step=5))
    reports = [*link_by_parts(found, FAR, cancelled=lambda: True)]
    assert reports[-1].result is None


def test_refuses_links_that_lead_nowhere() -> None:
    for wrong in (
        {"followed": [[[2, 1], [[1, 1]]]]},
        {"followed": [[[0, 1], [[1, 1]]], [[0, 2], [[1, 1]]]]},
        {"apart": [[[1, 1], [1, 2]]]},
        {"followed": [], "other": 1},
    ):
        with pytest.raises(ValueError, match="validation error"):
            LinkCorrections.model_validate(wrong)


def test_counts_the_corrections_without_effect() -> None:
    _, tracks = row()
    known = correct.not_the_same(correct.end(NONE, tracks, (1, 1)), tracks, (2, 2), (3, 2))
    assert known.unknown(tracks.detections) == 0
    labels = movie({1: dict.fromkeys(range(5), (20.0, 14.0))})
    assert known.unknown(detections(labels)) == 1
