"""Assignment of objects to successors, group by group; `laptrack` solves each group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_spatial_embeddings.errors import extra

Link = tuple[int, int]
"""An object and one that follows it: indices into the detections."""

Costs = dict[Link, float]
"""The links that are possible: 0 for two objects in one place, 1 at the largest step."""

Group = tuple[tuple[Link, float], ...]
"""Links, with their costs, that have no object on the same side in common with any other."""

Solved = Mapping[Group, list[Link]]
"""The links that were chosen of groups."""

NOTHING_SOLVED: Solved = MappingProxyType({})

PHANTOM = -1.0
"""Number of an object beside those of each group, whose link costs nothing.

LapTrack adds the least cost of a group to that of all its links: it is 0 then.
"""

BATCH = 200
"""Groups that are solved between two reports."""


@dataclass(frozen=True, slots=True)
class Part:
    """Links that were chosen, and progress in groups."""

    links: list[Link]
    done: int
    total: int


def assigned(costs: Costs) -> list[Link]:
    """Return the links that leave each object with one successor and one predecessor at most.

    Those are chosen for which the sum of ``1 - cost`` is the highest. Groups of objects with no
    link between them are assigned by themselves.
    """
    return [link for part in assignments(costs) for link in part.links]


def assignments(
    costs: Costs, solved: Solved = NOTHING_SOLVED, now: dict[Group, list[Link]] | None = None
) -> Iterator[Part]:
    """Yield the links of `assigned` in parts.

    Parameters
    ----------
    costs : Costs
    solved : Solved
        Groups that need not be solved again.
    now : dict, optional
        Gets the links of all groups, as far as they are solved.
    """
    now = {} if now is None else now
    links, unsolved = list[Link](), list[Group]()
    for group in _groups(costs):
        if len(group) == 1:
            links.append(group[0][0])
        elif (chosen := now.get(group, solved.get(group))) is not None:
            now[group] = chosen
            links += chosen
        else:
            unsolved.append(group)
    total = len(unsolved)
    yield Part(links, 0, max(1, total))
    for start in range(0, total, BATCH):
        batch = unsolved[start : start + BATCH]
        owner = {i: group for group in batch for (i, _), _ in group}
        found: dict[Group, list[Link]] = {group: [] for group in batch}
        for link in _solved_at_once(batch):
            found[owner[link[0]]].append(link)
        now |= found
        chosen = [link for some in found.values() for link in some]
        yield Part(chosen, min(start + BATCH, total), total)


def _solved_at_once(groups: list[Group]) -> Iterator[Link]:
    """Yield the links of groups, which are the frames of a series for laptrack.

    Each is two frames, with an empty one between the groups.
    """
    with extra("tracking"):
        from laptrack import LapTrack

    costs = {link: cost for group in groups for link, cost in group}

    def cost_of(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        if one[0] == other[0] == PHANTOM:
            return 0.0
        return costs.get((int(one[0]), int(other[0])), np.inf)

    frames: list[NDArray[np.float64]] = []
    for group in groups:
        sides = (sorted(set(side)) for side in zip(*(link for link, _ in group), strict=True))
        frames += [np.array([PHANTOM, *side])[:, None] for side in sides]
        frames.append(np.empty((0, 1)))
    tracker = LapTrack(
        metric=cost_of,
        cutoff=2.0,
        track_start_cost=0.5,
        track_end_cost=0.5,
        gap_closing_cutoff=False,
    )
    for (s, i), (t, j) in tracker.predict(frames).edges:
        if i and j:
            yield int(frames[s][i, 0]), int(frames[t][j, 0])


def _groups(costs: Costs) -> Iterator[Group]:
    """Yield the groups of links, in the order of their first ones."""
    if not costs:
        return
    links = sorted(costs)
    one, other = np.array(links).T
    sources, i = np.unique(one, return_inverse=True)
    targets, j = np.unique(other, return_inverse=True)
    n = len(sources) + len(targets)
    graph = coo_array((np.ones(len(links), bool), (i, len(sources) + j)), (n, n))
    _, group = connected_components(graph, directed=False)
    order = np.argsort(group[i], kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(group[i][order])) + 1):
        yield tuple((links[k], costs[links[k]]) for k in part.tolist())
