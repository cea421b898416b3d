"""Tracks: relabelling, ids that stay, gaps cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from movies import detections, movie, moving, partition, scrambled
from napari_spatial_embeddings.tracking.detections import Detections
from napari_spatial_embeddings.tracking.relabelled import RelabelledSeries
from napari_spatial_embeddings.tracking.tracks import Tracks, from_successors, tracks_of_ids
from strategies import relaxed


@st.composite
def any_tracks(draw: st.DrawFn) -> Tracks:
    """Any objects, any graph of them forward in time."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    frames = draw(st.integers(1, 6))
    frame = np.sort(rng.integers(0, frames, draw(st.integers(0, 12)))).astype(np.int32)
    n = len(frame)
    label = rng.permutation([1, 2, 70_000, 2**31 - 1, *range(3, 12)])[:n]
    found = Detections(
        frame,
        label.astype(np.int32),
        np.ones(n, np.int64),
        rng.uniform(0, 9, (n, 2)),
        np.empty((0, 2), np.int64),
        np.empty(0),
        frames,
        (1.0, 1.0),
    )
    links = []
    for j in range(n):
        earlier = np.flatnonzero(frame < frame[j])
        if len(earlier) and rng.random() < 0.8:
            links.append((int(rng.choice(earlier)), j))
    return from_successors(found, links)


def edges(tracks: Tracks) -> set[tuple[int, int]]:
    return {(i, j) for i, after in tracks.successors.items() for j in after}


@relaxed
@given(any_tracks())
def test_tracks_and_graph_are_one(tracks: Tracks) -> None:
    frame = tracks.detections.frame
    again = from_successors(tracks.detections, edges(tracks))
    np.testing.assert_array_equal(again.track, tracks.track)
    assert again.parents == tracks.parents
    for track, first, last, parent in tracks.spans():
        own = frame[tracks.track == track]
        assert (own.min(), own.max(), len(own)) == (first, last, len(np.unique(own)))
        assert tracks.parents.get(track, 0) == parent
    assert tracks.ids.tolist() == list(range(1, len(tracks.ids) + 1))


@relaxed
@given(any_tracks())
def test_without_gaps_has_the_same_links(tracks: Tracks) -> None:
    cut = tracks.without_gaps()
    assert edges(cut) == edges(tracks)
    frame = tracks.detections.frame
    spans = {track: (first, last) for track, first, last, _ in cut.spans()}
    for track, first, last, parent in cut.spans():
        own = frame[cut.track == track]
        assert sorted(own.tolist()) == list(range(first, last + 1))
        assert not parent or spans[parent][1] < first


@relaxed
@given(any_tracks(), st.integers(0, 10**6))
def test_ids_stay(tracks: Tracks, seed: int) -> None:
    rng = np.random.default_rng(seed)
    others = rng.permutation(len(tracks.ids) + 5)[: len(tracks.ids)] + 1
    before = tracks.renamed(dict(zip(tracks.ids.tolist(), others.tolist(), strict=True)))
    again = tracks.like(before)
    np.testing.assert_array_equal(again.track, before.track)
    assert again.parents == before.parents
    # One cell is cut in two: the longer part keeps the id, the other gets one never used.
    if len(tracks.track) and (members := np.flatnonzero(tracks.track == 1)).size > 1:
        links = edges(tracks) - {(int(members[-2]), int(members[-1]))}
        cut = from_successors(tracks.detections, links).like(before)
        kept = np.flatnonzero(tracks.track != 1)
        np.testing.assert_array_equal(cut.track[kept], before.track[kept])
        own = cut.track[members]
        assert before.track[members[0]] in (own[0], own[-1])
        assert own[-1] != own[0]
        assert {own[0], own[-1]} - {before.track[members[0]]} <= set(range(1, 100)) - {*others}


def test_relabels_frames() -> None:
    labels = moving(9, 4)
    mixed = scrambled(labels, highest=200_000)
    mixed[2] = 0
    found = detections(mixed)
    tracks = Tracks(found, np.arange(1, len(found) + 1, dtype=np.int32), {})
    out = np.stack([*tracks.relabelled(mixed)])
    assert out.dtype == np.int32
    assert not out[2].any()
    for i in range(len(found)):
        where = mixed[found.frame[i]] == found.label[i]
        assert (out[found.frame[i]][where] == i + 1).all()
    assert ((out > 0) == (mixed > 0)).all()


def test_what_was_not_linked_is_left_out() -> None:
    labels = movie({1: {0: (10, 10)}, 5: {0: (30, 30)}})
    tracks = tracks_of_ids(detections(labels))
    labels[0][labels[0] == 5] = 6
    assert np.unique(next(tracks.relabelled(labels))).tolist() == [0, 1]


def test_successors_of_a_division_after_a_gap() -> None:
    labels = movie({1: {0: (9, 9), 2: (9, 9)}, 2: {4: (9, 5)}, 3: {3: (9, 14)}}, (20, 20))
    tracks = tracks_of_ids(detections(labels), {2: 1, 3: 1})
    assert tracks.successors == {0: [1], 1: [2, 3]}
    cut = tracks.without_gaps()
    assert cut.spans() == [(1, 0, 0, 0), (2, 2, 2, 1), (3, 3, 3, 2), (4, 4, 4, 2)]
    assert partition(tracks, labels) == {
        frozenset({(0, 1), (2, 1)}),
        frozenset({(4, 2)}),
        frozenset({(3, 3)}),
    }


def test_place_of_nothing() -> None:
    tracks = tracks_of_ids(detections(movie({4: {1: (9, 9)}}, (20, 20))))
    assert tracks.place(0) == (1, 4)
    assert tracks.members((1, 4)).tolist() == [0]
    with pytest.raises(KeyError):
        tracks.members((0, 4))


@pytest.mark.parametrize("depth", [False, True], ids=["2D", "3D"])
def test_a_relabelled_series_is_read_where_it_is_sliced(depth: bool) -> None:
    labels = scrambled(moving(8, 4, (24, 24, 24) if depth else (48, 48)), highest=40_000)
    labels[1][labels[1] > 20_000] += 2**30  # too high for a table
    tracks = from_successors(detections(labels), [(0, 9), (9, 17)])
    whole = np.stack([*tracks.relabelled(labels)])
    series = RelabelledSeries(labels, tracks)
    assert (series.shape, series.ndim) == (labels.shape, labels.ndim)
    assert series.dtype == np.int32
    np.testing.assert_array_equal(series, whole)
    parts: list[Any] = [2, (1, 5), (slice(None, None, 2), slice(3, 9))]
    for index in (*parts, (-1, *(slice(None),) * (labels.ndim - 2), 7)):
        np.testing.assert_array_equal(series[index], whole[index])
    series.tracks = from_successors(tracks.detections, [])
    assert len(np.unique(series)) == 1 + len(tracks.detections)


def test_counts() -> None:
    labels = movie({k: dict.fromkeys(range(3), (20.0, 14.0 * k)) for k in (1, 2, 3)})
    found = detections(labels)
    tracks = from_successors(found, [(0, 3), (3, 7), (3, 8), (1, 4)])
    # A mother with two daughters of one frame each, a cell of two frames, and three objects alone.
    assert (len(tracks.ids), tracks.divisions, tracks.alone) == (7, 1, 3)
