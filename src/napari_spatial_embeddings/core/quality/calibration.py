"""Calibration: the IoU to be expected of an object, and how likely it is right.

Both are measured on objects that the model did not learn from: a found object's *IoU* is that with
the annotated object that it overlaps most, and it is *right* from an IoU of 0.5 on. Both grow with
an object's score, the seed value of one pixel, and with the consistency of the maps about it, see
`consistency`, so that isotonic regression (Zadrozny and Elkan, KDD 2002) needs no other assumption.
What a score promises differs from model to model and from one kind of image to another; what
consistency promises does so much less. Where maps are known, consistency is what counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from napari_spatial_embeddings.config import Fraction, Settings
from napari_spatial_embeddings.core.instances import Instances
from napari_spatial_embeddings.core.maps import EmbeddingMaps

from .consistency import consistency

ENOUGH = 20
"""Objects from which on a calibration is made where there is none to start from."""

MANY = 200
"""Objects from which on an earlier calibration does not count any more."""

MOVES = 0.5
"""Standard deviation of how far, in log odds, an earlier calibration may be from what fewer objects
are like. Most often these are of a single image: they show how high the table is, not its shape."""

RIGHT = 0.5
"""IoU from which an object is right."""


class Calibration(Settings):
    """Expected IoU, and the probability to be right, of objects by score, and by consistency.

    Between two scores of the table both are interpolated, and beyond its ends they stay.
    """

    scores: tuple[Fraction, ...] = Field(
        description="Scores, or consistencies of the maps, in ascending order."
    )
    ious: tuple[Fraction, ...] = Field(description="Expected IoU of an object of each score.")
    right: tuple[Fraction, ...] = Field(
        description="Probability that an object of each score has an IoU of 0.5 or more."
    )
    objects: int = Field(ge=1, description="Number of objects that it was measured on.")
    source: str = Field("", description="Which objects these were.")
    consistency: Calibration | None = Field(
        None, description="The same by the consistency of the maps; null if that was not measured."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        sizes = {len(self.scores), len(self.ious), len(self.right)}
        if len(sizes) > 1 or sizes == {0}:
            raise ValueError("the table needs as many ious and right as scores, one at least")
        for name in ("scores", "ious", "right"):
            if (np.diff(getattr(self, name)) < 0).any():
                raise ValueError(f"{name} must not fall")
        return self

    def predicted_iou(
        self, scores: NDArray[np.floating], consistency: NDArray[np.floating] | None = None
    ) -> NDArray[np.float32]:
        """Return the expected IoU of objects, float32 (N,), by consistency if that is known."""
        if consistency is not None and self.consistency is not None:
            return self.consistency.predicted_iou(consistency)
        return self._at(scores, self.ious)

    def probability(
        self, scores: NDArray[np.floating], consistency: NDArray[np.floating] | None = None
    ) -> NDArray[np.float32]:
        """Return how likely objects are right, float32 (N,), by consistency if that is known."""
        if consistency is not None and self.consistency is not None:
            return self.consistency.probability(consistency)
        return self._at(scores, self.right)

    def _at(self, scores: NDArray[np.floating], values: tuple[float, ...]) -> NDArray[np.float32]:
        known = np.nan_to_num(np.asarray(scores, float))
        out: NDArray[np.float32] = np.interp(known, self.scores, values).astype(np.float32)
        return out


def fitted(
    scores: NDArray[np.floating],
    ious: NDArray[np.floating],
    source: str,
    prior: Calibration | None = None,
) -> Calibration | None:
    """Return the calibration of objects of known IoU; the earlier one, moved, if they are too few.

    Parameters
    ----------
    scores, ious : float (N,), 0 to 1
    source : str
        Which objects these are.
    prior : Calibration, optional
        Of the model that the training started from.
    """
    n = len(scores)
    if not n or (prior is None and n < ENOUGH):
        return prior
    order = np.argsort(scores, kind="stable")
    x, y = np.asarray(scores, float)[order].clip(0, 1), np.asarray(ious, float)[order].clip(0, 1)
    right = (y >= RIGHT).astype(float)
    if prior is not None and n < MANY:
        return Calibration(
            scores=prior.scores,
            ious=_moved(prior.ious, prior.predicted_iou(x), y),
            right=_moved(prior.right, prior.probability(x), right),
            objects=prior.objects + n,
            source=source,
        )
    centres, expected, likely = _isotonic(x, y, right)
    return Calibration(
        scores=tuple(centres), ious=tuple(expected), right=tuple(likely), objects=n, source=source
    )


def _moved(
    column: tuple[float, ...], expected: NDArray[np.floating], real: NDArray[np.floating]
) -> tuple[float, ...]:
    """Return a column of a table, moved in log odds to where objects came out, as far as likely."""
    own, table, move = _log_odds(expected), _log_odds(np.array(column)), 0.0
    for _ in range(20):  # Newton's method; what is minimised is convex
        p = 1 / (1 + np.exp(-own - move))
        move -= float((p - real).sum() + move / MOVES**2) / float((p * (1 - p)).sum() + MOVES**-2)
    values: list[float] = (1 / (1 + np.exp(-table - move))).round(4).tolist()
    return tuple(values)


def _log_odds(p: NDArray[np.floating]) -> NDArray[np.float64]:
    inside = np.asarray(p, float).clip(0.005, 0.995)
    odds: NDArray[np.float64] = np.log(inside / (1 - inside))
    return odds


def _isotonic(
    x: NDArray[np.float64], y: NDArray[np.float64], right: NDArray[np.float64]
) -> tuple[list[float], list[float], list[float]]:
    """Return a table of two functions that do not fall, at the places where either one steps."""
    from scipy.optimize import isotonic_regression

    fits = [isotonic_regression(values).x for values in (y, right)]
    # Objects of one score have one value; of a step, its ends are kept.
    steps = np.any([np.diff(fit, prepend=np.nan) != 0 for fit in fits], axis=0)
    ends = np.append(steps[1:], True)
    at = np.flatnonzero(steps | ends)
    places = np.unique(x[at])
    columns = [[float(fit[x == place].mean()) for place in places] for fit in fits]
    rounded = [np.maximum.accumulate(np.round(column, 4)).tolist() for column in columns]
    return np.round(places, 6).tolist(), rounded[0], rounded[1]


def consistency_for(
    card: Mapping[str, Any], maps: EmbeddingMaps | None, instances: Instances
) -> NDArray[np.float32] | None:
    """Return the consistency of maps about objects.

    None without maps, or if the model that predicted them is not calibrated by consistency.
    """
    known = of_card(card)
    if maps is None or known is None or known.consistency is None:
        return None
    return consistency(maps, instances)


def predicted_iou_of(
    card: Mapping[str, Any], maps: EmbeddingMaps | None, instances: Instances
) -> NDArray[np.float32] | None:
    """Return the expected IoU of objects, float32 (N,); None if their model is not calibrated."""
    known = of_card(card)
    if known is None:
        return None
    return known.predicted_iou(instances.score, consistency_for(card, maps, instances))


def of_card(card: Mapping[str, Any]) -> Calibration | None:
    """Return the calibration in the card of a model, as JSON; None if it has none."""
    known = card.get("calibration")
    return None if known is None else Calibration.model_validate(known)


def expected_error(
    predicted: NDArray[np.floating], real: NDArray[np.floating], bins: int = 10
) -> float:
    """Return the expected calibration error: how far predictions are from what came out.

    The mean of ``|mean predicted - mean real|`` over bins of equal width of the prediction,
    weighted by their numbers of objects (Naeini et al., AAAI 2015); 0 without objects.

    Parameters
    ----------
    predicted, real : float (N,), 0 to 1
    bins : int
    """
    if not len(predicted):
        return 0.0
    index = np.minimum((np.asarray(predicted, float) * bins).astype(int), bins - 1)
    count = np.bincount(index, minlength=bins)
    gap = np.bincount(index, np.asarray(predicted, float) - real, minlength=bins)
    return float(np.abs(gap).sum() / count.sum())
