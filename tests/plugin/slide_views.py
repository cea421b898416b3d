"""A slide in the window, and what a user does at a place of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_spatial_embeddings.config import ClusteringSettings
from napari_spatial_embeddings.plugin.dock import SpatialEmbeddingsWidget
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.plugin.layers.viewport import visible_box
from plugin.robot_actions import press
from slides import EDGE, Slide

Until = Callable[..., None]

PLACE = (20 * 1024 + 300, 30 * 1024 + 300)
"""Where the user looks, in pixels of the slide."""


def add_slide(viewer: Viewer, slide: Slide, **options: Any) -> Image:
    layer = viewer.add_image(
        slide.arrays(), multiscale=True, name="slide", contrast_limits=(0, 3500), **options
    )
    assert isinstance(layer, Image)
    return layer


def look(viewer: Viewer, at: tuple[float, ...] = PLACE, zoom: float = 1.0) -> None:
    camera(viewer).center = (0, *at)
    camera(viewer).zoom = zoom
    QApplication.processEvents()


def seen(viewer: Viewer, layer: Image) -> tuple[tuple[int, int], ...]:
    """Return where the canvas starts and ends, and the step of a view around it."""
    box = visible_box(viewer, layer, "YX")
    return tuple((p.start // 512 * 512, min(-(-p.stop // 512) * 512, EDGE)) for p in box)


def current(dock: SpatialEmbeddingsWidget) -> Image:
    assert dock.images.layer is not None
    return dock.images.layer


def annotate(dock: SpatialEmbeddingsWidget) -> None:
    """Press Annotate, and where that was pressed before, Draw."""
    begun = dock.annotation.strokes(dock.session.image) is not None
    press(dock, "Draw" if begun else "Annotate")
    QTest.qWait(20)  # of a view that is new, the layer is made a turn of the event loop later


def predict(dock: SpatialEmbeddingsWidget, until: Until) -> None:
    dock.session.device = "cpu"
    dock.session.set_model("nuclei-2d", ClusteringSettings())
    press(dock, "This view")
    until(lambda: dock.idle)
