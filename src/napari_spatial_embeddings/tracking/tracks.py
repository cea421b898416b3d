"""Tracks: which objects of a time series are the same cell, and which cells descend from which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.core.instances import unused_ids
from napari_spatial_embeddings.core.label_values import MAX_TABLE

from .detections import Detections, read_frame

Place = tuple[int, int]
"""An object of a time series: its frame, counted from 0, and its label there."""


@dataclass(frozen=True, eq=False)
class Tracks:
    """The objects of a time series, each with the track that it belongs to.

    A track is one cell over time, with at most one object in a frame; where it was not found, the
    track has a gap.

    Parameters
    ----------
    detections : Detections
        Its N objects.
    track : int32 (N,)
        Id of the track of each object, 1 or higher.
    parents : dict
        Id of the track that a track descends from, for those that do.
    """

    detections: Detections
    track: NDArray[np.int32]
    parents: dict[int, int]

    @cached_property
    def ids(self) -> NDArray[np.int32]:
        """Ids of the tracks, in ascending order: int32 (K,)."""
        return np.unique(self.track)

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        """The objects sorted by track, then by frame."""
        return np.lexsort((self.detections.frame, self.track))

    @cached_property
    def successors(self) -> dict[int, list[int]]:
        """Objects that follow each object: the next of its track, or the first of its daughters."""
        order, found = self._order, dict[int, list[int]]()
        track = self.track[order]
        for k in np.flatnonzero(track[1:] == track[:-1]).tolist():
            found[int(order[k])] = [int(order[k + 1])]
        first = np.flatnonzero(np.diff(track, prepend=0))
        starts = dict(zip(track[first].tolist(), order[first].tolist(), strict=True))
        last = np.flatnonzero(np.diff(track, append=0))
        ends = dict(zip(track[last].tolist(), order[last].tolist(), strict=True))
        for child, parent in self.parents.items():
            found.setdefault(ends[parent], []).append(starts[child])
        return {i: sorted(after) for i, after in found.items()}

    @cached_property
    def divisions(self) -> int:
        """Number of tracks that have daughters."""
        return len(set(self.parents.values()))

    @cached_property
    def alone(self) -> int:
        """Number of objects that are linked to nothing."""
        ids, count = np.unique(self.track, return_counts=True)
        family = {*self.parents, *self.parents.values()}
        return len(set(ids[count == 1].tolist()) - family)

    def members(self, place: Place) -> NDArray[np.int64]:
        """Return the objects of an object's track, in the order of their frames."""
        return np.flatnonzero(self.track == self.track[self.detections.index[place]])

    def place(self, i: int) -> Place:
        """Return an object's frame and label."""
        return int(self.detections.frame[i]), int(self.detections.label[i])

    def like(self, before: Tracks) -> Tracks:
        """Return the tracks with the ids of earlier ones, where they are the same.

        A track gets the id of the one with which it shares most objects, by frame and label; one
        that shares none, or less than another, gets an id that neither has.
        """
        known = before.detections.index
        shared = [
            (i, known[place])
            for i, place in enumerate(map(self.place, range(len(self.track))))
            if place in known
        ]
        now, then = np.array(shared, np.int64).reshape(-1, 2).T
        pairs, count = np.unique(
            np.stack([self.track[now], before.track[then]], 1), axis=0, return_counts=True
        )
        names: dict[int, int] = {}
        taken: set[int] = set()
        for own, old in pairs[np.argsort(-count, kind="stable")].tolist():
            if own not in names and old not in taken:
                names[own] = old
                taken.add(old)
        rest = [own for own in self.ids.tolist() if own not in names]
        used = np.union1d(before.ids, np.array([*taken], np.int32))
        names |= zip(rest, unused_ids(used, len(rest)).tolist(), strict=True)
        return self.renamed(names)

    def renamed(self, names: dict[int, int]) -> Tracks:
        """Return the tracks with other ids."""
        table = np.array([names[own] for own in self.ids.tolist()], np.int32)
        parents = {names[child]: names[parent] for child, parent in self.parents.items()}
        return replace(self, track=table[np.searchsorted(self.ids, self.track)], parents=parents)

    def without_gaps(self) -> Tracks:
        """Return the tracks cut where they have gaps; each piece descends from the one before it.

        The ids count from 1, in the order in which the pieces start: as files need them that know
        no gaps.
        """
        order, track = self._order, self.track[self._order]
        changes = np.diff(track, prepend=0) != 0
        starts = changes | (np.diff(self.detections.frame[order], prepend=0) > 1)
        piece = np.empty(len(order), np.int32)
        piece[order] = np.cumsum(starts)
        ends = dict(zip(track.tolist(), piece[order].tolist(), strict=True))
        parents = {}
        for k in np.flatnonzero(starts).tolist():
            own = int(piece[order[k]])
            if not changes[k]:
                parents[own] = own - 1
            elif (parent := self.parents.get(int(track[k]))) is not None:
                parents[own] = ends[parent]
        cut = Tracks(self.detections, piece, parents)
        names = {own: k for k, own in enumerate(dict.fromkeys(piece.tolist()), 1)}
        return cut.renamed(names)

    def spans(self) -> list[tuple[int, int, int, int]]:
        """Return id, first frame, last frame and parent, 0 for none, of each track."""
        frame, order = self.detections.frame, self._order
        first = np.searchsorted(self.track[order], self.ids)
        last = np.searchsorted(self.track[order], self.ids, "right") - 1
        return [
            (track, int(frame[order[a]]), int(frame[order[b]]), self.parents.get(track, 0))
            for track, a, b in zip(self.ids.tolist(), first, last, strict=True)
        ]

    def relabelled(self, labels: PixelArray) -> Iterator[NDArray[np.int32]]:
        """Yield the frames of the labels that were linked, int32 (*S), with the ids of the tracks.

        Objects that are in no track, as those that were painted since, are left out.
        """
        for t in range(self.detections.frames):
            yield self.relabelled_frame(read_frame(labels, t), t)

    def relabelled_frame(self, labels: NDArray[np.int32], t: int) -> NDArray[np.int32]:
        """Return the labels of a frame, or of a part of it, with the ids of the tracks: int32."""
        part, top = self.detections.of_frame(t), int(labels.max(initial=0))
        own, ids = self.detections.label[part], self.track[part]
        if top <= MAX_TABLE:
            table = np.zeros(top + 1, np.int32)
            there = own <= top
            table[own[there]] = ids[there]
            return table[labels]
        order = np.argsort(own)
        own, ids = np.append(0, own[order]), np.append(0, ids[order]).astype(np.int32)
        at = np.minimum(np.searchsorted(own, labels), len(own) - 1)
        return np.where(own[at] == labels, ids[at], np.int32(0))


def tracks_of_ids(detections: Detections, parents: dict[int, int] | None = None) -> Tracks:
    """Return the tracks of labels that are the same for the same cell in all frames.

    Parameters
    ----------
    detections : Detections
    parents : dict, optional
        Label of the cell that a cell descends from.
    """
    return Tracks(detections, detections.label, parents or {})


def from_successors(detections: Detections, successors: Iterable[tuple[int, int]]) -> Tracks:
    """Return the tracks of a graph: one goes on from an object to its only successor.

    An object with several successors is the last of its track, and the parent of theirs. Ids count
    from 1, in the order of the tracks' first objects.

    Parameters
    ----------
    detections : Detections
    successors : pairs of int
        An object, and one that follows it in a later frame. No object follows two.
    """
    before = dict[int, int]()
    count = np.zeros(len(detections), np.int64)
    for i, j in successors:
        before[j] = i
        count[i] += 1
    track = np.zeros(len(detections), np.int32)
    parents, made = dict[int, int](), 0
    for j in range(len(detections)):
        mother = before.get(j)
        if mother is not None and count[mother] == 1:
            track[j] = track[mother]
            continue
        made += 1
        track[j] = made
        if mother is not None:
            parents[made] = int(track[mother])
    return Tracks(detections, track, parents)
