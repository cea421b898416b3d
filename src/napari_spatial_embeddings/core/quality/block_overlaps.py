"""Overlaps of two label images that are seen block by block, as neither fits into memory.

What is kept are sums per object and per pair of objects that share pixels, and no pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.label_values import numbered
from napari_spatial_embeddings.core.metrics import Overlaps

MOST_ROWS = 2**20
"""Rows of sums that wait to be added up: objects are in several blocks."""

Rows = NDArray[np.int64]


class BlockOverlaps:
    """Sums over blocks that cover two label images, each pixel once."""

    def __init__(self) -> None:
        self._truth = _Sums(1)
        self._predicted, self._hidden = _Sums(1), _Sums(1)
        self._pairs = _Sums(2)

    def add(
        self,
        truth: NDArray[np.integer[Any]],
        predicted: NDArray[np.integer[Any]],
        unknown: NDArray[np.bool_] | None = None,
    ) -> None:
        """Add a block.

        Parameters
        ----------
        truth, predicted : integers (*S), not negative
            0 is background; an object has the same label in all blocks.
        unknown : bool (*S), optional
            Where the truth is unknown; nothing is annotated there.
        """
        (true_ids, t), (ids, p) = numbered(truth), numbered(predicted)
        n, m = len(true_ids), len(ids)
        self._predicted.add((ids[1:],), np.bincount(p.ravel(), minlength=m)[1:])
        if unknown is not None and unknown.any():
            self._hidden.add((ids[1:],), np.bincount(p[unknown], minlength=m)[1:])
        self._truth.add((true_ids[1:],), np.bincount(t.ravel(), minlength=n)[1:])
        both = (t > 0) & (p > 0)
        known, shared = np.unique(t[both] * m + p[both], return_counts=True)
        self._pairs.add((true_ids[known // m], ids[known % m]), shared)

    def result(self) -> Overlaps:
        """Return what overlaps; where the truth is unknown, as `metrics.score` has it.

        Predicted objects that lie there by more than half do not count, and neither do the other
        objects' pixels there.
        """
        (true_ids,), true_sizes = self._truth.added
        (ids,), sizes = self._predicted.added
        (hidden_ids,), hidden = self._hidden.added
        out = np.zeros(len(ids), np.int64)
        out[np.searchsorted(ids, hidden_ids)] = hidden
        here = 2 * out <= sizes
        (t, p), shared = self._pairs.added
        known = here[np.searchsorted(ids, p)]
        t, p, shared = t[known], p[known], shared[known]
        ids, sizes = ids[here], (sizes - out)[here]
        truth, predicted = np.searchsorted(true_ids, t), np.searchsorted(ids, p)
        return Overlaps(true_ids, ids, true_sizes, sizes, truth, predicted, shared)


class _Sums:
    """Numbers that are added up for keys of one or two columns."""

    def __init__(self, columns: int) -> None:
        self._keys: list[tuple[Rows, ...]] = [(np.empty(0, np.int64),) * columns]
        self._numbers: list[Rows] = [np.empty(0, np.int64)]
        self._waiting = 0

    def add(self, keys: Sequence[NDArray[np.integer[Any]]], numbers: NDArray[np.integer]) -> None:
        """Add to the sums of some keys."""
        some = np.flatnonzero(numbers)
        self._keys.append(tuple(np.asarray(column[some], np.int64) for column in keys))
        self._numbers.append(np.asarray(numbers[some], np.int64))
        self._waiting += len(some)
        if self._waiting > max(MOST_ROWS, len(self._numbers[0])):
            self._add_up()

    @property
    def added(self) -> tuple[tuple[Rows, ...], Rows]:
        """The different keys, in ascending order, and their sums."""
        self._add_up()
        return self._keys[0], self._numbers[0]

    def _add_up(self) -> None:
        if len(self._numbers) == 1:
            return
        columns = [np.concatenate(parts) for parts in zip(*self._keys, strict=True)]
        numbers = np.concatenate(self._numbers)
        order = np.lexsort(columns[::-1])
        columns = [column[order] for column in columns]
        changes = [np.diff(column, prepend=-1) != 0 for column in columns]
        starts = np.flatnonzero(np.any(changes, axis=0))
        sums = np.add.reduceat(numbers[order], starts) if len(starts) else numbers
        self._keys, self._numbers = [tuple(column[starts] for column in columns)], [sums]
        self._waiting = 0
