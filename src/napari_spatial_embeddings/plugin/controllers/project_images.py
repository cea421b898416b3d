"""The images of the project: kept in its folder, shown as layers, and taken out of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_spatial_embeddings.files import FileError
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.layers.annotation import add, contents
from napari_spatial_embeddings.project import MissingImage

from .recognition import recognised

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.project import ImageEntry, Project

    from .workspace import Workspace


class ProjectImages:
    """What the project knows of images, and the layers that show them.

    Parameters
    ----------
    workspace : Workspace

    Attributes
    ----------
    copy : bool
        Copy images into the project that could be referred to.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.session, self.viewer = (
            workspace,
            workspace.session,
            workspace.viewer,
        )
        self.copy = False

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
        project = self.workspace.ensure_project()
        if project.card.find(key) is not None:
            self.workspace.write(lambda: work(project))
            return
        layers, axes = self.workspace.stack(key)
        name, source, copy = layers[0].name, layers[0].source.path, self.copy
        source = None if len(layers) > 1 else source
        _layers.mark(layers[0], project=str(project.folder))

        def write() -> None:
            if project.card.find(key) is None:
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

    def entry(self, key: str) -> ImageEntry | None:
        """Return what the project says of an image, if it knows it."""
        project = self.session.project
        return None if project is None else project.card.find(key)

    def __contains__(self, key: str) -> bool:
        return self.entry(key) is not None

    def show(self, key: str) -> None:
        """Make an image the current one; it is opened if it is not in the viewer.

        A person is asked where a missing file is now.
        """
        project = self.session.project
        if project is not None and self.workspace.layer_of(key) is None:
            recognised(self.workspace, project)  # a person may have opened its file meanwhile
            if self.workspace.layer_of(key) is None:
                self._open(project, key)
            else:
                self.show_drawn(key)
        layer = self.workspace.layer_of(key)
        if layer is not None:
            self.workspace.choose(layer)

    def _open(self, project: Project, key: str) -> None:
        try:
            made = contents(project, key)
        except MissingImage as missing:
            if not self._ask_for(project, missing):
                return
            made = contents(project, key)
        for one in made:
            add(self.viewer, one)

    def show_drawn(self, key: str) -> bool:
        """Show what the project knows to be drawn on an image that is in the viewer.

        Returns
        -------
        bool
            Whether there is a layer that objects are drawn in, now.
        """
        if _layers.find(self.viewer, "annotations", key) is None:
            project = self.session.project
            if project is None or project.card.find(key) is None:
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
        if project is not None and project.card.find(key) is not None:
            self.workspace.write(lambda: project.remove_image(key))
            self.workspace.finish()
        self.workspace.images_changed.emit()

    def _ask_for(self, project: Project, missing: MissingImage) -> bool:
        found = self.workspace.storage.dialogs.find_image(missing.path)
        if found is None:
            self.session.say(str(missing), "warning")
            return False
        self.workspace.finish()
        project.locate(missing.key, found)
        self.workspace.images_changed.emit()
        return True


def _add(
    project: Project, key: str, name: str, picture: ImageData, source: str | None, copy: bool
) -> None:
    """Add an image; runs in the thread that writes."""
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
