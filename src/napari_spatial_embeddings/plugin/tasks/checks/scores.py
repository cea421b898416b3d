"""Scores of what a model found against ground truth, and a picture of its errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.label_values import numbered, objects_of
from napari_spatial_embeddings.core.text import sentence
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.state.open_image import Box

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.metrics import Overlaps, Scores

MISSED, FALSE, BOTH, SPLIT, MERGED = range(1, 6)
"""Labels in a picture of errors; both is where a missed and a false object overlap."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Ground truth of an image.

    Parameters
    ----------
    name : str
        Of its layer, for messages.
    shape : tuple of D ints
        Of the image.
    box : Box
        The part of the image that it covers; the rest is unknown.
    read : callable
        Reads its labels (*box), or those in some slices of the box, of which those below 0 are
        unknown; they may change meanwhile.
    """

    name: str
    shape: tuple[int, ...]
    box: Box
    read: Callable[..., NDArray[np.integer[Any]]]


@dataclass(frozen=True, slots=True, eq=False)
class ScoreRequest:
    """Objects to be scored.

    Parameters
    ----------
    key : str
        Of the image.
    found : int32 (*S)
        Labels of the objects that were found; below 0 they count as none.
    truth : Truth
    threshold : float, optional
        IoU from which objects are right in the picture; None for no picture.
    """

    key: str
    found: NDArray[np.int32]
    truth: Truth
    threshold: float | None


@dataclass(frozen=True, slots=True, eq=False)
class ScoreReport:
    """Scores of an image.

    Parameters
    ----------
    scores : Scores, optional
        At the thresholds of `metrics.THRESHOLDS`; None if there is a problem.
    problem : str
        Why there are none, as a sentence.
    partial : bool
        Whether they are of a part of the image, as ground truth is unknown elsewhere.
    picture : int32 (*S), optional
        Where the errors are, if it was asked for.
    """

    scores: Scores | None = None
    problem: str = ""
    partial: bool = False
    picture: NDArray[np.int32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """Ground truth on all pixels of its image: as it was read, its objects, and what is unknown."""

    truth: Truth
    raw: NDArray[np.integer[Any]]
    labels: NDArray[np.integer[Any]]
    unknown: NDArray[np.bool_] | None

    def same(self, truth: Truth, raw: NDArray[np.integer[Any]]) -> bool:
        """Return whether it is what is made of ground truth that was read again."""
        old = self.truth
        place = (old.name, old.shape, old.box) == (truth.name, truth.shape, truth.box)
        return place and np.array_equal(self.raw, raw)


class Scorer:
    """Scores objects, and keeps what it made of the ground truth for the next step of a slider."""

    def __init__(self) -> None:
        self._prepared: _Prepared | None = None

    def __call__(self, request: ScoreRequest) -> ScoreReport:
        """Return the scores of objects, or why there are none."""
        from napari_spatial_embeddings.core.metrics import overlaps, scores_of, without_unknown

        try:
            prepared = self._prepare(request.truth)
        except InputError as error:
            self._prepared = None
            return ScoreReport(problem=sentence(str(error)))
        found: NDArray[np.integer[Any]] = np.maximum(request.found, 0)
        if prepared.unknown is not None:
            found = without_unknown(found, prepared.unknown)
        shared = overlaps(prepared.labels, found)
        picture = None
        if request.threshold is not None:
            picture = draw_errors(prepared.labels, found, shared, request.threshold)
        return ScoreReport(scores_of(shared), "", prepared.unknown is not None, picture)

    def _prepare(self, truth: Truth) -> _Prepared:
        known = self._prepared
        if known is not None and known.truth is truth:
            return known
        raw = np.array(truth.read())
        if known is None or not known.same(truth, raw):
            self._prepared = known = _Prepared(truth, raw, *on_image(truth, raw))
        return known


def on_image(
    truth: Truth, raw: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.integer[Any]], NDArray[np.bool_] | None]:
    """Return the objects of ground truth, and where it is unknown, on all pixels of its image.

    Parameters
    ----------
    truth : Truth
    raw : integers (*box)
        Its labels; of a mask, each piece is an object, as on the command line.

    Returns
    -------
    labels : integers (*S), not negative
    unknown : bool (*S), or None if all is known

    Raises
    ------
    InputError
        If it holds no object, or values that are no objects.
    """
    own = objects_of(raw, truth.name).labels
    if not (own > 0).any():
        raise InputError(
            f"{truth.name} has no object on this image, so there is nothing to score: choose"
            " another layer"
        )
    labels, unknown = np.zeros(truth.shape, own.dtype), np.ones(truth.shape, np.bool_)
    labels[truth.box], unknown[truth.box] = np.maximum(own, 0), own < 0
    return labels, unknown if unknown.any() else None


def draw_errors(
    truth: NDArray[np.integer[Any]],
    found: NDArray[np.integer[Any]],
    shared: Overlaps,
    threshold: float,
) -> NDArray[np.int32]:
    """Return where the errors are.

    The parts of a split object, and the annotated objects in a merged one, are apart by a pixel,
    and so are neighbours with the same kind of error.

    Parameters
    ----------
    truth, found : integers (*S), not negative
    shared : Overlaps
        Theirs.
    threshold : float
        IoU from which objects are right.

    Returns
    -------
    int32 (*S)
        `MISSED`, `FALSE`, `BOTH`, `SPLIT` or `MERGED`; 0 where nothing is wrong.
    """
    right = shared.matched(threshold)
    of_truth = np.full(len(shared.truth_ids) + 1, MISSED, np.int32)
    of_found = np.full(len(shared.predicted_ids) + 1, FALSE, np.int32)
    of_truth[0] = of_found[0] = 0
    of_truth[1 + shared.truth[right]] = of_found[1 + shared.predicted[right]] = 0
    (split, parts), (merged, inside) = shared.split, shared.merged
    of_truth[1:][split | inside] = 0
    of_found[1:][parts], of_found[1:][merged] = SPLIT, MERGED
    t, p = numbered(truth)[1], numbered(found)[1]
    kind = of_found[p]
    kind = np.where(kind > FALSE, kind, of_truth[t] | kind)
    # What its borders are: where a merged object is to be cut, and not where it ends.
    own = np.where((kind == MISSED) | (kind == MERGED), t, p)
    out = kind.copy()
    for axis in (kind.ndim - 2, kind.ndim - 1):
        first, second = (
            tuple(part if a == axis else slice(None) for a in range(kind.ndim))
            for part in (slice(None, -1), slice(1, None))
        )
        border = (kind[first] == kind[second]) & (own[first] != own[second])
        out[second][border] = 0
    return out
