"""Following of the camera over a large image: the view that is seen is the current image."""

from __future__ import annotations

from napari.components import ViewerModel
from qtpy.QtCore import QObject, QTimer

from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.annotation_actions import AnnotationActions
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.prediction import PredictionController
from napari_spatial_embeddings.plugin.layers.napari_compat import camera
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

REST_MS = 250
"""Milliseconds that the camera rests before it is followed."""


class ViewFollower(QObject):
    """Goes on in the view that the camera comes to rest at; only from one view to another.

    While a tool of the annotation is on, a view is made where there is none; one that is left with
    nothing done on it is removed.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    annotation : AnnotationController
    actions : AnnotationActions
    prediction : PredictionController
        What is being predicted is not removed.
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
        self._session, self._images = session, images
        self._annotation, self._actions = annotation, actions
        self._prediction = prediction
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._follow)
        self._connections = Connections()
        for name in ("center", "zoom"):
            self._connections.add(getattr(camera(viewer).events, name), self._moved)
        self._connections.add(viewer.dims.events.point, self._moved)

    def close(self) -> None:
        """Disconnect from the viewer."""
        self._rest.stop()
        self._connections.close()

    @property
    def busy(self) -> bool:
        """Whether the camera has just moved."""
        return self._rest.isActive()

    def _moved(self, _event: object) -> None:
        if self._images.whole is not None:
            self._rest.start()

    def _follow(self) -> None:
        if self._images.whole is None or self._images.large is None:
            return
        tool, before = self._annotation.tool, self._session.image
        with self._session.errors_as_messages():
            if self._images.enter_view(all_seen=False, create=bool(tool)) and tool:
                self._actions.use_tool(tool)
                if before is not None and not self._prediction.covers(before):
                    self._images.remove_unused_view(before)
