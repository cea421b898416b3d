"""The project's folder, as the plugin sees it: made when needed, opened, and left."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from napari.layers import Layer
from qtpy.QtCore import QTimer

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.qt.dialogs import Dialogs
from napari_spatial_embeddings.project import Project

from .recognition import recognised, same

if TYPE_CHECKING:
    from .workspace import Workspace

HOME = "spatial-embeddings"
"""Where projects are made, under the user's home."""

_OPEN: WeakSet[Storage] = WeakSet()


class Storage:
    """Where a workspace keeps what is made.

    Parameters
    ----------
    workspace : Workspace

    Attributes
    ----------
    dialogs : Dialogs
        How people are asked for files.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.session, self.viewer = (
            workspace,
            workspace.session,
            workspace.viewer,
        )
        self.dialogs = Dialogs()
        _OPEN.add(self)

    def close(self) -> None:
        """Let others open the project."""
        _OPEN.discard(self)

    def default_folder(self) -> Path:
        """Return where a project of what is in the viewer goes, if nobody says otherwise."""
        layer = self.workspace.layer
        name = re.sub(r'[\\/:*?"<>|\s]+', " ", layer.name if layer is not None else "").strip(" .")
        today = dt.datetime.now().astimezone().strftime("%Y-%m-%d")
        base = Path.home() / HOME / f"{name[:60] or 'project'} {today}"
        folder, n = base, 1
        while folder.exists():
            n += 1
            folder = base.with_name(f"{base.name} {n}")
        return folder

    def ensure(self) -> Project:
        """Return the project; it is made if there is none.

        Raises
        ------
        InputError, Failure
            If its folder cannot be written.
        """
        return self.session.project or self._create(self.default_folder())

    def create(self, folder: Path) -> None:
        """Begin a project: what was not in one yet is kept in it; if there is one, it is empty.

        Raises
        ------
        InputError, Failure
            If its folder cannot be written, or holds a project.
        """
        if self.session.project is None:
            self._create(folder)
            self.workspace.touch()
            return
        self.workspace.finish()
        self._leave()
        project = Project.create(folder, **self.session.facts())
        self.session.set_project(project)
        self.workspace.images_changed.emit()
        self.session.say(f"a new project, with nothing in it yet: {project.folder}")

    def open(self, folder: Path) -> None:
        """Open a project, and show its first image, unless one of it is in the viewer.

        Raises
        ------
        InputError, Failure
            If it cannot be read, or is open in another window.
        """
        project = Project.open(folder)
        if any(other is not self and other.keeps(project.folder) for other in _OPEN):
            raise InputError(f"{project.folder} is open in another window; close it there first")
        self.workspace.finish()
        left, images = self._leave(project.folder), self.workspace.project_images
        self.session.set_project(project)
        self.session.say("")
        there = recognised(self.workspace, project)
        for layer in there:
            images.show_drawn(str(_layers.image_key(layer)))
        self.workspace.images_changed.emit()
        if there:
            self.workspace.choose(there[0])
        elif project.card.images:
            images.show(project.card.images[0].key)
        if self.session.image is not None:
            for layer in left:  # else they would lie over, or show through, what is seen now
                layer.visible = _layers.image_key(layer) == self.session.image

    def keeps(self, folder: Path) -> bool:
        """Tell whether this is the folder of the project."""
        project = self.session.project
        return project is not None and same(project.folder, folder)

    def arrived(self, layer: Layer) -> None:
        """See whether a layer that was added belongs to a project, and open that."""
        folder = _layers.facts(layer).get("project")
        if folder and not self.keeps(Path(folder)):
            # Its other layers are still to come.
            QTimer.singleShot(0, self.workspace, lambda: self.follow(Path(folder)))

    def follow(self, folder: Path) -> None:
        """Open a project unless it is open already; what is wrong with it is said."""
        if not self.keeps(folder):
            with self.session.speaking():
                self.open(folder)

    def _create(self, folder: Path) -> Project:
        project = Project.create(folder, **self.session.facts())
        self.session.keep_in(project)
        return project

    def _leave(self, arriving: Path | None = None) -> list[Layer]:
        """Take our layers away; images stay, but are no longer of a project.

        What belongs to the images of the project that is arriving stays as well.

        Returns
        -------
        list of layers
            The images that stay.
        """
        if self.workspace.problem:
            raise InputError(
                f"what you drew is not saved yet: {self.workspace.problem}; make room for it first"
            )
        self.session.set_image(None)
        staying = {
            _layers.image_key(x)
            for x in self.workspace.images()
            if arriving is not None
            and (home := _layers.facts(x).get("project"))
            and same(Path(home), arriving)
        }
        left = []
        for layer in list(self.viewer.layers):
            if not _layers.facts(layer) or _layers.image_key(layer) in staying:
                continue
            if _layers.role(layer) == "image":
                del layer.metadata[_layers.KEY]
                left.append(layer)
            else:
                self.viewer.layers.remove(layer)
        return left
