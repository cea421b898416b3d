"""Clustering: ours against the textbook's, labels compared."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

import textbook
from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.maps import EmbeddingMaps

from . import cases
from .table import Row, milliseconds

SETTINGS = ClusteringSettings(seed_threshold=0.6, foreground_threshold=0.4)

MOVES: dict[str, dict[str, float]] = {
    "seed threshold": {"seed_threshold": 0.7},
    "minimum size": {"min_size": 40},
    "foreground threshold": {"foreground_threshold": 0.45},
    "margin": {"margin_factor": 1.1},
}


def best(work: Callable[[], object], times: int) -> float:
    """Return the median seconds of several runs."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return float(np.median(spent))


def measure(quick: bool = False) -> list[Row]:
    """Return one row per case."""
    work = {
        "512 x 512": lambda: cases.tissue(1),
        "1024 x 1024": lambda: cases.tissue(2),
        "2048 x 2048": lambda: cases.tissue(4),
        "3D, 64 x 256 x 256": cases.embryo,
    }
    if quick:
        work = {"512 x 512": work["512 x 512"]}
    return [_row(name, cases.learned_maps(draw())) for name, draw in work.items()]


def _row(name: str, maps: EmbeddingMaps) -> Row:
    Clustering(maps)(SETTINGS)  # compiles
    start = time.perf_counter()
    expected = textbook.cluster(maps, SETTINGS)
    slow = time.perf_counter() - start
    found = Clustering(maps)(SETTINGS)
    fast = best(lambda: Clustering(maps)(SETTINGS), 9)
    row: Row = {
        "maps": name,
        "objects": len(found),
        "foreground": int((maps.seed[0] > SETTINGS.foreground_threshold).sum()),
        "labels": "identical" if np.array_equal(found.labels, expected) else "DIFFERENT",
        "textbook": milliseconds(slow),
        "ours": milliseconds(fast),
        "ratio": f"{slow / fast:.0f}x",
    }
    clustering = Clustering(maps)
    for move, change in MOVES.items():
        spent = []
        for _ in range(7):
            clustering(SETTINGS)
            start = time.perf_counter()
            clustering(SETTINGS.updated(**change))
            spent.append(time.perf_counter() - start)
        row[f"after {move}"] = milliseconds(float(np.median(spent)))
    return row
