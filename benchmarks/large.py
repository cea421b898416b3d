"""A large image in the window: how long the main thread is busy, beside napari's own layers.

Both are measured in turn, in one process, on the same data.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

import numpy as np

from . import display
from .busy import Pair
from .table import Row

REPEATS, SLOW_REPEATS = 3, 2
"""Turns after a first one; the second number is for what includes clustering the whole image."""


def measure(quick: bool = False) -> list[Row]:
    """Return one row for each thing that a user does on a large image."""
    return display.rows_of("large", "1500" if quick else "6000")


def main(edge: int) -> None:
    """Open a window, measure, and print rows as JSON."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = os.environ["USERPROFILE"] = home
        sys.stdout.write(json.dumps(rows(edge)) + "\n")
        sys.stdout.flush()
        os._exit(0)


def rows(edge: int) -> list[Row]:
    """Do everything by napari alone and by the plugin, in turn."""
    import napari

    from .large_work import Work

    viewer = napari.Viewer()
    viewer.window._qt_window.resize(1280, 800)
    _, dock = viewer.window.add_plugin_dock_widget(
        "napari-spatial-embeddings", "Spatial Embeddings"
    )
    image = np.random.default_rng(0).integers(0, 255, (edge, edge), np.uint8)
    dock.images.choose(viewer.add_image(image, name="large"))
    work = Work(viewer, dock, edge)
    found: dict[str, list[Pair]] = {}
    for several, repeats in ((work.layers, REPEATS), (work.changes, SLOW_REPEATS)):
        several()  # compiles, imports, makes the widgets
        for _ in range(repeats):
            for title, pair in several().items():
                found.setdefault(title, []).append(pair)
    found["a stroke"] = [work.stroke() for _ in range(REPEATS)]
    for title, pair in work.once().items():
        found[title] = [pair]
    return [row(title, pairs) for title, pairs in found.items()]


def row(title: str, pairs: list[Pair]) -> Row:
    """Return the medians of both, in all and at a stretch."""
    ours = 1e3 * np.array([pair[1] for pair in pairs])
    out = {"on a large image": title, "napari alone": "", "its longest stretch": ""}
    napari = [pair[0] for pair in pairs if pair[0] is not None]
    above = np.median(ours[:, 1])
    if napari:
        alone = 1e3 * np.array(napari)
        out["napari alone"] = f"{np.median(alone[:, 0]):.0f} ms"
        out["its longest stretch"] = f"{np.median(alone[:, 1]):.0f} ms"
        above = np.median(ours[:, 1] - alone[:, 1])
    return {
        **out,
        "the plugin": f"{np.median(ours[:, 0]):.0f} ms",
        "longest stretch": f"{np.median(ours[:, 1]):.0f} ms",
        "above napari's": f"{above:.0f} ms",
    }


if __name__ == "__main__":
    main(int(sys.argv[1]))
