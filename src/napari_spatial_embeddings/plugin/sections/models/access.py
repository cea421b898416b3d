"""Ways to the models: entries of lists that open the window of models, and drops on the dock."""

from __future__ import annotations

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from napari_spatial_embeddings.plugin.controllers.project import ProjectController
from napari_spatial_embeddings.plugin.controllers.sharing.models import ModelLibrary
from napari_spatial_embeddings.plugin.sections.image_list import ImageList
from napari_spatial_embeddings.plugin.sections.model_combo import ModelCombo
from napari_spatial_embeddings.plugin.state.session import Session

from .drop import ModelDrop
from .manager import ModelManager


class ModelAccess(QObject):
    """Opens the window of models, once, and takes models that are dropped.

    Parameters
    ----------
    session : Session
    models : ModelLibrary
    project : ProjectController
        Its dialogs ask.
    shown : two ModelCombos and an ImageList
    dock : QWidget

    Attributes
    ----------
    window : ModelManager, optional
        The window, while it is open.
    """

    def __init__(
        self,
        session: Session,
        models: ModelLibrary,
        project: ProjectController,
        shown: tuple[ModelCombo, ModelCombo, ImageList],
        dock: QWidget,
    ) -> None:
        super().__init__(dock)
        self._session, self._models, self._project, self._dock = session, models, project, dock
        self.window: ModelManager | None = None
        first, second, images = shown
        images.models_dropped.connect(models.take)
        models.closing.connect(self.close_down)
        for combo in (first, second):
            combo.managed.connect(self.open)
        for widget in (first, second, dock):
            ModelDrop(widget, models.take)

    def open(self) -> None:
        """Show the window of models."""
        if self.window is None:
            parts = self._session, self._models, self._project.dialogs
            self.window = ModelManager(*parts, self._dock)
            self.window.finished.connect(self._forget)
        self.window.show()
        self.window.raise_()

    def close_down(self) -> None:
        """Close the window."""
        if self.window is not None:
            self.window.close()

    def _forget(self, _result: int) -> None:
        self.window = None
