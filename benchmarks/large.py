"""A large image in the window: how long the main thread is busy, beside napari's own layers.

Both are measured in turn, in one process, on the same data.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from . import display
from .table import Row

VIEW = 400
"""Edge of the part that is predicted, in pixels."""

REPEATS = 5


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

    viewer = napari.Viewer()
    viewer.window._qt_window.resize(1280, 800)
    _, dock = viewer.window.add_plugin_dock_widget(
        "napari-spatial-embeddings", "Spatial Embeddings"
    )
    image = np.random.default_rng(0).integers(0, 255, (edge, edge), np.uint8)
    dock.images.choose(viewer.add_image(image, name="large"))
    work = Work(viewer, dock, edge)
    work.all_once()  # compiles, imports, makes the widgets
    found: dict[str, list[tuple[Busy, Busy]]] = {}
    for _ in range(REPEATS):
        for title, pair in work.all_once().items():
            found.setdefault(title, []).append(pair)
    found["a stroke"] = work.strokes()
    return [row(title, pairs) for title, pairs in found.items()]


def row(title: str, pairs: list[tuple[Busy, Busy]]) -> Row:
    """Return the medians of both, and of how much longer the plugin took."""
    napari, ours = (np.array([pair[k] for pair in pairs]) for k in (0, 1))
    more = np.median(ours[:, 0] - napari[:, 0])
    return {
        "on a large image": title,
        "napari alone": f"{1e3 * np.median(napari[:, 0]):.0f} ms",
        "the plugin": f"{1e3 * np.median(ours[:, 0]):.0f} ms",
        "ratio": f"{np.median(ours[:, 0] / napari[:, 0]):.2f}",
        "above napari's": f"{1e3 * more:.0f} ms",
        "longest without a turn": f"{1e3 * np.median(ours[:, 1]):.0f} ms",
    }


Busy = tuple[float, float]
"""Seconds that the main thread was busy in all, and at a stretch."""


class Work:
    """What a user does, by napari's own means and by the plugin's.

    Parameters
    ----------
    viewer : napari.Viewer
    dock : SpatialEmbeddingsWidget
    edge : int
        Of the image, in pixels.
    """

    def __init__(self, viewer: Any, dock: Any, edge: int) -> None:
        from qtpy.QtWidgets import QApplication

        self.viewer, self.dock, self.shape = viewer, dock, (edge, edge)
        self.turn: Callable[[], None] = QApplication.processEvents
        self.canvas = viewer.window._qt_viewer.canvas.native
        self.results = [self._result(first) for first in (edge // 3, edge // 2)]

    def all_once(self) -> dict[str, tuple[Busy, Busy]]:
        """Do everything once, each thing by napari first; return how long the window was busy."""
        viewer, dock, session = self.viewer, self.dock, self.dock.session
        first, second = (result.instances.labels for result in self.results)
        before, found = list(viewer.layers), {}
        add = self._busy(lambda: viewer.add_labels(np.zeros(self.shape, np.int32), name="plain"))
        self._clear(before)
        found["a layer to draw in"] = add, self._busy(dock.annotation_actions.begin)
        self._clear(before)
        plain = first.copy()
        add = self._busy(lambda: viewer.add_labels(plain, name="plain"))
        again = second.copy()
        change = self._busy(lambda: setattr(viewer.layers["plain"], "data", again))
        self._clear(before)
        ours = self._busy(lambda: session.set_result(session.image, self.results[0]))
        found["objects of a small view"] = add, ours
        ours = self._busy(lambda: session.set_result(session.image, self.results[1]))
        found["objects of another view"] = change, ours
        session.set_result(session.image, None)
        self._clear(before)
        return found

    def strokes(self) -> list[tuple[Busy, Busy]]:
        """Draw strokes in a plain layer, and then in the annotation layer.

        Both layers stay: with software OpenGL, napari 0.9.2 crashes when a layer is added after one
        was removed that the mouse had drawn in.
        """
        plain = self.viewer.add_labels(np.zeros(self.shape, np.int32), name="plain")
        napari = [self._stroke(plain) for _ in range(REPEATS)]
        plain.visible = False
        layer = self.dock.annotation_actions.begin().layer
        self.dock.annotation_actions.use_tool("draw")
        return list(zip(napari, [self._stroke(layer) for _ in range(REPEATS)], strict=True))

    def _stroke(self, layer: Any) -> Busy:
        """Draw a stroke with the mouse."""
        from qtpy.QtCore import QPoint, Qt
        from qtpy.QtTest import QTest

        layer.mode = "paint"
        layer.brush_size = 20
        left, middle = Qt.MouseButton.LeftButton, self.canvas.rect().center()
        points = [middle + QPoint(4 * k, k) for k in range(20)]
        QTest.mouseMove(self.canvas, points[0])

        def draw() -> None:
            QTest.mousePress(self.canvas, left, pos=points[0])
            for point in points[1:]:
                QTest.mouseMove(self.canvas, point)
                self.turn()
            QTest.mouseRelease(self.canvas, left, pos=points[-1])

        self._busy(draw)
        return self._busy(draw)  # the second one: it is compared with the object of the first

    def _busy(self, work: Callable[[], object]) -> Busy:
        """Do something, and let the window live until nothing is under way."""
        gc.collect()
        spent = [self._timed(work)]
        quiet = 0
        while quiet < 5:  # painting takes an event of its own
            spent.append(self._timed(self.turn))
            quiet = quiet + 1 if self.dock.idle else 0
            time.sleep(1e-3)
        return sum(spent), max(spent)

    @staticmethod
    def _timed(work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    def _clear(self, keep: list[Any]) -> None:
        for layer in [x for x in self.viewer.layers if x not in keep]:
            self.viewer.layers.remove(layer)
        self.viewer.layers.selection.active = keep[0]
        self._busy(lambda: None)

    def _result(self, first: int) -> Any:
        """Return what the prediction of a small view leaves: maps of the whole, mostly empty."""
        from napari_spatial_embeddings.core.clustering import Clustering
        from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
        from napari_spatial_embeddings.inference.segmentation import Segmentation

        y, x = np.mgrid[:VIEW, :VIEW]
        inside = (y % 40 > 5) & (x % 40 > 5)
        objects = np.where(inside, y // 40 * 10 + x // 40 + 1, 0).astype(np.int32)
        view = ideal_maps(objects, sigma=4.0)
        maps = EmbeddingMaps(
            np.zeros((2, *self.shape), np.float32),
            np.zeros((1, *self.shape), np.float32),
            np.zeros((1, *self.shape), np.float32),
            (1.0, 1.0),
        )
        at = (slice(None), *(slice(first, first + VIEW),) * 2)
        maps.offsets[at], maps.sigma[at], maps.seed[at] = view.offsets, view.sigma, view.seed
        clustering, settings = Clustering(maps), self.dock.session.clustering
        instances = clustering(settings)
        return Segmentation(maps, clustering, instances, settings, None, ("object",), "", {})


if __name__ == "__main__":
    main(int(sys.argv[1]))
