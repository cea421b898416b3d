"""Objects that were found, in a viewer, and a hand that clicks on them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from builders import capsules
from napari_spatial_embeddings.core.clustering import Clustering
from napari_spatial_embeddings.core.instances import Corrections, Instances
from napari_spatial_embeddings.core.maps import EmbeddingMaps, ideal_maps
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.layers.pointer import pixel_of
from napari_spatial_embeddings.plugin.sections.correct import CorrectGroup
from napari_spatial_embeddings.plugin.sections.tune import TuneStep
from napari_spatial_embeddings.plugin.session import Result
from plugin.robot_actions import open_dock

LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier

Group = TypeVar("Group", bound=QWidget)


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
    """A dock, and an image whose objects were found."""

    viewer: Viewer
    dock: SpatialEmbeddingsWidget
    key: str
    qtbot: QtBot

    @property
    def result(self) -> Result:
        return self.dock.session.results[self.key]

    @property
    def instances(self) -> Instances:
        assert self.result.instances is not None
        return self.result.instances

    @property
    def corrections(self) -> Corrections:
        assert self.result.corrections is not None
        return self.result.corrections

    @property
    def layer(self) -> Labels:
        layer = _layers.find(self.viewer, "instances", self.key)
        assert isinstance(layer, Labels)
        return layer

    def group(self, kind: type[Group]) -> Group:
        """Return a part of the dock."""
        there: Group | None = self.dock.findChild(kind)
        assert there is not None
        return there

    def until(self, condition: Any) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=30_000)

    def settled(self) -> None:
        """Wait until the objects are what settings and corrections say."""
        step, corrector = self.group(TuneStep), self.group(CorrectGroup).corrector
        self.until(lambda: not (step.reclustering.busy or corrector.busy))

    def tune(self, **changes: Any) -> None:
        """Move sliders, and wait for what comes of it."""
        self.dock.session.tune(**changes)
        self.settled()

    # ------------------------------------------------------------- objects

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

    # ------------------------------------------------------------- the hand

    @property
    def canvas(self) -> QWidget:
        """What the viewer draws its layers on."""
        every = self.dock.window().findChildren(QWidget)
        return next(w for w in every if type(w).__name__.startswith("CanvasBackend"))

    @property
    def camera(self) -> Any:
        return getattr(self.viewer, "scene", self.viewer).camera

    def spot(self, pixel: Sequence[float]) -> QPoint:
        """Return where a pixel is on the canvas."""
        world = np.asarray(self.layer.data_to_world(pixel))[-2:]
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

        def there() -> bool:
            QTest.mouseMove(self.canvas, self.spot(pixel) + QPoint(next(ways), 0))
            QApplication.processEvents()
            return pixel_of(self.layer, self.viewer.cursor.position) == tuple(pixel)

        self.until(there)

    def key_press(self, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
        """Press a key over the canvas."""
        held = NO_KEY
        for modifier in modifiers:
            held |= modifier
        QTest.keyClick(self.canvas, key, held)
        QApplication.processEvents()


def open_scene(
    viewer: Viewer,
    qtbot: QtBot,
    labels: NDArray[np.int32] | None = None,
    classes: int = 1,
    name: str = "cells",
) -> Scene:
    """Open an image whose objects were found, and the dock."""
    if labels is None:
        labels = capsules((90, 110), count=14, radius=6, length=6)
    dock = open_dock(viewer)
    image = np.random.default_rng(0).normal(0, 0.1, labels.shape) + (labels > 0)
    layer = viewer.add_image(
        image.astype(np.float32), name=name, scale=(0.5,) * labels.ndim, units="um"
    )
    dock.workspace.choose(layer)
    key = dock.session.image
    assert key is not None
    scene = Scene(viewer, dock, key, qtbot)
    predict(scene, maps_of(labels, classes=classes))
    for _ in range(3):  # until every part of the window has its size
        QApplication.processEvents()
    viewer.reset_view()
    viewer.layers.selection.active = scene.layer
    QApplication.processEvents()
    return scene


def predict(scene: Scene, maps: EmbeddingMaps) -> None:
    """Leave in the session what a prediction leaves."""
    session = scene.dock.session
    old = session.results.get(scene.key)
    corrections = None if old is None else old.corrections
    clustering = Clustering(maps, corrections=corrections)
    names = tuple("abcdef"[: len(maps.seed)])
    session.set_result(
        scene.key, Result(maps, clustering, names, corrections=corrections, model="net")
    )
    scene.until(lambda: scene.result.instances is not None)
    scene.settled()
