"""Images whose objects are found, with and without a window, and a hand that clicks on them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from builders import capsules
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.instances import Corrections, Instances
from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.inference.segmentation import Segmentation
from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.annotation_actions import AnnotationActions
from napari_spatial_embeddings.plugin.controllers.correction import CorrectionController
from napari_spatial_embeddings.plugin.controllers.correction_tool import CorrectionTool
from napari_spatial_embeddings.plugin.controllers.explanation import ExplanationController
from napari_spatial_embeddings.plugin.controllers.export import ExportController
from napari_spatial_embeddings.plugin.controllers.proposing.click_tool import ClickTool
from napari_spatial_embeddings.plugin.controllers.proposing.dots import DotImport
from napari_spatial_embeddings.plugin.controllers.proposing.review import ObjectReview
from napari_spatial_embeddings.plugin.controllers.proposing.start_maps import StartMaps
from napari_spatial_embeddings.plugin.controllers.tools.following_frames import FollowingFrames
from napari_spatial_embeddings.plugin.controllers.tools.object_import import ObjectImport
from napari_spatial_embeddings.plugin.controllers.tracking.link_storage import LinkStorage
from napari_spatial_embeddings.plugin.controllers.tracking.link_tool import LinkTool
from napari_spatial_embeddings.plugin.controllers.tracking.linking import LinkingController
from napari_spatial_embeddings.plugin.controllers.tracking.series_choice import SeriesChoice
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.locked import LockedOutlines
from napari_spatial_embeddings.plugin.layers.pointer import pixel_of
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.plugin.layers.visibility import AnnotationHider
from napari_spatial_embeddings.plugin.layers.world import to_world
from napari_spatial_embeddings.plugin.qt.collapsible import Collapsible
from plugin.fake_results import Bench
from plugin.robot_actions import open_dock

LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier

Section = TypeVar("Section", bound=QWidget)


class EditorBench(Bench):
    """All controllers that concern results, with a viewer that has no window."""

    def __init__(self, qtbot: QtBot) -> None:
        super().__init__(qtbot)
        viewer, session, parent = self.viewer, self.session, self.parent
        self.annotation = AnnotationController(
            viewer, session, self.autosave, self.images, self.project_images, parent
        )
        self.annotation_actions = AnnotationActions(
            viewer, session, self.images, self.project_images, self.annotation
        )
        self.object_import = ObjectImport(viewer, session, self.annotation, self.annotation_actions)
        self.start_maps = StartMaps(viewer, session, self.images, self.prediction, parent)
        drawn = viewer, session, self.annotation, self.annotation_actions, self.start_maps
        self.click_tool, self.dots = ClickTool(*drawn, parent), DotImport(*drawn, parent)
        self.correction = CorrectionController(session, self.autosave, self.project_images, parent)
        self.annotation_hider = AnnotationHider(viewer, session, parent)
        self.correction_tool = CorrectionTool(
            viewer, session, self.annotation_hider, self.correction, parent
        )
        self.review = ObjectReview(
            viewer, session, self.images, self.correction, self.correction_tool, parent
        )
        self.locked_outlines = LockedOutlines(viewer, session, parent)
        self.explanation = ExplanationController(viewer, session, self.annotation_hider, parent)
        self.series = SeriesChoice(viewer, parent)
        stored = LinkStorage(session, self.autosave, self.project, self.series, parent)
        self.linking = LinkingController(viewer, session, self.series, stored, parent)
        self.link_tool = LinkTool(viewer, session, self.annotation_hider, self.linking, parent)
        self.following = FollowingFrames(
            viewer,
            session,
            self.images,
            self.correction,
            self.linking,
            self.object_import,
            parent,
        )
        self.export = ExportController(
            viewer,
            session,
            self.images,
            self.project_images,
            self.prediction,
            self.linking,
            parent,
        )

    def close(self) -> None:
        """Close as the dock does."""
        self.autosave.flush()
        for controller in (
            self.export,
            self.following,
            self.link_tool,
            self.linking,
            self.series,
            self.explanation,
            self.locked_outlines,
            self.review,
            self.correction_tool,
            self.annotation_hider,
            self.correction,
            self.dots,
            self.click_tool,
            self.start_maps,
            self.object_import,
            self.annotation,
        ):
            controller.close()
        super().close()


Rig = EditorBench | SpatialEmbeddingsWidget


def maps_of(labels: NDArray[np.int32], seed: int = 0, classes: int = 1) -> EmbeddingMaps:
    """Return maps that a good network might give: surest in the middle, a little off."""
    kinds = {int(i): int(i) % classes for i in np.unique(labels)}
    ideal = ideal_maps(labels, classes=kinds, n_classes=classes, sigma=2.5)
    rng = np.random.default_rng(seed)
    inside = np.sqrt((ideal.offsets**2).sum(0))
    sure = (1 - 0.08 * inside).clip(0.45, 1) * (labels > 0)
    sure = sure - 0.001 * labels  # no two objects are equally sure
    offsets = ideal.offsets + rng.normal(0, 0.3, ideal.offsets.shape).astype(np.float32)
    return EmbeddingMaps(
        offsets, ideal.sigma, (ideal.seed * sure).astype(np.float32), ideal.spacing
    )


@dataclass
class Scene:
    """An image whose objects are found.

    Parameters
    ----------
    rig : EditorBench or dock
    key : str
        Of the image.
    qtbot : QtBot
    """

    rig: Rig
    key: str
    qtbot: QtBot

    @property
    def viewer(self) -> ViewerModel:
        return self.rig.viewer

    @property
    def result(self) -> Segmentation:
        return self.rig.session.results[self.key]

    @property
    def instances(self) -> Instances:
        return self.result.instances

    @property
    def corrections(self) -> Corrections:
        assert self.result.corrections is not None
        return self.result.corrections

    @property
    def layer(self) -> Labels:
        layer = find_layer(self.viewer, "instances", self.key)
        assert isinstance(layer, Labels)
        return layer

    def until(self, condition: Any) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=300_000)

    def wait(self) -> None:
        """Wait until the objects are up to date with settings and corrections."""
        rig = self.rig
        parts = (rig.reclustering, rig.correction, rig.results, rig.locked_outlines)
        self.until(lambda: not any(part.busy for part in parts))

    def tune(self, **changes: Any) -> None:
        """Move sliders, and wait for the result."""
        self.rig.session.tune(**changes)
        self.wait()

    # ------------------------------------------------------------------ objects

    def some(self, count: int = 1) -> list[int]:
        """Return the labels of objects that lie well inside of the image, the surest first."""
        labels = self.instances.labels
        border = {*np.unique(labels[[0, -1]]), *np.unique(labels[:, [0, -1]])}
        return [int(label) for label in self.instances.ids if label not in border][:count]

    def middle(self, label: int) -> tuple[int, ...]:
        """Return the pixel of an object that is nearest to its centre."""
        at = np.argwhere(self.instances.labels == label)
        return tuple(int(i) for i in at[((at - at.mean(0)) ** 2).sum(1).argmin()])

    def ends(self, label: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the two pixels of an object that are farthest along its longest axis."""
        at = np.argwhere(self.instances.labels == label)
        axis = int(np.ptp(at, axis=0).argmax())
        first, last = at[:, axis].argmin(), at[:, axis].argmax()
        return tuple(at[first].tolist()), tuple(at[last].tolist())

    def empty(self) -> tuple[int, ...]:
        """Return a pixel that is far from every object."""
        from scipy import ndimage as ndi

        away = ndi.distance_transform_edt(self.instances.labels == 0)
        return tuple(int(i) for i in np.unravel_index(away.argmax(), away.shape))

    # --------------------------------------------------------------------- tools

    def use(self, tool: str, *pixels: Sequence[float]) -> None:
        """Click on pixels with a tool as the canvas reports it, and wait for the result."""
        if self.rig.correction_tool.tool != tool:
            self.rig.correction_tool.use(tool)
        for pixel in pixels:
            self.rig.correction_tool._pointer.clicked.emit(self.layer.data_to_world(pixel))
        self.wait()

    def paint(self, label: int, *pixels: tuple[int, ...]) -> None:
        """Paint a stroke with napari's brush, and wait for the result."""
        with self.layer.block_history():
            for pixel in pixels:
                self.layer.paint(pixel, label)
        self.wait()


@dataclass
class WindowScene(Scene):
    """An image whose objects are found, in a window with the dock."""

    rig: SpatialEmbeddingsWidget

    @property
    def dock(self) -> SpatialEmbeddingsWidget:
        return self.rig

    def section(self, kind: type[Section]) -> Section:
        """Return a section of the dock, with what it has once it was opened."""
        found: Section | None = self.dock.findChild(kind)
        assert found is not None
        if isinstance(found, Collapsible):
            found.ensure_built()
        return found

    @property
    def canvas(self) -> QWidget:
        """The widget that the viewer draws its layers on."""
        every = self.dock.window().findChildren(QWidget)
        return next(w for w in every if type(w).__name__.startswith("CanvasBackend"))

    @property
    def camera(self) -> Any:
        return getattr(self.viewer, "scene", self.viewer).camera

    def spot(self, pixel: Sequence[float]) -> QPoint:
        """Return where a pixel is on the canvas."""
        world = to_world(self.viewer, self.layer, pixel)[-2:]
        away = (world - np.asarray(self.camera.center)[-2:]) * self.camera.zoom
        middle = self.canvas.rect().center()
        spot = QPoint(round(middle.x() + away[1]), round(middle.y() + away[0]))
        assert self.canvas.rect().contains(spot)
        return spot

    def click(self, pixel: Sequence[float]) -> None:
        """Click on a pixel, with a hand that trembles a little."""
        spot = self.spot(pixel)
        QTest.mouseMove(self.canvas, spot)
        QTest.mousePress(self.canvas, LEFT, NO_KEY, spot)
        QTest.mouseMove(self.canvas, spot + QPoint(1, 0))
        QTest.mouseRelease(self.canvas, LEFT, NO_KEY, spot + QPoint(1, 0))
        QApplication.processEvents()

    def drag(self, *pixels: Any) -> None:
        """Press, move along pixels, and let go."""
        spots = [self.spot(pixel) for pixel in pixels]
        QTest.mousePress(self.canvas, LEFT, NO_KEY, spots[0])
        for spot in spots[1:]:
            QTest.mouseMove(self.canvas, spot)
            QApplication.processEvents()
        QTest.mouseRelease(self.canvas, LEFT, NO_KEY, spots[-1])
        QApplication.processEvents()

    def hover(self, pixel: Sequence[float]) -> None:
        """Move the mouse over a pixel, and rest there with a hand that trembles a little."""
        ways = itertools.cycle((0, 1))

        def over() -> bool:
            QTest.mouseMove(self.canvas, self.spot(pixel) + QPoint(next(ways), 0))
            QApplication.processEvents()
            return pixel_of(self.layer, self.viewer.cursor.position) == tuple(pixel)

        self.until(over)

    def key_press(self, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
        """Press a key over the canvas."""
        held = NO_KEY
        for modifier in modifiers:
            held |= modifier
        QTest.keyClick(self.canvas, key, held)
        QApplication.processEvents()


def default_labels() -> NDArray[np.int32]:
    """Return the objects of a scene."""
    return capsules((90, 110), count=14, radius=6, length=6)


def open_image(rig: Rig, labels: NDArray[np.int32], name: str = "cells") -> str:
    """Open an image of objects, choose it, and return its key."""
    image = np.random.default_rng(0).normal(0, 0.1, labels.shape) + (labels > 0)
    layer = rig.viewer.add_image(
        image.astype(np.float32), name=name, scale=(0.5,) * labels.ndim, units="um"
    )
    rig.images.choose(layer)
    assert rig.session.image is not None
    return rig.session.image


def new_scene(
    rig: EditorBench,
    qtbot: QtBot,
    labels: NDArray[np.int32] | None = None,
    classes: int = 1,
    name: str = "cells",
) -> Scene:
    """Open an image whose objects are found, without a window."""
    labels = default_labels() if labels is None else labels
    scene = Scene(rig, open_image(rig, labels, name), qtbot)
    predict(scene, maps_of(labels, classes=classes))
    return scene


def open_scene(
    viewer: Any,
    qtbot: QtBot,
    labels: NDArray[np.int32] | None = None,
    classes: int = 1,
    name: str = "cells",
) -> WindowScene:
    """Open an image whose objects are found, and the dock."""
    labels = default_labels() if labels is None else labels
    dock = open_dock(viewer)
    scene = WindowScene(dock, open_image(dock, labels, name), qtbot)
    predict(scene, maps_of(labels, classes=classes))
    for _ in range(3):  # until every part of the window has its size
        QApplication.processEvents()
    viewer.reset_view()
    viewer.layers.selection.active = scene.layer
    QApplication.processEvents()
    return scene


def predict(scene: Scene, maps: EmbeddingMaps) -> None:
    """Leave in the session what a prediction leaves, and wait."""
    session = scene.rig.session
    old, settings = session.results.get(scene.key), session.clustering
    corrections = None if old is None else old.corrections
    clustering = Clustering(maps, corrections=corrections)
    names = tuple("abcdef"[: len(maps.seed)])
    instances = clustering(settings, like=None if old is None else old.instances)
    result = Segmentation(maps, clustering, instances, settings, corrections, names, "net", {})
    session.set_result(scene.key, result)
    scene.wait()
