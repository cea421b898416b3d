"""Work on a large image, as a user does it by napari's own means and by the plugin's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .busy import Busy, Pair, Watch

VIEW = 400
"""Edge of the part that is predicted, in pixels."""

CELL = 40
"""Distance of the objects in it, in pixels."""


class Work:
    """What a user does; the window is as it was after each round.

    Parameters
    ----------
    viewer : napari.Viewer
    dock : SpatialEmbeddingsWidget
    edge : int
        Of the image, in pixels.
    """

    def __init__(self, viewer: Any, dock: Any, edge: int) -> None:
        self.viewer, self.dock, self.shape = viewer, dock, (edge, edge)
        self.watch = Watch(lambda: bool(dock.idle))
        self.canvas = viewer.window._qt_viewer.canvas.native
        self.first = edge // 3
        self.results = [self._result(first) for first in (self.first, edge // 2)]
        self._strokes: Any = None

    # ---------------------------------------------------------------- layers

    def layers(self) -> dict[str, Pair]:
        """Add and replace layers, each by napari first."""
        viewer, dock, session, busy = self.viewer, self.dock, self.dock.session, self.watch.busy
        first, second = (result.instances.labels for result in self.results)
        before, found = list(viewer.layers), dict[str, Pair]()
        add = busy(lambda: viewer.add_labels(np.zeros(self.shape, np.int32), name="plain"))
        self._clear(before)
        found["a layer to draw in"] = add, busy(dock.annotation_actions.begin)
        self._clear(before)
        plain, images = first.copy(), self._images()
        add = busy(lambda: viewer.add_labels(plain, name="plain"), *images)
        again = second.copy()
        change = busy(lambda: setattr(viewer.layers["plain"], "data", again))
        self._clear(before)
        ours = busy(lambda: session.set_result(session.image, self.results[0]))
        found["objects and maps of a small view"] = add, ours
        ours = busy(lambda: session.set_result(session.image, self.results[1]))
        found["those of another view"] = change, ours
        session.set_result(session.image, None)
        self._clear(before)
        return found

    def _images(self) -> list[Callable[[], object]]:
        """Return what adds the maps by napari alone, hidden as the plugin's are."""
        maps = self.results[0].maps
        colours = np.zeros((*self.shape, 3), np.uint8)
        add, limits = self.viewer.add_image, (0, 1)
        return [
            lambda: add(maps.seed[0], visible=False, contrast_limits=limits),
            lambda: add(colours, visible=False, rgb=True),
            lambda: add(maps.sigma[0].copy(), visible=False, contrast_limits=limits),
        ]

    # --------------------------------------------------------------- changes

    def changes(self) -> dict[str, Pair]:
        """Correct, tune, hide and annotate objects; napari draws a layer of labels again."""
        viewer, dock, session, busy = self.viewer, self.dock, self.dock.session, self.watch.busy
        before, found = list(viewer.layers), dict[str, Pair]()
        labels = self.results[0].instances.labels
        plain = viewer.add_labels(labels.copy(), name="plain")
        self.watch.settle()
        again = busy(plain.refresh)
        hidden = busy(lambda: setattr(plain, "visible", False))
        shown = busy(lambda: setattr(plain, "visible", True))
        viewer.layers.remove(plain)
        add = busy(lambda: viewer.add_labels(labels.copy(), name="plain"))
        self._clear(before)

        session.set_result(session.image, self.results[0])
        self.watch.settle()
        # Among the same layers: when one is removed, napari collects all garbage of the process.
        marks: list[Any] = []
        mark = busy(lambda: marks.append(viewer.add_points([[self.first, self.first]])))
        unmark = busy(lambda: viewer.layers.remove(marks[0]))
        tool, actions = dock.correction_tool, dock._actions()
        tool.use("accept")
        found["the first locked object, and its outline"] = add, self._click((20, 20))
        tool.use("delete")
        found["an object is deleted"] = again, self._click((60, 20))
        tool.use("split")
        found["the first of two clicks"] = mark, self._click((100, 10))
        found["the second, which splits"] = again, self._click((100, 36))
        found["the tool is left"] = unmark, busy(tool.leave)
        tool.use("merge")
        for place in ((140, 20), (140, 60), (140, 20)):  # they do not touch: it asks once more
            self._click(place)
        found["two objects are merged"] = again, self._click((140, 60))
        tool.leave()
        found["a correction is undone"] = again, busy(dock.correction.undo)
        found["a step of a slider"] = again, busy(lambda: session.tune(min_size=30))
        found["objects are hidden"] = hidden, busy(actions["Instances"])
        found["objects are shown"] = shown, busy(actions["Instances"])
        dock.annotation_actions.begin()
        self.watch.settle()
        ours = busy(dock.object_import.use_corrections)
        found["corrections used as annotation"] = again, ours
        found["annotations are hidden"] = hidden, busy(actions["Annotations"])
        found["annotations are shown"] = shown, busy(actions["Annotations"])
        theirs = viewer.add_labels(self.results[1].instances.labels.copy(), name="theirs")
        self.watch.settle()
        ours = busy(lambda: dock.object_import.use_layer(theirs))
        found["another layer used as annotation"] = again, ours
        folder = Path(tempfile.mkdtemp())
        ours = busy(lambda: dock.export.export_current(folder, ("labels", "objects", "overlay")))
        found["labels, table and picture are exported"] = None, ours
        session.tune(min_size=20)
        self._forget(before)
        return found

    def _click(self, place: tuple[int, int]) -> Busy:
        """Click with the correction tool, as the canvas reports it."""
        layer = self.viewer.layers["large · instances"]
        at = layer.data_to_world(np.add(place, self.first))
        return self.watch.busy(lambda: self.dock.correction_tool._pointer.clicked.emit(at))

    # --------------------------------------------------------------- strokes

    def stroke(self) -> Pair:
        """Draw a stroke in a plain layer, and then in the annotation layer.

        Both layers stay: with software OpenGL, napari 0.9.2 crashes when a layer is added after one
        was removed that the mouse had drawn in.
        """
        if self._strokes is None:
            plain = self.viewer.add_labels(np.zeros(self.shape, np.int32), name="plain")
            self._strokes = plain, self.dock.annotation_actions.begin().layer
        plain, layer = self._strokes
        layer.visible, plain.visible = False, True
        self.viewer.layers.selection.active = plain
        napari = self._draw(plain)
        plain.visible, layer.visible = False, True
        self.dock.annotation_actions.use_tool("draw")
        return napari, self._draw(layer)

    def _draw(self, layer: Any) -> Busy:
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
                self.watch.turn()
            QTest.mouseRelease(self.canvas, left, pos=points[-1])

        self.watch.busy(draw)
        return self.watch.busy(draw)  # the second one: it is compared with the object of the first

    # ------------------------------------------------------------------ once

    def once(self) -> dict[str, Pair]:
        """Predict all images, remove the image, and close the dock: there is no way back."""
        from qtpy.QtWidgets import QLabel

        viewer, dock, session, busy = self.viewer, self.dock, self.dock.session, self.watch.busy
        found = dict[str, Pair]()
        session.set_model(_quick_model(), None)
        self.watch.settle()
        busy(dock.prediction.view)  # loads torch and the model
        found["all images, one of them this"] = None, busy(dock.prediction.all_images)
        plain = viewer.add_image(np.zeros(self.shape, np.uint8), name="plain image")
        self.watch.settle()
        remove = viewer.layers.remove
        found["the image is removed"] = (
            busy(lambda: remove(plain)),
            busy(lambda: remove(viewer.layers["large"])),
        )
        window = viewer.window
        other = window.add_dock_widget(QLabel("another dock"), name="another dock")
        self.watch.settle()
        close = window.remove_dock_widget
        closed = busy(lambda: close(other))
        ours = Watch(lambda: True).busy(
            lambda: close(dock.parent())
        )  # it is idle no more, but gone
        found["the dock is closed"] = closed, ours
        return found

    # --------------------------------------------------------------- helpers

    def _clear(self, keep: list[Any]) -> None:
        for layer in [x for x in self.viewer.layers if x not in keep]:
            self.viewer.layers.remove(layer)
        self.viewer.layers.selection.active = keep[0]
        self.watch.settle()

    def _forget(self, keep: list[Any]) -> None:
        """Have nothing found, corrected or annotated; the annotation layer stays."""
        session = self.dock.session
        image = session.images[session.image]
        annotation = image.strokes.layer
        session.set_result(session.image, None)
        annotation.data = np.zeros(self.shape, np.int32)
        self._clear([*keep, *([] if annotation in keep else [annotation])])
        image.corrections = image.outlined = None

    def _result(self, first: int) -> Any:
        """Return what the prediction of a small view leaves: maps of the whole, mostly empty."""
        from napari_spatial_embeddings.core.clustering import Clustering
        from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
        from napari_spatial_embeddings.inference.segmentation import Segmentation

        y, x = np.mgrid[:VIEW, :VIEW]
        inside = (y % CELL > 5) & (x % CELL > 5)
        objects = np.where(inside, y // CELL * (VIEW // CELL) + x // CELL + 1, 0).astype(np.int32)
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


def _quick_model() -> Path:
    """Save a model that was never trained, and is small: what it finds is of no matter here."""
    import torch

    from napari_spatial_embeddings.config import ModelSettings
    from napari_spatial_embeddings.core.network import BranchedNet
    from napari_spatial_embeddings.inference.model import SpatialEmbeddings

    torch.manual_seed(0)
    settings = ModelSettings(ndim=2, spacing=(1.0, 1.0), width=4, levels=2)
    folder = Path(tempfile.mkdtemp()) / "quick"
    SpatialEmbeddings(settings, BranchedNet(settings)).save(folder)
    return folder
