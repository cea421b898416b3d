"""Arrays of the greedy rule that its compiled loops read and write."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .grid_kernels import Floats, Ints


class Margins(NamedTuple):
    """How far proposals reach.

    Parameters
    ----------
    sigma : float32 (1 or D, pixels), pixels of the finest axis
    factor : float32
        The margin factor.
    """

    sigma: Floats
    factor: np.float32


class State(NamedTuple):
    """Who owns the n slots, and what is known about the proposals, of which there are at most n.

    Parameters
    ----------
    owner : int32 (n,)
        The proposal that owns a slot; or `FREE`, `LOST`, `EXCLUDED`.
    free_slots : int32 (n,)
        The free slots of each touched cell, from the cell's first position on.
    free_end : int32 (cells,)
        Where that list ends; or `UNTOUCHED`.
    first_choice : int32 (cells,)
        The best slot of an untouched cell; -1 if it is not known yet.
    head, following : int32 (buckets,), (cells,)
        Cells that wait in the bucket of their best free slot, see `grid_kernels.chain_cells`.
    slot : int32 (n,)
        The slot of the pixel that made each proposal.
    won : int32 (n,)
        Number of slots that it won.
    alone : bool (n,)
        Whether every slot within its margin was free.
    """

    owner: Ints
    free_slots: Ints
    free_end: Ints
    first_choice: Ints
    head: Ints
    following: Ints
    slot: Ints
    won: Ints
    alone: NDArray[np.bool_]
