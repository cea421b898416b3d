"""The project's folder: created when there is something to save, opened, and left."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers import tags
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.dialogs import Dialogs
from napari_spatial_embeddings.plugin.state.session import Session

from .autosave import Autosave
from .images import ImageController
from .open_images.recognition import same_path

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import Project

PROJECTS_FOLDER = "spatial-embeddings"
"""Where projects are created, under the user's home."""

_OPEN: WeakSet[ProjectController] = WeakSet()
"""Those of all windows: a project is open in one of them."""


class ProjectController(QObject):
    """Creates, opens and leaves the session's project.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    autosave : Autosave
    images : ImageController

    Attributes
    ----------
    autosave : Autosave
        Writes into it.
    dialogs : Dialogs
        How the user is asked for files.
    """

    opened = Signal(list)
    """A project was opened; the image layers of the one before that stay in the viewer."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        autosave: Autosave,
        images: ImageController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self.autosave, self._images = autosave, images
        self.dialogs = Dialogs()
        self._connections = Connections()
        self._connections.add(images.arrived, self.follow_layer)
        _OPEN.add(self)

    def close(self) -> None:
        """Let other windows open the project."""
        _OPEN.discard(self)
        self._connections.close()

    def default_folder(self) -> Path:
        """Return where a project is created if the user chooses no other place."""
        layer = self._images.large or self._images.layer
        name = re.sub(r'[\\/:*?"<>|\s]+', " ", layer.name if layer is not None else "").strip(" .")
        today = dt.datetime.now().astimezone().strftime("%Y-%m-%d")
        base = Path.home() / PROJECTS_FOLDER / f"{name[:60] or 'project'} {today}"
        folder, n = base, 1
        while folder.exists():
            n += 1
            folder = base.with_name(f"{base.name} {n}")
        return folder

    def ensure(self) -> Project:
        """Return the project; it is created if there is none.

        Raises
        ------
        InputError, Failure
            If its folder cannot be written.
        """
        return self._session.project or self._create(self.default_folder())

    def create(self, folder: Path) -> None:
        """Create a project: what was in none yet is saved in it; else it is empty.

        Raises
        ------
        InputError, Failure
            If its folder cannot be written, or holds a project.
        """
        if self._session.project is None:
            self._create(folder)
            self.autosave.schedule()
            return
        self.autosave.flush()
        self._leave()
        project = self._new(folder)
        self._session.set_project(project)
        self._images.changed.emit()
        self._session.say(f"New, empty project: {project.folder}")

    def open(self, folder: Path) -> None:
        """Open a project.

        Raises
        ------
        InputError, Failure
            If it cannot be read, or is open in another window.
        """
        from napari_spatial_embeddings.project import Project

        project = Project.open(folder)
        if any(other is not self and other.is_open(project.folder) for other in _OPEN):
            raise InputError(f"{project.folder} is open in another window; close it there first")
        self.autosave.flush()
        left = self._leave(project.folder)
        self._session.set_project(project)
        self._session.say("")
        self.opened.emit(left)

    def is_open(self, folder: Path) -> bool:
        """Return whether this is the folder of the project."""
        project = self._session.project
        return project is not None and same_path(project.folder, folder)

    def follow_layer(self, layer: Layer) -> None:
        """Open the project that a layer belongs to, unless it is open."""
        tag = tags.tag_of(layer)
        if tag is not None and tag.project and not self.is_open(Path(tag.project)):
            folder = Path(tag.project)
            # Its other layers are still to come.
            QTimer.singleShot(0, self, lambda: self._follow(folder))

    def _follow(self, folder: Path) -> None:
        if not self.is_open(folder):
            with self._session.errors_as_messages():
                self.open(folder)

    def _create(self, folder: Path) -> Project:
        project = self._new(folder)
        self._session.save_in(project)
        return project

    def _new(self, folder: Path) -> Project:
        from napari_spatial_embeddings.project import Project

        return Project.create(folder, **self._session.project_fields())

    def _leave(self, arriving: Path | None = None) -> list[Layer]:
        """Remove the plugin's layers; images stay, but belong to no project.

        What belongs to the images of the project that is arriving stays as well.

        Returns
        -------
        list of layers
            The images that stay.
        """
        if self.autosave.problem:
            raise InputError(
                f"annotations are not saved yet: {self.autosave.problem}; solve this first"
            )
        self._session.set_image(None)
        staying = {
            tag.image
            for layer in self._images.layers()
            if (tag := tags.tag_of(layer)) is not None
            and arriving is not None
            and tag.project
            and same_path(Path(tag.project), arriving)
        }
        left = []
        for key in [key for key in self._session.images if key not in staying]:
            left.append(self._session.images[key].layer)
            self._images.forget(key)
        for layer in list(self._viewer.layers):  # of images that are gone
            if tags.tag_of(layer) is not None and tags.image_key(layer) not in staying:
                self._viewer.layers.remove(layer)
        return left
