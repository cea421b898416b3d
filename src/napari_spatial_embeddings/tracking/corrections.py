"""Corrections of links, which survive every re-linking.

`LinkCorrections` are values: each function takes some and returns others. To see what they lead
to, link again, ``link(detections, settings, corrections, like=tracks)``. Of two corrections that
contradict each other, the later one holds. They name objects by frame and label; one whose objects
are gone has no effect until they are back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from napari_spatial_embeddings.config import Settings
from napari_spatial_embeddings.errors import InputError

from .detections import Detections
from .tracks import Place, Tracks


class LinkCorrections(Settings):
    """What is known of the links between the objects of a time series."""

    followed: tuple[tuple[Place, tuple[Place, ...]], ...] = Field(
        (),
        description="Objects, each with those that follow it: one is the same cell, several are"
        " its daughters, none is its end. An object is its frame and its label there.",
    )
    apart: tuple[tuple[Place, Place], ...] = Field(
        (), description="Pairs of objects, the earlier one first, that are not the same cell."
    )

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        after = [place for _, places in self.followed for place in places]
        pairs = [(one, other) for one, places in self.followed for other in places]
        if any(one[0] >= other[0] for one, other in (*pairs, *self.apart)):
            raise ValueError("an object follows one that is not in an earlier frame")
        if len(set(after)) < len(after) or len(dict(self.followed)) < len(self.followed):
            raise ValueError("an object is corrected twice, or follows two others")
        followed = dict(self.followed)
        if any(_joined(followed, one, other) for one, other in self.apart):
            raise ValueError("two objects are the same cell, or mother and daughter, and are not")
        return self

    def __len__(self) -> int:
        return len(self.followed) + len(self.apart)

    def unknown(self, detections: Detections) -> int:
        """Return the number of corrections that name an object which is not there."""
        index = detections.index
        named = [*self.apart, *((one, *after) for one, after in self.followed)]
        return sum(not all(place in index for place in places) for places in named)


NONE = LinkCorrections()


def same_cell(
    corrections: LinkCorrections, tracks: Tracks, one: Place, other: Place
) -> LinkCorrections:
    """Make two objects the same cell; if they are already, lock the links between them.

    Where the track of the earlier one ends before that of the other starts, the tracks are joined.
    Otherwise the other follows the earlier one at once, and what was between them becomes other
    cells.

    Raises
    ------
    InputError
        If both are in one frame, or there is no such object.
    """
    one, other = _in_order(tracks, one, other)
    first, second = tracks.members(one).tolist(), tracks.members(other).tolist()
    path = [one, other]
    if first == second:
        path = [p for p in map(tracks.place, first) if one[0] <= p[0] <= other[0]]
    elif (end := tracks.place(first[-1])) < (start := tracks.place(second[0])) and end[0] < start[
        0
    ]:
        path = [end, start]
    for before, after in pairwise(path):
        corrections = _follow(corrections, before, (after,))
    return corrections


def not_the_same(
    corrections: LinkCorrections, tracks: Tracks, one: Place, other: Place
) -> LinkCorrections:
    """Make two objects different cells, and neither of them the mother of the other.

    Raises
    ------
    InputError
        If both are in one frame, or there is no such object.
    """
    one, other = _in_order(tracks, one, other)
    followed = dict(corrections.followed)
    if other in followed.get(one, ()):
        del followed[one]
    if _leads(followed, one, other):
        del followed[next(p for p, after in followed.items() if after == (other,))]
    apart = dict.fromkeys([*corrections.apart, (one, other)])
    return LinkCorrections(followed=tuple(followed.items()), apart=tuple(apart))


def division(
    corrections: LinkCorrections, tracks: Tracks, mother: Place, daughters: Iterable[Place]
) -> LinkCorrections:
    """Let an object be the last one of its cell, which divides into daughters.

    A daughter stands for her track, which follows the mother from its start on. Where the track is
    the mother's own, it does from the mother's next object on.

    Raises
    ------
    InputError
        If there are less than two daughters, if two of them are one cell, if one is not in a later
        frame than the mother, or there is no such object.
    """
    chosen = sorted(set(daughters))
    _check(tracks, mother, *chosen)
    # A track has a start after the mother only if the daughter is after her, so that comes first.
    later = all(place[0] > mother[0] for place in chosen)
    own = sorted({_from_start(tracks, mother, place) for place in chosen}) if later else []
    if len(own) < 2:
        raise InputError(
            "a division has one mother, and two or more daughters in later frames, which are"
            " different cells; choose them"
        )
    return _follow(corrections, mother, tuple(own))


def _from_start(tracks: Tracks, mother: Place, daughter: Place) -> Place:
    """Return where a daughter's track starts, if that is after her mother; else the daughter."""
    track = [tracks.place(i) for i in tracks.members(daughter).tolist()]
    after = [place for place in track if place[0] > mother[0]]
    return after[0] if len(after) == len(track) or mother in track else daughter


def end(corrections: LinkCorrections, tracks: Tracks, last: Place) -> LinkCorrections:
    """Let an object be the last one of its cell.

    Raises
    ------
    InputError
        If there is no such object.
    """
    _check(tracks, last)
    return _follow(corrections, last, ())


def _follow(
    corrections: LinkCorrections, before: Place, after: tuple[Place, ...]
) -> LinkCorrections:
    """Let objects follow another one, in place of all that contradicts it."""
    followed = {
        place: others
        for place, others in corrections.followed
        if place != before and not set(others) & set(after)
    }
    followed[before] = after
    apart = tuple(
        (one, other) for one, other in corrections.apart if not _joined(followed, one, other)
    )
    return LinkCorrections(followed=tuple(followed.items()), apart=apart)


def _joined(followed: Mapping[Place, tuple[Place, ...]], one: Place, other: Place) -> bool:
    """Whether locked links alone make two objects the same cell, or mother and daughter."""
    return other in followed.get(one, ()) or _leads(followed, one, other)


def _leads(followed: Mapping[Place, tuple[Place, ...]], one: Place, other: Place) -> bool:
    """Whether locked links alone make two objects the same cell."""
    while len(after := followed.get(one, ())) == 1:
        (one,) = after
        if one == other:
            return True
    return False


def _in_order(tracks: Tracks, one: Place, other: Place) -> tuple[Place, Place]:
    _check(tracks, one, other)
    if one[0] == other[0]:
        raise InputError(
            f"objects {one[1]} and {other[1]} are in one frame, where a cell is only once; choose"
            " objects of two frames"
        )
    return (one, other) if one < other else (other, one)


def _check(tracks: Tracks, *places: Place) -> None:
    for frame, label in places:
        if (frame, label) not in tracks.detections.index:
            raise InputError(f"there is no object {label} in frame {frame} among those linked")
