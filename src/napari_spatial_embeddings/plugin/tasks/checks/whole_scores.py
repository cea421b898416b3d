"""Scores of a whole image whose labels are in a store, block by block."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.label_values import FULL, whole_numbers
from napari_spatial_embeddings.core.text import sentence
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.state.open_image import Box

from .scores import ScoreReport, Truth

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import PixelArray
    from napari_spatial_embeddings.core.metrics import Overlaps
    from napari_spatial_embeddings.core.quality.block_overlaps import BlockOverlaps

EDGE = {2: 1024, 3: 96}
"""Pixels, or voxels, along each edge of a block: its sums need some 50 MB meanwhile."""


@dataclass(frozen=True, slots=True, eq=False)
class WholeRequest:
    """Objects of a whole image, to be scored.

    Parameters
    ----------
    found : integers (*S)
        Their labels; what is sliced is read.
    truth : Truth
    """

    found: PixelArray
    truth: Truth


def score_whole(request: WholeRequest, cancelled: Callable[[], bool]) -> Iterator[ScoreReport]:
    """Score a whole image block by block; the last report has the scores, or why there are none.

    Ground truth needs a number for each object: the pieces of a mask would need all pixels at once.

    Yields
    ------
    ScoreReport
        After each block.
    """
    from napari_spatial_embeddings.core.metrics import scores_of
    from napari_spatial_embeddings.core.quality.block_overlaps import BlockOverlaps

    sums, partial = BlockOverlaps(), False
    blocks = list(_blocks(request.truth.shape))
    try:
        for done, block in enumerate(blocks):
            if cancelled():
                return
            yield ScoreReport(problem=f"Scoring the whole image: {done} of {len(blocks)} blocks.")
            partial |= _add(sums, request, block)
        found = sums.result()
        _check(found, request.truth)
    except InputError as error:
        yield ScoreReport(problem=sentence(str(error)))
        return
    yield ScoreReport(scores_of(found), "", partial)


def _blocks(shape: tuple[int, ...]) -> Iterator[Box]:
    edge = EDGE[len(shape)]
    starts = itertools.product(*(range(0, n, edge) for n in shape))
    for first in starts:
        yield tuple(slice(a, min(n, a + edge)) for a, n in zip(first, shape, strict=True))


def _add(sums: BlockOverlaps, request: WholeRequest, block: Box) -> bool:
    """Add a block, and return whether ground truth is unknown in a part of it."""
    truth = request.truth
    found: NDArray[np.integer[Any]] = np.asarray(request.found[block])
    labels, unknown = np.zeros(found.shape, np.int64), np.ones(found.shape, np.bool_)
    both = [
        (max(own.start, all_.start), min(own.stop, all_.stop))
        for own, all_ in zip(block, truth.box, strict=True)
    ]
    if all(a < b for a, b in both):
        ends = zip(both, truth.box, block, strict=True)
        part, here = [], []
        for (a, b), whole, own in ends:
            part.append(slice(a - whole.start, b - whole.start))
            here.append(slice(a - own.start, b - own.start))
        raw = whole_numbers(np.asarray(truth.read(tuple(part))), truth.name)
        labels[tuple(here)], unknown[tuple(here)] = np.maximum(raw, 0), raw < 0
    sums.add(labels, np.maximum(found, 0), unknown)
    return bool(unknown.any())


def _check(found: Overlaps, truth: Truth) -> None:
    """Refuse ground truth that has no object, or a single value for all of them."""
    ids = found.truth_ids
    if not len(ids):
        raise InputError(
            f"{truth.name} has no object on this image, so there is nothing to score: choose"
            " another layer"
        )
    if len(ids) == 1 and (int(ids[0]) in FULL or len(found.predicted_ids) > 1):
        raise InputError(
            f"{truth.name} has the single value {int(ids[0])}, as a mask has: to score the whole"
            " image, each object needs a number of its own. Label its pieces, or score views"
        )
