"""A layer of 50,000 x 50,000 pixels that is computed where it is read, beside one of 512 x 512."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import display
from .busy import Busy, Watch
from .table import Row

EDGES, REPEATS = (512, 50_000), 3

CHUNK = 1024
"""Edge of the blocks that Dask computes, in pixels."""

TITLES = {"first": "choosing it", "draw": "Annotate", "stroke": "a stroke", "undo": "undo"}

PAUSE = 3.0
"""Seconds that a user looks around before the first stroke, at least."""

ALONE = "napari alone"
"""Argument of a process without the dock, in which napari adds the first layer of labels."""

VIEW = 800
"""Edge of that layer, in pixels: of a large image, Annotate makes one of what is seen."""


def measure(quick: bool = False) -> list[Row]:
    """Return one row for each size of image; the processes of both sizes take turns."""
    edges = (512, 5000) if quick else EDGES
    found: dict[int, list[Row]] = {edge: [] for edge in edges}
    for _ in range(1 if quick else REPEATS):
        for edge in edges:
            (run,) = display.rows_of("slide", str(edge))
            (plain,) = display.rows_of("slide", str(edge), ALONE)
            found[edge].append(run | plain)
    rows = []
    for edge, runs in found.items():
        row: Row = {"image": f"{edge} x {edge}"}
        row["dock opens in"] = f"{np.median([run['opens'] for run in runs]):.2f} s"
        row |= {
            title: f"{1e3 * np.median([run[name] for run in runs]):.0f} ms"
            for name, title in TITLES.items()
        }
        row["napari's first labels"] = f"{1e3 * np.median([run['alone'] for run in runs]):.0f} ms"
        most = max(run["blocks"] for run in runs)
        row["blocks read in the main thread"] = most
        rows.append(row)
    above = np.median([run["opens"] for run in found[edges[1]]])
    above -= np.median([run["opens"] for run in found[edges[0]]])
    rows[1]["above the small one"] = f"{above:.2f} s"
    rows[0]["above the small one"] = ""
    return rows


def main(edge: int, *, napari_alone: bool) -> None:
    """Open a window, measure, and print a row of seconds as JSON."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = os.environ["USERPROFILE"] = home
        sys.stdout.write(json.dumps([alone(edge) if napari_alone else row(edge)]) + "\n")
        sys.stdout.flush()
        os._exit(0)


class Blocks:
    """Levels of a mosaic of generated nuclei, by Dask, and the blocks that the plugin computed.

    Parameters
    ----------
    edge : int
        Of the finest level.
    """

    def __init__(self, edge: int) -> None:
        from napari_spatial_embeddings.samples import nuclei

        self.edge, self._tile = edge, nuclei(size=512).image[0].astype(np.uint16)
        self.in_main_thread = 0

    def levels(self) -> list[Any]:
        """Return the levels, the finest first, until one is no longer than 1024 pixels."""
        levels, n = [self._level(0)], self.edge
        while n > 1024:
            n //= 2
            levels.append(self._level(len(levels)))
        return levels

    def _level(self, level: int) -> Any:
        import dask.array

        n = self.edge >> level
        chunks = tuple(CHUNK for _ in range(n // CHUNK)) + ((n % CHUNK,) if n % CHUNK else ())
        return dask.array.map_blocks(  # type: ignore[no-untyped-call]
            lambda block_info: self._block(level, block_info[None]["array-location"]),
            chunks=(chunks, chunks),
            dtype=np.uint16,
            meta=np.empty((0, 0), np.uint16),
        )

    def _block(self, level: int, where: Any) -> NDArray[np.uint16]:
        main = threading.current_thread() is threading.main_thread()
        self.in_main_thread += main and not _napari_reads()
        rows, columns = (((np.arange(*ends) << level) % 512) for ends in where)
        return self._tile[np.ix_(rows, columns)]


def _napari_reads() -> bool:
    """Whether the innermost of napari and the plugin on the stack is napari."""
    frame = sys._getframe(1)
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in ("napari", "napari_spatial_embeddings"):
            return package == "napari"
        frame = frame.f_back  # type: ignore[assignment]
    return False


def shown(edge: int) -> tuple[Any, Any, Blocks]:
    """Return a window, the lazy image in it, and its blocks."""
    import dask
    import napari

    dask.config.set(scheduler="threads")
    blocks = Blocks(edge)
    viewer = napari.Viewer()
    viewer.window._qt_window.resize(1280, 800)
    levels = blocks.levels()
    data = levels if len(levels) > 1 else levels[0]
    options: dict[str, Any] = {"multiscale": len(levels) > 1, "contrast_limits": (0, 4000)}
    return viewer, viewer.add_image(data, name="slide", **options), blocks


def look(viewer: Any, edge: int, watch: Watch) -> None:
    """Go to the image's middle, where a pixel of it is 1.5 on the screen, and pause."""
    eye = getattr(viewer, "scene", viewer).camera
    eye.center, eye.zoom = (0, edge // 2, edge // 2), 1.5
    watch.settle()
    time.sleep(PAUSE)
    watch.settle()


def alone(edge: int) -> Row:
    """Have napari add the first layer of labels, ready to paint; return seconds at a stretch."""
    viewer, _, _ = shown(edge)
    watch = Watch(lambda: True)
    look(viewer, edge, watch)
    return {"alone": _longest(watch, lambda: _paint_in_plain(viewer, min(edge, VIEW)))}


def row(edge: int) -> Row:
    """Open the dock on a lazy image, and draw; return seconds, of actions the longest stretch."""
    viewer, layer, blocks = shown(edge)
    still = Watch(lambda: True)
    still.settle()
    start = time.perf_counter()
    _, dock = viewer.window.add_plugin_dock_widget(
        "napari-spatial-embeddings", "Spatial Embeddings"
    )
    still.turn()
    opens = time.perf_counter() - start
    watch = Watch(lambda: bool(dock.idle) and not dock.model_suggestion.busy)
    found = {"opens": opens, "first": _longest(watch, lambda: dock.images.choose(layer))}
    look(viewer, edge, watch)
    found["draw"] = _longest(watch, _button(dock, "Annotate").click)
    labels = viewer.layers.selection.active
    at = np.round(labels.world_to_data((edge // 2, edge // 2))).astype(int)
    strokes = [lambda k=k: labels.paint(at + 30 * k, k + 1) for k in range(3)]
    found["stroke"] = max(_longest(watch, stroke) for stroke in strokes)
    found["undo"] = _longest(watch, labels.undo)
    return {**found, "blocks": blocks.in_main_thread}


def _button(dock: Any, text: str) -> Any:
    from qtpy.QtWidgets import QPushButton

    return next(one for one in dock.findChildren(QPushButton) if one.text() == text)


def _paint_in_plain(viewer: Any, edge: int) -> None:
    viewer.add_labels(np.zeros((edge, edge), np.int32)).mode = "paint"


def _longest(watch: Watch, work: Callable[[], object]) -> float:
    busy: Busy = watch.busy(work)
    return busy[1]


if __name__ == "__main__":
    main(int(sys.argv[1]), napari_alone=ALONE in sys.argv)
