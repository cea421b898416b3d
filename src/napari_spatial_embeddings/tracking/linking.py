"""Linking of the objects of a time series into tracks, by overlap and distance.

Twice, objects are assigned to successors, each to one at most, so that the links' similarities add
up to the most (Jaqaman et al. 2008): first those of consecutive frames, then what ends to what
starts after a gap and, if wanted, what starts to a mother beside it. Which links are possible and
what they cost is decided here; `laptrack` solves the assignments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.errors import InputError

from .assignment import NOTHING_SOLVED, Costs, Link, Solved, assignments
from .corrections import NONE, LinkCorrections
from .detections import Detections
from .tracks import Tracks, from_successors

STEP = 2 / 3
"""Largest step in median diameters, if none is given: neighbours that touch are one apart."""

DAUGHTERS = (0.5, 1.5)
"""Bounds of the size of two daughters together, relative to their mother's."""

SMALLER = 0.5
"""Least size of the smaller daughter, relative to the larger one's."""


@dataclass(frozen=True, slots=True)
class LinkingReport:
    """Progress of `link_by_parts`.

    Parameters
    ----------
    done, total : int
        Groups of objects that may be linked to each other.
    result : Tracks, optional
        With the last report, unless it was cancelled.
    solved : mapping
        The assignments of all groups, for the next linking of the same detections.
    """

    done: int
    total: int
    result: Tracks | None = None
    solved: Solved = field(default_factory=dict)


def link(
    detections: Detections,
    settings: TrackingSettings = TrackingSettings(),
    corrections: LinkCorrections = NONE,
    like: Tracks | None = None,
) -> Tracks:
    """Link objects to tracks.

    What is corrected holds, and all else is linked around it. The labels of a frame's objects do
    not matter. Ids count from 1 in the order in which cells appear.

    Parameters
    ----------
    detections : Detections
    settings : TrackingSettings
    corrections : LinkCorrections
    like : Tracks, optional
        Tracks that are the same as in these keep their ids.

    Raises
    ------
    InputError
        If the largest step is in micrometres and the pixel size is unknown, or laptrack is missing.
    """
    *_, last = link_by_parts(detections, settings, corrections, like)
    assert last.result is not None
    return last.result


def link_by_parts(
    detections: Detections,
    settings: TrackingSettings = TrackingSettings(),
    corrections: LinkCorrections = NONE,
    like: Tracks | None = None,
    solved: Solved = NOTHING_SOLVED,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[LinkingReport]:
    """Link objects to tracks as `link` does, with reports.

    Parameters
    ----------
    detections, settings, corrections, like
        See `link`.
    solved : mapping
        What an earlier linking of the same detections has solved: after a correction, only what is
        around it is to be solved again.
    cancelled : callable, optional
        Asked after every report.

    Raises
    ------
    InputError
        As `link` does.
    """
    known, now = _Known(detections, corrections), dict[Any, list[Link]]()
    step = largest_step(detections, settings)
    yield LinkingReport(0, 1)
    while True:
        links = list(known.links)
        free = known.free(_to_next_frame(detections, settings, step))
        for part in assignments(free, solved, now):
            links += part.links
            yield LinkingReport(part.done, part.total)
            if cancelled():
                return
        rest = [_over_gaps(detections, settings, step, links)]
        if settings.divisions:
            rest.append(_to_mothers(detections, step, links))
        for part in assignments(known.free(x for some in rest for x in some), solved, now):
            links += part.links
            if cancelled():
                return
        tracks = from_successors(detections, links)
        if not known.forbid_what_joins(tracks):
            break
    yield LinkingReport(1, 1, tracks if like is None else tracks.like(like), now)


def largest_step(detections: Detections, settings: TrackingSettings) -> float:
    """Return the largest step in pixels of the finest axis.

    Raises
    ------
    InputError
        If it is in micrometres and the pixel size is unknown.
    """
    if settings.max_step is None:
        return STEP * detections.diameter
    if settings.step_unit == "px":
        return settings.max_step
    if detections.length is None:
        raise InputError(
            f"the largest step is {settings.max_step:g} µm, but the size of a pixel is unknown;"
            " give the step in pixels"
        )
    return settings.max_step / detections.length


class _Known:
    """Corrections of the objects that exist, by their indices.

    Attributes
    ----------
    links : list of links
        Those that are certain.
    sources, targets : sets of int
        Objects of which all successors, or the predecessor, are certain.
    forbidden : set of links
    """

    def __init__(self, detections: Detections, corrections: LinkCorrections) -> None:
        index = detections.index
        followed = {
            index[place]: [index[p] for p in after]
            for place, after in corrections.followed
            if place in index and all(p in index for p in after)
        }
        self.apart = [
            (index[one], index[other])
            for one, other in corrections.apart
            if one in index and other in index
        ]
        self.links = [(i, j) for i, after in followed.items() for j in after]
        self.sources, self.targets = set(followed), {j for _, j in self.links}
        self.forbidden = set(self.apart)

    def free(self, costs: Iterable[tuple[Link, float]]) -> Costs:
        """Return the links that no correction decides."""
        return {
            (i, j): cost
            for (i, j), cost in costs
            if i not in self.sources and j not in self.targets and (i, j) not in self.forbidden
        }

    def forbid_what_joins(self, tracks: Tracks) -> bool:
        """Forbid a link of each track that joins objects which are apart; whether there is any."""
        before = len(self.forbidden)
        for one, other in self.apart:
            if tracks.track[one] == tracks.track[other]:
                members = np.flatnonzero(tracks.track == tracks.track[one]).tolist()
                path = members[members.index(one) : members.index(other) + 1]
                steps = list(pairwise(path))
                self.forbidden.add(next(s for s in reversed(steps) if s not in self.links))
        return len(self.forbidden) > before


def _to_next_frame(
    found: Detections, settings: TrackingSettings, step: float
) -> Iterator[tuple[Link, float]]:
    """Yield the links between consecutive frames."""
    weight = settings.overlap_weight
    iou = dict(zip(map(tuple, found.overlap.tolist()), found.iou.tolist(), strict=True))
    everything = np.arange(len(found))
    for t in range(found.frames - 1):
        here, there = everything[found.of_frame(t)], everything[found.of_frame(t + 1)]
        for pair, distance in _near(found, here, there, step):
            yield pair, (1 - weight) * distance**2 + weight * (1 - iou.get(pair, 0.0))


def _over_gaps(
    found: Detections, settings: TrackingSettings, step: float, links: list[Link]
) -> Iterator[tuple[Link, float]]:
    """Yield the links over gaps, from what has no successor to what has no predecessor."""
    ends = _others(found, (i for i, _ in links))
    starts = _others(found, (j for _, j in links))
    for t in range(found.frames):
        for later in range(t + 2, min(t + 2 + settings.max_gap, found.frames)):
            for pair, distance in _near(found, ends[t], starts[later], step):
                yield pair, distance**2


def _to_mothers(found: Detections, step: float, links: list[Link]) -> Iterator[tuple[Link, float]]:
    """Yield the links to objects without a predecessor from those that go on beside them.

    Both daughters are of similar sizes, together of about their mother's. They spring apart, so
    that what counts is how far the middle between them is from her: a step at most.
    """
    after = {i: j for i, j in links if found.frame[j] == found.frame[i] + 1}
    mothers = np.array(sorted(after), np.int64)
    starts = _others(found, (j for _, j in links))
    for t in range(1, found.frames):
        here = mothers[found.frame[mothers] == t - 1]
        for (mother, one), _ in _near(found, here, starts[t], 2 * step):
            daughters = [one, after[mother]]
            small, large = sorted(found.size[daughters].tolist())
            low, high = (bound * int(found.size[mother]) for bound in DAUGHTERS)
            middle = found.centre[daughters].mean(0)
            off = float(np.linalg.norm(middle - found.centre[mother])) / step
            if small >= SMALLER * large and low <= small + large <= high and off <= 1:
                yield (mother, one), off**2


def _others(found: Detections, taken: Iterable[int]) -> list[NDArray[np.int64]]:
    """Return the objects of each frame but for some."""
    free = np.ones(len(found), bool)
    free[list(taken)] = False
    return [
        part.start + np.flatnonzero(free[part]) for part in map(found.of_frame, range(found.frames))
    ]


def _near(
    found: Detections, here: NDArray[np.int64], there: NDArray[np.int64], step: float
) -> Iterator[tuple[Link, float]]:
    """Yield the pairs of objects at most a step apart, with their distance in steps."""
    if len(here) and len(there):
        one, other = cKDTree(found.centre[here]), cKDTree(found.centre[there])
        close = one.sparse_distance_matrix(other, step, output_type="ndarray")
        pairs = zip(here[close["i"]].tolist(), there[close["j"]].tolist(), strict=True)
        yield from zip(pairs, (close["v"] / step).tolist(), strict=True)
