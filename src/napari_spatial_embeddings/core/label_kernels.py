"""Compiled loops over the owners of slots: sizes of proposals, and the label image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled
from .grid_kernels import Floats, Int, Ints, Real


@compiled()
def count_owned(owner: Ints, values: Floats, threshold: Real, proposals: Int) -> Ints:
    """Count the slots of a block that each proposal owns, as far as they are foreground."""
    owned = np.zeros(proposals, np.int32)
    for slot in range(len(owner)):
        if owner[slot] >= 0 and values[slot] > threshold:
            owned[owner[slot]] += 1
    return owned


@compiled()
def write_labels(
    pixels: NDArray[np.integer],
    owner: Ints,
    values: Floats,
    threshold: Real,
    table: Ints,
    labels: Ints,
) -> None:
    """Write the labels of a block of slots; ``table[proposal]`` is 0 where it was refused."""
    for slot in range(len(owner)):
        if owner[slot] >= 0 and values[slot] > threshold:
            labels[pixels[slot]] = table[owner[slot]]
