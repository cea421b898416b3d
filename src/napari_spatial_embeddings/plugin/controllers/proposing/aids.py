"""Aids to annotation that need a model, and no training: clicks and dots."""

from __future__ import annotations

from napari.components import ViewerModel
from qtpy.QtCore import QObject

from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.annotation_actions import AnnotationActions
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.prediction import PredictionController
from napari_spatial_embeddings.plugin.state.session import Session

from .click_tool import ClickTool
from .dots import DotImport
from .start_maps import StartMaps


class AnnotationAids(QObject):
    """The maps of the chosen model, and the two that take objects from them.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    annotation : AnnotationController
    actions : AnnotationActions
    prediction : PredictionController

    Attributes
    ----------
    start : StartMaps
    click : ClickTool
    dots : DotImport
    """

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        annotation: AnnotationController,
        actions: AnnotationActions,
        prediction: PredictionController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.start = StartMaps(viewer, session, images, prediction, self)
        self.click = ClickTool(viewer, session, annotation, actions, self.start, self)
        self.dots = DotImport(viewer, session, annotation, actions, self.start, self)

    def close(self) -> None:
        """Leave the tool, and drop what is under way."""
        self.dots.close()
        self.click.close()
        self.start.close()

    @property
    def busy(self) -> bool:
        """Whether the model is run, or something waits for it."""
        return self.start.busy or self.click.busy or self.dots.busy
