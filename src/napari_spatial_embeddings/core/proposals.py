"""The proposals of the greedy rule, kept between two calls of the clustering.

They do not depend on the thresholds' exact values. A proposal takes what is free within its margin,
by descending seed; so who owns a pixel is decided by pixels of higher seed alone. A higher
foreground threshold takes pixels away from their owners, and changes no owner; a higher seed
threshold leaves off the last proposals. What is found at the lowest thresholds serves all higher
ones.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from . import greedy_kernels as kernels
from .grid import MIN_PIXELS, Grid
from .grid_kernels import Ints
from .label_kernels import count_owned
from .proposal_state import Margins, State
from .threads import ThreadTeam


class Proposals:
    """Who proposed what, down to some seed value, for one margin factor at a time.

    Parameters
    ----------
    grid : Grid
    excluded : bool (pixels,)
        Pixels in locked objects and deleted areas, which no proposal gets; empty if there are none.
    spare : two int32 arrays of as many items as the grid has slots, or more; optional
    """

    def __init__(
        self, grid: Grid, excluded: NDArray[np.bool_], spare: tuple[Ints, Ints] | None = None
    ) -> None:
        n, cells = len(grid.slots.pixels), len(grid.slots.cell_start) - 1
        self._grid, self._excluded = grid, excluded
        free_slots, owner = spare or (np.empty(n, np.int32), np.empty(n, np.int32))
        head, following = grid.chains
        self._state = State(
            owner=owner[:n],
            free_slots=free_slots,
            free_end=np.empty(cells, np.int32),
            first_choice=np.full(cells, -1, np.int32),
            head=np.empty_like(head),
            following=np.empty_like(following),
            slot=np.empty(n, np.int32),
            won=np.empty(n, np.int32),
            alone=np.empty(n, np.bool_),
        )
        self._margin_factor, self._until = math.nan, math.inf
        self._count = self._bucket = 0

    def make(self, margin_factor: float, until: float, team: ThreadTeam) -> None:
        """Make the proposals of all pixels with a seed of ``until`` or more."""
        if margin_factor != self._margin_factor:
            self._margin_factor = margin_factor
            self._margins = Margins(self._grid.sigma, np.float32(margin_factor))
            self._start_anew(team)
        if until >= self._until:
            return
        self._count, self._bucket = kernels.propose(
            np.float32(until),
            self._bucket,
            self._count,
            self._grid.slots,
            self._margins,
            self._state,
        )
        self._until, self._counted = until, math.nan

    def _start_anew(self, team: ThreadTeam) -> None:
        """Forget all proposals."""
        state, slots = self._state, self._grid.slots
        state.head[:], state.following[:] = self._grid.chains
        state.free_end.fill(kernels.UNTOUCHED)
        state.owner.fill(kernels.FREE)
        if len(self._excluded):
            team.map(
                lambda block: kernels.exclude(
                    self._excluded, slots, state, block.start, block.stop
                ),
                team.blocks(len(state.free_end), 10_000),
            )
        self._count = self._bucket = 0
        self._until, self._counted = math.inf, math.nan

    @property
    def owner(self) -> Ints:
        """The proposal that owns each slot; negative if none does."""
        return self._state.owner

    @property
    def slot(self) -> Ints:
        """The slot of the pixel that made each proposal."""
        return self._state.slot[: self._count]

    def won(self, foreground: float, team: ThreadTeam) -> Ints:
        """Return how many pixels above a foreground threshold each proposal owns."""
        if foreground != self._counted:
            self._counted, limit = foreground, np.float32(foreground)
            self._won, owner, values = (
                self._state.won[: self._count],
                self.owner,
                self._grid.slots.values,
            )
            if foreground > self._grid.threshold:
                owned = team.map(
                    lambda block: count_owned(owner[block], values[block], limit, self._count),
                    team.blocks(len(owner), MIN_PIXELS),
                )
                self._won = np.sum(owned, 0, dtype=np.int32)
            # A proposal that met no other's pixels won all that it asked for.
            alone = self._state.alone[: self._count]
            self._asked = np.where(alone, self._won, -1).astype(np.int32)
        return self._won

    def asked(self, chosen: NDArray[np.intp], team: ThreadTeam) -> Ints:
        """Return how many pixels some proposals asked for, at the threshold of the last `won`."""
        missing = chosen[self._asked[chosen] < 0]
        slot, limit = self.slot[missing], np.float32(self._counted)
        counts = team.map(
            lambda block: kernels.count_within_margin(
                slot[block], limit, self._grid.slots, self._margins
            ),
            team.blocks(len(missing), 100),
        )
        self._asked[missing] = np.concatenate(counts)
        return self._asked[chosen]
