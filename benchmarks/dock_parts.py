"""The parts of the dock widget that are measured, by their names of today or of version 0.1.0.

So that today's plugin can be compared with that version.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any

PACKAGE = "napari_spatial_embeddings"


def name_former_modules() -> None:
    """Let `cases` find the modules of version 0.1.0, which had no folder for them."""
    with suppress(ImportError):
        sys.modules[f"{PACKAGE}.core.maps"] = importlib.import_module(f"{PACKAGE}.maps")
        sys.modules[f"{PACKAGE}.core"] = ModuleType(f"{PACKAGE}.core")


class DockParts:
    """Owners of what is measured.

    Parameters
    ----------
    dock : SpatialEmbeddingsWidget
    """

    def __init__(self, dock: Any) -> None:
        self.session = dock.session
        steps = {step.title: step for step in dock.steps}
        self.train, self.device = steps["Train"], steps["Train"].device
        steps["Predict and tune"].set_open(True)  # which makes the sliders
        self.sliders = steps["Predict and tune"].sliders
        self.margin = "margin_factor" if hasattr(dock, "images") else "margin"
        if hasattr(dock, "images"):
            self.choose, self.save_now = dock.images.choose, dock.autosave.save_now
            self.use_layer = dock.object_import.use_layer
            self.prediction, self.reclustering = dock.prediction, dock.reclustering
            self.results, self.training = dock.results, dock.training
        else:
            workspace = dock.workspace
            self.choose, self.save_now = workspace.choose, workspace.save_now
            self.use_layer = steps["Annotate"].drawing.take
            self.prediction, self.results = workspace.predictor, workspace.results
            self.reclustering = steps["Predict and tune"].reclustering
            self.training = steps["Train"].run

    def set_maps(self, maps: Any) -> None:
        """Publish maps of the current image, and cluster them."""
        try:
            segmentation = importlib.import_module(f"{PACKAGE}.inference.segmentation")
        except ImportError:
            clustering = importlib.import_module(f"{PACKAGE}.clustering").Clustering(maps)
            session = importlib.import_module(f"{PACKAGE}.session")
            result = session.Result(maps, clustering, ("object",))
        else:
            clustering = importlib.import_module(f"{PACKAGE}.core.clustering").Clustering(maps)
            settings = self.session.clustering
            result = segmentation.Segmentation(
                maps,
                clustering,
                clustering(settings),
                settings,
                corrections=None,
                classes=("object",),
                model="",
                card=None,
            )
        self.session.set_result(self.session.image, result)

    @property
    def clustered(self) -> bool:
        """Whether the current image is clustered with the newest settings."""
        result = self.session.result
        return result is not None and result.instances is not None and not self.reclustering.busy
