"""Linking of a series whose cells are known, ours beside laptrack's own defaults.

``python -m benchmarks.tracking LABELS``: a label series in which a cell has one label. The labels
of every frame are shuffled before they are linked.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_spatial_embeddings.config import TrackingSettings
from napari_spatial_embeddings.files import read_label_series
from napari_spatial_embeddings.tracking.detections import Detections, detect
from napari_spatial_embeddings.tracking.linking import link
from napari_spatial_embeddings.tracking.scores import score_tracks
from napari_spatial_embeddings.tracking.tracks import Tracks, from_successors, tracks_of_ids

from . import page, table

Labels = NDArray[np.int64]
Linker = Callable[[Labels, Detections], Tracks]


def cases(labels: Labels, seed: int = 0) -> Iterator[tuple[str, Labels]]:
    """Yield harder and harder series, by name."""
    rng = np.random.default_rng(seed)
    yield "all frames", labels
    for step, name in ((2, "every second frame"), (3, "every third frame")):
        yield name, labels[::step]
    for share in (0.05, 0.2):
        yield f"{share:.0%} of the objects missing", renumbered(labels, rng, missing=share)


def renumbered(labels: Labels, rng: np.random.Generator, missing: float | None = None) -> Labels:
    """Give each frame's objects other labels; or keep them, and drop a share of the objects."""
    out = np.zeros_like(labels)
    for t, frame in enumerate(labels):
        ids = np.unique(np.append(0, frame))
        new = np.append(0, rng.permutation(len(ids) - 1) + 1)
        if missing is not None:
            new = np.where(rng.random(len(ids)) < missing, 0, ids)
        out[t] = new[np.searchsorted(ids, frame)]
    return out


def ours(**changes: object) -> Linker:
    """Return this project's linking."""
    settings = TrackingSettings().updated(**changes)
    return lambda _, found: link(found, settings)


def lap_track(_: Labels, found: Detections) -> Tracks:
    """Link by laptrack's defaults: squared distance of centres, 15 pixels, one frame's gap."""
    from laptrack import LapTrack

    frames = [found.centre[found.of_frame(t)] for t in range(found.frames)]
    return graph_tracks(found, LapTrack().predict(frames).edges)


def over_lap_track(labels: Labels, found: Detections) -> Tracks:
    """Link by the defaults of laptrack's linking by overlap."""
    from laptrack import OverLapTrack

    frame, _, _ = OverLapTrack().predict_overlap_dataframe(labels)
    frame = frame.reset_index()
    links = []
    for _, track in frame.sort_values("frame").groupby("track_id"):
        own = [found.index[place] for place in zip(track["frame"], track["label"], strict=True)]
        links += list(pairwise(own))
    return from_successors(found, links)


def graph_tracks(found: Detections, edges: object) -> Tracks:
    """Return the tracks of laptrack's graph of (frame, index)."""
    first = found.first.tolist()
    return from_successors(
        found,
        [(first[s] + i, first[t] + j) for (s, i), (t, j) in edges],  # type: ignore[attr-defined]
    )


LINKERS: dict[str, Linker] = {
    "default": ours(),
    "distance alone": ours(overlap_weight=0.0),
    "overlap alone": ours(overlap_weight=1.0),
    "no gaps": ours(max_gap=0),
    "laptrack, LapTrack()": lap_track,
    "laptrack, OverLapTrack()": over_lap_track,
}


def main() -> None:
    """Score every linker in every case and remember the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path)
    options = parser.parse_args()
    labels = np.asarray(read_label_series([options.labels], tracked=True).data)
    rows = []
    for case, true_labels in cases(labels):
        given = renumbered(true_labels, np.random.default_rng(1))
        *_, true = detect(true_labels)
        *_, own = detect(given)
        assert true.result is not None
        assert own.result is not None
        truth = tracks_of_ids(true.result)
        lap_track(given, own.result)  # loads the package
        for name, linker in LINKERS.items():
            start = time.perf_counter()
            tracks = linker(given, own.result)
            seconds = time.perf_counter() - start
            scores = score_tracks(true_labels, truth, given, tracks)
            rows.append(
                {
                    "series": case,
                    "linking": name,
                    "LNK": f"{scores.lnk:.4f}",
                    "TRA": f"{scores.tra:.4f}",
                    "HOTA": f"{scores.hota:.4f}",
                    "IDF1": f"{scores.idf1:.4f}",
                    "CT": f"{scores.complete or 0:.3f}",
                    "links missing, wrong": f"{scores.missing_links}, {scores.wrong_links}",
                    "time": table.milliseconds(seconds),
                }
            )
            print(table.markdown(rows[-1:]).splitlines()[-1], flush=True)
    table.remember("tracking", rows, 2)
    page.write()


if __name__ == "__main__":
    main()
