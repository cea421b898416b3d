"""Scores of tracks against annotated ones, by the metrics of the Cell Tracking Challenge.

The library is `py-ctcmetrics`. Objects are matched here, by its own rule: an annotated object is
found if one object of the result covers more than half of it. So confluent frames and high ids can
be scored, which the library's reader of files refuses or misreads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.core.image_data import PixelArray
from napari_spatial_embeddings.errors import InputError, extra

from .detections import read_frame, shared_pixels
from .tracks import Tracks

METRICS = ("DET", "TRA", "LNK", "CT", "BC", "HOTA", "IDF1")
"""The library's names of what is asked for."""


@dataclass(frozen=True, slots=True)
class TrackScores:
    """Scores from 0 to 1, and counts; None where there is nothing to be scored.

    Parameters
    ----------
    det, tra : float
        Detection and tracking accuracy: the cost of turning the result's graph into the annotated
        one, against that of building it from nothing; of the objects, and of objects and links.
    complete : float
        Share of complete tracks: found in all their frames with one id (CT).
    lnk : float, optional
        As ``tra``, of the links alone.
    hota, idf1 : float, optional
        How well objects and their identities over the whole series are found; None if a frame has
        no annotated object.
    divisions : int
        Annotated ones.
    division_f1 : float, optional
        F1 of the divisions, at most one frame early or late.
    missing, spurious, merged : int
        Annotated objects that were not found, found ones that were not annotated, and found ones
        to be split.
    missing_links, wrong_links : int
    """

    det: float
    tra: float
    complete: float
    lnk: float | None
    hota: float | None
    idf1: float | None
    divisions: int
    division_f1: float | None
    missing: int
    spurious: int
    merged: int
    missing_links: int
    wrong_links: int


def score_tracks(
    true_labels: PixelArray, truth: Tracks, labels: PixelArray, tracks: Tracks
) -> TrackScores:
    """Score tracks against annotated ones.

    Parameters
    ----------
    true_labels : whole numbers (T, *S)
        In which the objects of ``truth`` are.
    truth : Tracks
    labels : whole numbers (T, *S)
        In which the objects of ``tracks`` are.
    tracks : Tracks

    Raises
    ------
    InputError
        If the series have not the same shape or are of one frame, nothing is annotated, or the
        package is missing.
    """
    if tuple(true_labels.shape) != tuple(labels.shape):
        raise InputError(
            f"the annotated series has shape {tuple(true_labels.shape)}, the other one"
            f" {tuple(labels.shape)}; they must cover the same frames and pixels"
        )
    if labels.shape[0] < 2:
        raise InputError("these are series of one frame, which has no links that could be scored")
    if not len(truth.detections):
        raise InputError("nothing is annotated in these frames, so there is nothing to score")
    if not len(tracks.detections):
        return _nothing_found(truth.without_gaps())
    with extra("tracking"):
        from ctc_metrics.scripts.evaluate import calculate_metrics

    true, own = truth.without_gaps(), tracks.without_gaps()
    matched: dict[str, list[list[int]]] = {
        name: [] for name in ("labels_ref", "labels_comp", "mapped_ref", "mapped_comp")
    }
    for t in range(true.detections.frames):
        one = true.relabelled_frame(read_frame(true_labels, t), t)
        other = own.relabelled_frame(read_frame(labels, t), t)
        ids, sizes = np.unique(one[one > 0], return_counts=True)
        a, b, shared = shared_pixels(one, other)
        found = 2 * shared > sizes[np.searchsorted(ids, a)]
        matched["labels_ref"].append(ids.tolist())
        matched["labels_comp"].append(np.unique(other[other > 0]).tolist())
        matched["mapped_ref"].append(a[found].tolist())
        matched["mapped_comp"].append(b[found].tolist())
    wanted = {
        "LNK": bool(_links(true)),  # of none, it would divide by their number
        "HOTA": all(matched["labels_ref"]),  # it cannot read a frame without annotated objects
        "IDF1": all(matched["labels_ref"]),
    }
    metrics = [name for name in METRICS if wanted.get(name, True)]
    found = calculate_metrics(_table(own), _table(true), matched, {}, metrics, is_valid=1)
    divisions = int(found["gt_divisions"])
    return TrackScores(
        det=float(found["DET"]),
        tra=float(found["TRA"]),
        complete=float(found["CT"]),
        lnk=float(found["LNK"]) if "LNK" in found else None,
        hota=float(found["HOTA"]) if "HOTA" in found else None,
        idf1=float(found["IDF1"]) if "IDF1" in found else None,
        divisions=divisions,
        division_f1=float(found["BC(1)"]) if divisions else None,
        missing=int(found["AOGM_FN"]),
        spurious=int(found["AOGM_FP"]),
        merged=int(found["AOGM_NS"]),
        missing_links=int(found["AOGM_EA"]),
        wrong_links=int(found["AOGM_ED"] + found["AOGM_EC"]),
    )


def _nothing_found(truth: Tracks) -> TrackScores:
    """Return the scores of an empty result, which the library cannot read."""
    links = _links(truth)
    parents = [*truth.parents.values()]
    divisions = sum(parents.count(parent) > 1 for parent in set(parents))
    return TrackScores(
        det=0.0,
        tra=0.0,
        complete=0.0,
        lnk=0.0 if links else None,
        hota=0.0,
        idf1=0.0,
        divisions=divisions,
        division_f1=0.0 if divisions else None,
        missing=len(truth.detections),
        spurious=0,
        merged=0,
        missing_links=links,
        wrong_links=0,
    )


def _links(tracks: Tracks) -> int:
    return sum(map(len, tracks.successors.values()))


def _table(tracks: Tracks) -> NDArray[np.int64]:
    """Return id, first frame, last frame and parent of each track, int64 (K, 4)."""
    return np.array(tracks.spans(), np.int64)
