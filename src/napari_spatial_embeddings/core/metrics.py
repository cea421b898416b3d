"""Measures of how well predicted instances match annotated ones.

Objects are matched one to one at an IoU threshold (Hungarian, most matches first and then most
IoU). ``AP = TP / (TP + FP + FN)``, the measure of the Data Science Bowl 2018, of StarDist, Cellpose
and EmbedSeg. An image without objects that is predicted empty scores 1.

Split and merged objects are those of Hoover et al., "An experimental comparison of range image
segmentation algorithms" (IEEE TPAMI 18, 1996), who call them over- and under-segmentation, with a
tolerance of one half: an annotated object is split if two predicted ones or more lie in it, each by
more than half, and together fill more than half of it; a predicted object is merged if that holds
of it and annotated ones. Neither depends on an IoU threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .label_values import numbered

THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
"""IoU 0.50, 0.55, ... 0.95."""

MAX_TABLE = 2**24
"""Pairs of objects up to which shared pixels are counted in a table of all pairs."""

Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts of one image, or sums over images, per IoU threshold.

    Parameters
    ----------
    thresholds : tuple of T floats
    tp, fp, fn : int64 (T,)
        Matched, spurious and missed objects.
    iou : float64 (T,)
        Sum of the matched objects' IoU.
    split : int
        Annotated objects that were found in pieces.
    merged : int
        Predicted objects that hold several annotated ones.
    """

    thresholds: tuple[float, ...]
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]
    iou: NDArray[np.float64]
    split: int
    merged: int

    @property
    def ap(self) -> NDArray[np.float64]:
        """TP / (TP + FP + FN)."""
        return self._ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def precision(self) -> NDArray[np.float64]:
        """TP / (TP + FP)."""
        return self._ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> NDArray[np.float64]:
        """TP / (TP + FN)."""
        return self._ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> NDArray[np.float64]:
        """2 TP / (2 TP + FP + FN)."""
        return self._ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def panoptic_quality(self) -> NDArray[np.float64]:
        """Sum of matched IoU / (TP + FP/2 + FN/2), Kirillov et al. 2019."""
        return self._ratio(2 * self.iou, 2 * self.tp + self.fp + self.fn)

    @property
    def matched_iou(self) -> NDArray[np.float64]:
        """Mean IoU of the matched objects."""
        return self._ratio(self.iou, self.tp)

    def _ratio(self, a: NDArray[np.generic], b: NDArray[np.generic]) -> NDArray[np.float64]:
        """Divide; nothing out of nothing is 0, but 1 if nothing was to be found and nothing was."""
        part, whole = np.asarray(a, np.float64), np.asarray(b, np.float64)
        nothing = self.tp + self.fp + self.fn == 0
        perfect: NDArray[np.float64] = np.asarray(nothing, np.float64)
        np.divide(part, whole, out=perfect, where=whole > 0)
        return perfect


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """Which of N annotated and M predicted objects share pixels: P pairs.

    Parameters
    ----------
    truth_ids, predicted_ids : integers (N,), (M,)
        Labels, in ascending order.
    truth_sizes, predicted_sizes : int64 (N,), (M,)
        Pixels of each object.
    truth, predicted : intp (P,)
        Of each pair, where its objects are among those above.
    shared : int64 (P,)
        Pixels that they share, at least one.
    """

    truth_ids: NDArray[np.integer]
    predicted_ids: NDArray[np.integer]
    truth_sizes: NDArray[np.int64]
    predicted_sizes: NDArray[np.int64]
    truth: Indices
    predicted: Indices
    shared: NDArray[np.int64]

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each pair, (P,)."""
        sizes = self.truth_sizes[self.truth] + self.predicted_sizes[self.predicted]
        return self.shared / (sizes - self.shared)

    @property
    def best_iou(self) -> NDArray[np.float64]:
        """IoU of each predicted object with the annotated one that it overlaps most, (M,)."""
        best = np.zeros(len(self.predicted_ids))
        np.maximum.at(best, self.predicted, self.iou)
        return best

    def matched(self, threshold: float) -> Indices:
        """Return the pairs that match, (K,); no object is in two of them."""
        iou = self.iou
        hits = np.flatnonzero(iou >= threshold)
        rows, columns = self.truth[hits], self.predicted[hits]
        alone = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
        # Most objects have no other choice; the assignment need not see them.
        return np.concatenate([hits[alone], self._assigned(hits[~alone], iou)])

    def _assigned(self, hits: Indices, iou: NDArray[np.float64]) -> Indices:
        """Return the most of some pairs, and then most IoU, in which no object is twice."""
        rows, row = np.unique(self.truth[hits], return_inverse=True)
        columns, column = np.unique(self.predicted[hits], return_inverse=True)
        worth, pair = np.zeros((len(rows), len(columns))), np.full((len(rows), len(columns)), -1)
        # A match is worth 1 and its IoU decides among equals: it sums to less than 1.
        worth[row, column] = 1 + iou[hits] / (2 * max(1, min(worth.shape)))
        pair[row, column] = hits
        found: Indices = pair[linear_sum_assignment(worth, maximize=True)]
        return found[found >= 0]

    @property
    def split(self) -> tuple[Mask, Mask]:
        """Which annotated objects are split, (N,), and which predicted ones are parts, (M,)."""
        return _in_parts(
            self.truth, self.predicted, self.shared, self.truth_sizes, self.predicted_sizes
        )

    @property
    def merged(self) -> tuple[Mask, Mask]:
        """Which predicted objects are merged, (M,), and which annotated ones are in them, (N,)."""
        return _in_parts(
            self.predicted, self.truth, self.shared, self.predicted_sizes, self.truth_sizes
        )


def _in_parts(
    whole: Indices,
    part: Indices,
    shared: NDArray[np.int64],
    whole_sizes: NDArray[np.int64],
    part_sizes: NDArray[np.int64],
) -> tuple[Mask, Mask]:
    """Return which objects consist of several parts, and which are such parts."""
    inside = 2 * shared > part_sizes[part]
    at, n = whole[inside], len(whole_sizes)
    filled = np.bincount(at, shared[inside], n)
    several = (np.bincount(at, minlength=n) > 1) & (2 * filled > whole_sizes)
    parts = np.zeros(len(part_sizes), np.bool_)
    parts[part[inside & several[whole]]] = True
    return several, parts


def overlaps(
    truth: NDArray[np.integer],
    predicted: NDArray[np.integer],
    ignore: NDArray[np.bool_] | None = None,
) -> Overlaps:
    """Return which objects of two label images share pixels; parameters as in `score`.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"truth has shape {truth.shape}, the prediction {predicted.shape}")
    if ignore is not None and ignore.any():
        predicted = without_unknown(predicted, ignore)
    (true_ids, t), (ids, p) = numbered(truth), numbered(predicted)
    n, m = len(true_ids), len(ids)
    both = (t > 0) & (p > 0)
    pairs = t[both] * m + p[both]
    if n * m <= MAX_TABLE:
        count = np.bincount(pairs)
        known = np.flatnonzero(count)
        shared = count[known]
    else:
        known, shared = np.unique(pairs, return_counts=True)
    return Overlaps(
        true_ids[1:],
        ids[1:],
        np.bincount(t.ravel(), minlength=n)[1:],
        np.bincount(p.ravel(), minlength=m)[1:],
        known // m - 1,
        known % m - 1,
        shared,
    )


def without_unknown(
    predicted: NDArray[np.integer], ignore: NDArray[np.bool_]
) -> NDArray[np.integer]:
    """Return predicted labels without what does not count where the truth is unknown.

    That is objects that lie there by more than half, and the other objects' pixels there.
    """
    ids, inverse = numbered(predicted)
    hidden = np.bincount(inverse[ignore], minlength=len(ids))
    away = hidden * 2 > np.bincount(inverse.ravel(), minlength=len(ids))
    return np.where(ignore | away[inverse], 0, predicted)


def score(
    truth: NDArray[np.integer],
    predicted: NDArray[np.integer],
    thresholds: Sequence[float] = THRESHOLDS,
    ignore: NDArray[np.bool_] | None = None,
) -> Scores:
    """Compare two label images.

    Parameters
    ----------
    truth, predicted : integers (*S), not negative
        0 is background. Labels need not be consecutive.
    thresholds : sequence of floats
        IoU from which objects match.
    ignore : bool (*S), optional
        Where the truth is unknown: predicted objects that lie there by more than half do not count,
        and neither do the other objects' pixels there.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    return scores_of(overlaps(truth, predicted, ignore), thresholds)


def scores_of(found: Overlaps, thresholds: Sequence[float] = THRESHOLDS) -> Scores:
    """Return the scores of two label images of which it is known what overlaps."""
    iou = found.iou
    matches = [iou[found.matched(t)] for t in thresholds]
    tp = np.array([len(one) for one in matches], np.int64)
    return Scores(
        tuple(thresholds),
        tp,
        len(found.predicted_ids) - tp,
        len(found.truth_ids) - tp,
        np.array([one.sum() for one in matches], np.float64),
        int(found.split[0].sum()),
        int(found.merged[0].sum()),
    )


def pooled(scores: Sequence[Scores]) -> Scores:
    """Add up the counts of several images, as if they were one."""
    sums = {
        name: np.sum([getattr(s, name) for s in scores], 0) for name in ("tp", "fp", "fn", "iou")
    }
    split, merged = sum(s.split for s in scores), sum(s.merged for s in scores)
    return Scores(scores[0].thresholds, **sums, split=split, merged=merged)


def mean_ap(scores: Sequence[Scores]) -> NDArray[np.float64]:
    """Return the AP per threshold, averaged over images, as published tables do."""
    return np.asarray(np.mean([s.ap for s in scores], 0))
