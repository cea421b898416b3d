"""Measures of how well predicted instances match annotated ones.

Objects are matched one to one at an IoU threshold (Hungarian, most matches first and then most
IoU). ``AP = TP / (TP + FP + FN)``, the measure of the Data Science Bowl 2018, of StarDist, Cellpose
and EmbedSeg. An image without objects that is predicted empty scores 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from .label_values import numbered

THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
"""IoU 0.50, 0.55, ... 0.95."""


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
    """

    thresholds: tuple[float, ...]
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]
    iou: NDArray[np.float64]

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


def overlap(truth: NDArray[np.integer], predicted: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return how many pixels each true and each predicted label share, int64 (N + 1, M + 1).

    Row and column 0 are the background; the others are the labels in ascending order.
    """
    t, p = (numbered(labels)[1].ravel() for labels in (truth, predicted))
    shape = int(t.max(initial=0)) + 1, int(p.max(initial=0)) + 1
    table = sparse.coo_matrix((np.ones(len(t), np.int64), (t, p)), shape)
    return np.asarray(table.toarray())


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
    if truth.shape != predicted.shape:
        raise ValueError(f"truth has shape {truth.shape}, the prediction {predicted.shape}")
    if ignore is not None and ignore.any():
        ids, inverse = numbered(predicted)
        hidden = np.bincount(inverse[ignore], minlength=len(ids))
        away = hidden * 2 > np.bincount(inverse.ravel(), minlength=len(ids))
        predicted = np.where(ignore | away[inverse], 0, predicted)
    shared = overlap(truth, predicted)
    union = shared.sum(1, keepdims=True) + shared.sum(0, keepdims=True) - shared
    iou = (shared / np.maximum(union, 1))[1:, 1:]
    tp, total = [], []
    for t in thresholds:
        hit = iou >= t
        # Most objects of a poor prediction match nothing; the assignment need not see them.
        near = iou[np.ix_(hit.any(1), hit.any(0))]
        # A match is worth 1 and its IoU decides among equals: it sums to less than 1.
        worth = (near >= t) * (1 + near / (2 * max(1, min(near.shape))))
        rows, columns = linear_sum_assignment(worth, maximize=True)
        matched = near[rows, columns]
        matched = matched[matched >= t]
        tp.append(len(matched))
        total.append(float(matched.sum()))
    n_truth, n_predicted = iou.shape
    tps = np.array(tp, np.int64)
    return Scores(tuple(thresholds), tps, n_predicted - tps, n_truth - tps, np.array(total))


def pooled(scores: Sequence[Scores]) -> Scores:
    """Add up the counts of several images, as if they were one."""
    return Scores(
        scores[0].thresholds,
        *(np.sum([getattr(s, name) for s in scores], 0) for name in ("tp", "fp", "fn", "iou")),
    )


def mean_ap(scores: Sequence[Scores]) -> NDArray[np.float64]:
    """Return the AP per threshold, averaged over images, as published tables do."""
    return np.asarray(np.mean([s.ap for s in scores], 0))
