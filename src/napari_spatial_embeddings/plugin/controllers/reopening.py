"""Objects of a project's images, predicted again when the images are opened again."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session

from .autosave import Autosave
from .frame_maps import FrameMaps
from .images import ImageController
from .prediction import PredictionController

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import Project

MAX_WHOLE_PIXELS = 2**23
"""Pixels of an image above which what is in view is predicted: the whole takes longer than some
seconds."""


FRAME_DELAY_MS = 400
"""Milliseconds for which a frame of a time series is in view before it is predicted again."""


class Reopening(QObject):
    """Shows the objects that an image had when its project was last open.

    Maps of single images are large and are not saved; they are predicted again with the project's
    model, and its saved settings and corrections make the same objects of them. So are the objects
    of an image that was predicted as one of all while it was not open.

    Parameters
    ----------
    session : Session
    images : ImageController
    autosave : Autosave
    prediction : PredictionController
    frame_maps : FrameMaps
        Results of frames, which are stored and not predicted again.
    """

    def __init__(
        self,
        session: Session,
        images: ImageController,
        autosave: Autosave,
        prediction: PredictionController,
        frame_maps: FrameMaps,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._images = session, images
        self._autosave, self._prediction = autosave, prediction
        self._frame_maps = frame_maps
        self._tried: set[str] = set()
        self._found: set[str] = set()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._predict)
        self._connections = Connections()
        self._connections.add(session.project_changed, self._follow_project)
        self._connections.add(session.image_changed, self._follow_image)
        self._connections.add(session.model_changed, self._follow_image)
        self._connections.add(session.result_changed, self._follow_result)
        self._connections.add(prediction.ended, self._follow_end)
        self._connections.add(prediction.found, self._follow_found)
        autosave.add_source(self._save)

    def close(self) -> None:
        """Disconnect from the session."""
        self._connections.close()
        self._later.stop()

    @property
    def busy(self) -> bool:
        """Whether a prediction is about to start."""
        return self._later.isActive()

    # ---------------------------------------------------------------- predicting

    def _follow_project(self) -> None:
        self._tried.clear()
        self._found.clear()

    def _follow_image(self) -> None:
        self._tried.intersection_update(self._session.images)  # those that were not closed since
        # Its layers are still being added, and a model may be suggested; or the slider moves on.
        if self._due:
            self._later.start(0 if self._images.series is None else FRAME_DELAY_MS)

    def _follow_end(self, completed: bool) -> None:
        if completed and self._due:
            self._later.start(0)

    @property
    def _due(self) -> bool:
        """Whether the current image had objects, and has none now."""
        image, project = self._session.current, self._session.project
        if image is None or project is None or image.result or image.key in self._tried:
            return False
        entry, found = project.card.find(image.key), image.key in self._found
        return entry is not None and (entry.predicted or found or project.corrected(image.key))

    def _predict(self) -> None:
        session = self._session
        if not self._due or self._prediction.running or session.training.active:
            return
        if self._frame_maps.loading:
            self._later.start(FRAME_DELAY_MS)
            return
        if session.model is None or session.image is None:
            return
        self._tried.add(session.image)
        try:
            large = prod(self._images.image_data().shape) > MAX_WHOLE_PIXELS
        except InputError:
            return  # the image cannot be used any more; to predict it gives the reason
        if large:
            self._prediction.view(asked=False)
        else:
            self._prediction.image(asked=False)

    # -------------------------------------------------------------------- saving

    def _follow_result(self, key: str) -> None:
        project, image = self._session.project, self._session.images.get(key)
        entry = None if project is None else project.card.find(key)
        if entry is not None and image is not None and image.result and not entry.predicted:
            self._autosave.schedule()

    def _follow_found(self, key: str) -> None:
        self._found.add(key)
        self._autosave.schedule()

    def _save(self) -> None:
        project, keys = self._session.project, (*self._session.results, *self._found)
        if project is not None and keys:
            self._autosave.write(lambda: _mark(project, keys))


def _mark(project: Project, keys: tuple[str, ...]) -> None:
    """Note which images have objects; those that are not in the project are passed over."""
    images = tuple(
        entry.updated(predicted=True) if entry.key in keys else entry
        for entry in project.card.images
    )
    if images != project.card.images:
        project.update(images=images)
