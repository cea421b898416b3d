"""Images whose objects are found, without a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

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
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.plugin.layers.visibility import AnnotationHider
from plugin.fake_results import Bench


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
