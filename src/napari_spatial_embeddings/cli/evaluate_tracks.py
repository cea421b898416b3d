"""``evaluate --tracks``: scores of tracks against annotated ones."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .flags import CallError
from .track import measured

if TYPE_CHECKING:
    from napari_spatial_embeddings.files import LabelSeries
    from napari_spatial_embeddings.tracking.scores import TrackScores
    from napari_spatial_embeddings.tracking.tracks import Tracks


def evaluate_tracks(options: argparse.Namespace) -> int:
    """Print the scores of one series, or JSON."""
    from napari_spatial_embeddings.tracking.scores import score_tracks

    sides = [
        _read(Path(path), options.axes, silent=options.json)
        for path in (options.labels, options.predictions)
    ]
    (true_labels, truth), (labels, tracks) = sides
    scores = score_tracks(true_labels.data, truth, labels.data, tracks)
    text = json.dumps({"package": "py-ctcmetrics", **asdict(scores)}) + "\n"
    sys.stdout.write(text if options.json else _as_text(scores))
    return 0


def _read(path: Path, axes: str | None, *, silent: bool) -> tuple[LabelSeries, Tracks]:
    """Read a series in which a cell has one label, and its table of parents if there is one."""
    from napari_spatial_embeddings.files import (
        find_track_table,
        read_label_series,
        read_track_table,
    )
    from napari_spatial_embeddings.tracking.tracks import tracks_of_ids

    series = read_label_series([path], axes, tracked=True)
    tracks = tracks_of_ids(measured(series, silent=silent))
    table = find_track_table(path) if path.is_dir() else None
    if table is None:
        return series, tracks
    rows, parents = read_track_table(table), {}
    for track, first, last, _ in tracks.spans():
        if track not in rows:
            continue
        *listed, parent = rows[track]
        if listed != [first, last]:
            raise CallError(
                f"{table}: track {track} is in the frames {listed[0]} to {listed[1]} in it, and in"
                f" {first} to {last} in the pixels; write both again"
            )
        if parent in tracks.ids:
            parents[track] = parent
    return series, tracks_of_ids(tracks.detections, parents)


def _as_text(scores: TrackScores) -> str:
    """Return the scores as lines."""

    def shown(value: float | None) -> str:
        return "none in the data" if value is None else f"{value:.3f}"

    lines = {
        "DET, objects": shown(scores.det),
        "TRA, objects and links": shown(scores.tra),
        "LNK, links": shown(scores.lnk),
        "CT, complete tracks": shown(scores.complete),
        "HOTA": shown(scores.hota),
        "IDF1, identities": shown(scores.idf1),
        "F1 of divisions": shown(scores.division_f1),
        "objects missing, spurious, to be split": f"{scores.missing}, {scores.spurious},"
        f" {scores.merged}",
        "links missing, wrong": f"{scores.missing_links}, {scores.wrong_links}",
    }
    width = max(map(len, lines))
    rows = [f"{name:{width}}  {value}" for name, value in lines.items()]
    return "\n".join([*rows, "Scores are those of py-ctcmetrics."]) + "\n"
