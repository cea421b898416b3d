"""The project's folder, as the plugin sees it: made when needed, opened, and shown as layers."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from napari.layers import Image, Layer
from qtpy.QtCore import QTimer

from napari_spatial_embeddings.errors import InputError

from . import _layers
from .dialogs import Dialogs

if TYPE_CHECKING:
    from napari_spatial_embeddings.files import Image as Picture
    from napari_spatial_embeddings.project import ImageEntry, Project

    from .workspace import Workspace

HOME = "spatial-embeddings"
"""Where projects are made, under the user's home."""

_OPEN: WeakSet[Storage] = WeakSet()


class Storage:
    """What a workspace keeps, and where.

    Parameters
    ----------
    workspace : Workspace

    Attributes
    ----------
    dialogs : Dialogs
        How people are asked for files.
    copy : bool
        Copy images into the project that could be referred to.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.session, self.viewer = (
            workspace,
            workspace.session,
            workspace.viewer,
        )
        self.dialogs = Dialogs()
        self.copy = False
        _OPEN.add(self)

    def close(self) -> None:
        """Let others open the project."""
        _OPEN.discard(self)

    # ---------------------------------------------------------------- folder

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
        from napari_spatial_embeddings.project import Project

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
        from napari_spatial_embeddings.project import Project

        project = Project.open(folder)
        if any(other is not self and other.keeps(project.folder) for other in _OPEN):
            raise InputError(f"{project.folder} is open in another window; close it there first")
        self.workspace.finish()
        left = self._leave(project.folder)
        self.session.set_project(project)
        self.session.say("")
        there = self._known(project)
        for layer in there:
            self.show_drawn(str(_layers.image_key(layer)))
        self.workspace.images_changed.emit()
        if there:
            self.workspace.choose(there[0])
        elif project.card.images:
            self.show(project.card.images[0].key)
        if self.session.image is not None:
            for layer in left:  # else they would lie over, or show through, what is seen now
                layer.visible = _layers.image_key(layer) == self.session.image

    def _known(self, project: Project) -> list[Image]:
        """Return the layers that show images of a project, also those opened without it."""
        keys = {project.folder / entry.path: entry.key for entry in project.card.images}
        found = []
        for layer in self.workspace.images():
            key, path = _layers.image_key(layer), _layers.source(layer)
            if key is None and path is not None:
                same = (k for file, k in keys.items() if _same(file, path))
                wanted = next(same, None)
                if wanted is None or self.workspace.layer_of(wanted) is not None:
                    continue
                axes = next(iter(_layers.possible_axes(layer)), "")
                key = self.key_for(layer, axes)
                if key == wanted:
                    _layers.mark(layer, role="image", image=key, axes=axes)
            if key in keys.values():
                found.append(layer)
        return found

    def keeps(self, folder: Path) -> bool:
        """Tell whether this is the folder of the project."""
        project = self.session.project
        return project is not None and _same(project.folder, folder)

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
        from napari_spatial_embeddings.project import Project

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
            and _same(Path(home), arriving)
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

    # ---------------------------------------------------------------- images

    def key_for(self, layer: Image, axes: str) -> str:
        """Return the key of the project's image that a layer shows, or a new one."""
        project = self.session.project
        if project is not None and project.card.images and axes:
            from napari_spatial_embeddings.project.sources import fingerprint

            shapes = {entry.shape for entry in project.card.images}
            if _shape(layer, axes) in shapes:
                with self.session.speaking():
                    pixels = _layers.picture([layer], axes).data
                    digest = fingerprint(pixels)
                    for entry in project.card.images:
                        if entry.shape == pixels.shape and entry.fingerprint == digest:
                            return entry.key
        return self._free_key(layer.name)

    def _free_key(self, name: str) -> str:
        from napari_spatial_embeddings.project import Project, ProjectCard

        project = self.session.project or Project(Path(os.devnull), ProjectCard())
        taken = {key for x in self.viewer.layers if (key := _layers.image_key(x))}
        key, n = project.fresh_key(name), 1
        while key in taken:
            n += 1
            key = project.fresh_key(f"{name}-{n}")
        return key

    def keep(self, key: str, work: Callable[[Project], object]) -> None:
        """Queue writing that concerns an image; the image is added to the project first.

        There is a project from then on. If something goes wrong, the person is told.

        Parameters
        ----------
        key : str
        work : callable
            Called in a thread with the project.
        """
        with self.workspace.saving():
            self._keep(key, work)

    def _keep(self, key: str, work: Callable[[Project], object]) -> None:
        project = self.ensure()
        if any(entry.key == key for entry in project.card.images):
            self.workspace.write(lambda: work(project))
            return
        layers, axes = self.workspace.stack(key)
        name, source, copy = layers[0].name, layers[0].source.path, self.copy
        source = None if len(layers) > 1 else source
        _layers.mark(layers[0], project=str(project.folder))

        def write() -> None:
            if not any(entry.key == key for entry in project.card.images):
                _add(project, key, name, _layers.picture(layers, axes), source, copy)
            work(project)

        self.workspace.write(write)

    def measured(self, key: str) -> None:
        """Keep the pixel size of an image that is in the project, if it is another one now."""
        project, layer = self.session.project, self.workspace.layer_of(key)
        axes = _layers.facts(layer)["axes"] if layer is not None else ""
        if project is None or not axes:
            return
        size, unit = _layers.pixel_size(layer, axes)

        def write() -> None:
            images = tuple(
                e.updated(pixel_size=size, unit=unit) if e.key == key else e
                for e in project.card.images
            )
            if images != project.card.images:
                project.update(images=images)

        self.workspace.write(write)

    def entries(self) -> tuple[ImageEntry, ...]:
        """Return the project's images."""
        project = self.session.project
        return project.card.images if project is not None else ()

    def show(self, key: str) -> None:
        """Make an image the current one; it is opened if it is not in the viewer.

        A person is asked where a missing file is now.
        """
        from napari_spatial_embeddings.project import MissingImage

        from ._drawn import add, contents

        layer = self.workspace.layer_of(key)
        if layer is None and (project := self.session.project) is not None:
            try:
                made = contents(project, key)
            except MissingImage as missing:
                if not self._ask_for(project, missing):
                    return
                made = contents(project, key)
            for one in made:
                add(self.viewer, one)
            layer = self.workspace.layer_of(key)
        if layer is not None:
            self.workspace.choose(layer)

    def show_drawn(self, key: str) -> bool:
        """Show what the project knows to be drawn on an image that is in the viewer.

        Returns
        -------
        bool
            Whether there is a layer that objects are drawn in, now.
        """
        from ._drawn import add, contents

        if _layers.find(self.viewer, "annotations", key) is None:
            project = self.session.project
            if project is None or all(entry.key != key for entry in project.card.images):
                return False
            self.workspace.finish()
            for one in contents(project, key, image=False):
                one[1].update(self.workspace.place(key))
                add(self.viewer, one)
        return _layers.find(self.viewer, "annotations", key) is not None

    def remove(self, key: str) -> None:
        """Take an image out of the project, with what is drawn on it; its layer stays."""
        if self.session.image == key:
            self.session.set_image(None)
        for layer in list(self.viewer.layers):
            if _layers.image_key(layer) == key and _layers.role(layer) != "image":
                self.viewer.layers.remove(layer)
        self.workspace.finish()  # what was drawn last is written, and the image with it
        project = self.session.project
        layer = self.workspace.layer_of(key)
        if layer is not None:
            layer.metadata.pop(_layers.KEY, None)
        if project is not None and any(entry.key == key for entry in project.card.images):
            self.workspace.write(lambda: project.remove_image(key))
            self.workspace.finish()
        self.workspace.images_changed.emit()

    def _ask_for(self, project: Project, missing: Exception) -> bool:
        key, path = missing.key, missing.path  # type: ignore[attr-defined]
        found = self.dialogs.find_image(path)
        if found is None:
            self.session.say(str(missing), "warning")
            return False
        self.workspace.finish()
        project.locate(key, found)
        self.workspace.images_changed.emit()
        return True


def _add(
    project: Project, key: str, name: str, picture: Picture, source: str | None, copy: bool
) -> None:
    """Add an image; runs in the thread that writes."""
    from napari_spatial_embeddings.files import FileError

    facts: dict[str, Any] = {
        "key": key,
        "name": name,
        "pixel_size": picture.pixel_size,
        "unit": picture.unit,
    }
    if source is not None:
        try:
            project.add_image(source, picture.data, copy=copy, **facts)
        except FileError:  # napari reads more formats than we do
            source = None
    if source is None:
        project.add_image(None, picture.data, **facts)


def _shape(layer: Image, axes: str) -> tuple[int, ...]:
    """Return the shape (C, *S) of the image that a layer shows."""
    shape = layer.data[0].shape if layer.multiscale else layer.data.shape
    if layer.rgb:
        return (3, *shape[:-1])
    return tuple(shape) if "C" in axes else (1, *shape)


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
