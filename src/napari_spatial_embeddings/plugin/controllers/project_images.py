"""The images of the project: added to its folder, shown as layers, and removed from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import QObject

from napari_spatial_embeddings.plugin.layers import tags
from napari_spatial_embeddings.plugin.layers.annotation import (
    LayerTuple,
    add_layer,
    project_layers,
    series_annotation_layers,
)
from napari_spatial_embeddings.plugin.layers.image import pixel_size, transform
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.save_image import (
    own_keys,
    replace_series,
)

from .autosave import Autosave
from .images import ImageController
from .open_images.adding import adding, copied_series
from .project import ProjectController

if TYPE_CHECKING:
    from napari_spatial_embeddings.project import ImageEntry, MissingImage, Project

KEPT_OPEN = 10
"""Images opened by the plugin that stay open: each is some layers, and maps that need memory."""

TRIED = 10
"""Images that are tried to be opened in turn, until there is one that can be."""


class ProjectImages(QObject):
    """Adds open images to the project, and opens the project's images.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    autosave : Autosave
    images : ImageController
    project : ProjectController

    Attributes
    ----------
    copy : bool
        Copy images into the project that could be referred to.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        autosave: Autosave,
        images: ImageController,
        project: ProjectController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._autosave, self._images, self._project = autosave, images, project
        self.copy = False
        self._kept: list[str] = []
        self._connections = Connections()
        self._connections.add(project.opened, self._opened)
        self._connections.add(images.moved, self._save_pixel_size)
        self._connections.add(images.replaced, self._save_pixels)
        self._connections.add(images.renamed, self._save_name)

    def close(self) -> None:
        """Disconnect from the other controllers."""
        self._connections.close()

    # ------------------------------------------------------------------ queries

    def entries(self) -> tuple[ImageEntry, ...]:
        """Return the project's images."""
        project = self._session.project
        return project.card.images if project is not None else ()

    def entry(self, key: str) -> ImageEntry | None:
        """Return the project's entry of an image, if it has one."""
        project = self._session.project
        return None if project is None else project.card.find(key)

    def __contains__(self, key: str) -> bool:
        return self.entry(key) is not None

    # ------------------------------------------------------------------- saving

    def save(self, key: str, work: Callable[[Project], object]) -> bool:
        """Queue writing that concerns an image; the image is added to the project first.

        The project is created if there is none. Errors are shown as messages.

        Parameters
        ----------
        key : str
        work : callable
            Called with the project in the thread that writes.

        Returns
        -------
        bool
            Whether it could be queued.
        """
        with self._autosave.errors_as_problems():
            project = self._project.ensure()
            if project.card.find(key) is not None:
                self._autosave.write(lambda: work(project))
                return True
            layers, _ = self._images.channel_layers(key)
            image, record = self._images.image_data(key), self._session.images.get(key)
            tags.update_tag(layers[0], project=str(project.folder))
            add = adding(key, image, record, layers, copy=self.copy)
            if text := copied_series(project, record, layers):
                self._session.say(text, "warning")

            def write() -> None:
                add(project)
                work(project)

            self._autosave.write(write)
            return True
        return False

    def add(self, key: str) -> None:
        """Add an open image to the project, if it is not in it."""
        self.save(key, lambda _project: None)

    def _save_pixel_size(self, key: str) -> None:
        """Save the pixel size of an image that is in the project, if it is another one now."""
        project, layer = self._session.project, self._images.layer_of(key)
        tag = None if layer is None else tags.tag_of(layer)
        if project is None or layer is None or tag is None or not tag.axes:
            return
        size, unit = pixel_size(layer, tag.axes)

        def write() -> None:
            for own in own_keys(project, key):
                project.replace_entry(own, pixel_size=size, unit=unit)

        self._autosave.write(write)

    def _save_name(self, key: str) -> None:
        """Save the name of an image that is in the project: its files are named after it."""
        project, layer = self._session.project, self._images.layer_of(key)
        if project is None or layer is None:
            return
        name = layer.name

        def write() -> None:
            for own in own_keys(project, key):
                frame = project.entry(own).frame
                called = name if frame is None else f"{name}, frame {frame}"
                project.replace_entry(own, name=called)

        self._autosave.write(write)

    def _save_pixels(self, key: str) -> None:
        """Save the pixels of an image that is in the project, as they are other ones now."""
        with self._autosave.errors_as_problems():
            project, image = self._session.project, self._session.images.get(key)
            if image is not None and image.series is not None and project is not None:
                if series := image.series.image:
                    own = image.series.key
                    self._autosave.write(lambda: replace_series(project, own, series))
            elif project is not None and key in self:
                data = self._images.image_data(key).data
                self._autosave.write(lambda: project.replace_pixels(key, data))

    # ------------------------------------------------------------------ showing

    def _opened(self, left: list[Layer]) -> None:
        with self._session.errors_as_messages():  # Qt does not pass on what a slot raises
            self._show_first(left)

    def _show_first(self, left: list[Layer]) -> None:
        """Show the first image of a project, unless one of its images is in the viewer."""
        self._kept = []
        project = self._session.project
        assert project is not None
        there = self._images.recognise(project)
        for layer in there:
            if (key := tags.image_key(layer)) in self._session.images:
                self.show_annotation(str(key))
        self._images.changed.emit()
        if there:
            self._images.choose(there[0])
        else:
            self.show_first([entry.key for entry in project.card.images])
        current = self._images.layer
        if current is not None:
            seen = current, tags.shown_in(self._viewer, current)
            for layer in left:  # else they would lie over, or show through, what is seen now
                layer.visible = layer in seen

    def show_first(self, keys: Sequence[str]) -> bool:
        """Make the first of some images that can be opened the current one.

        Messages give the reason for those before it.

        Returns
        -------
        bool
            Whether there was one.
        """
        for n, key in enumerate(keys[:TRIED]):
            with self._session.errors_as_messages():
                self.show(key, ask=n == 0)
            if self._session.image == key:
                return True
        return False

    def show(self, key: str, *, ask: bool = True) -> None:
        """Make an image the current one; it is opened if it is not in the viewer.

        Parameters
        ----------
        key : str
        ask : bool
            Ask the user where its file is now, if that is missing.
        """
        project = self._session.project
        if project is not None and self._images.layer_of(key) is None:
            self._images.recognise(project)  # the user may have opened its file meanwhile
            if self._images.layer_of(key) is None:
                self._open(project, key, ask=ask)
            else:
                self.show_annotation(key)
        layer = self._images.layer_of(key)
        if layer is not None:
            self._images.choose(layer)
            if (entry := self.entry(key)) is not None and entry.frame is not None:
                self._images.show_frame(entry.frame)
                self.show_annotation(key)
        if key in self._kept:
            self._kept.append(self._kept.pop(self._kept.index(key)))
        self._close_oldest()

    def _close_oldest(self) -> None:
        """Close images that were opened here longest ago, if all of them is in the project."""
        spare = len(self._kept) - KEPT_OPEN
        for key in [k for k in self._kept if k != self._session.image][: max(0, spare)]:
            image = self._session.images.get(key)
            unsaved = image is not None and (
                (image.strokes is not None and image.dirty)
                or image.corrections is not image.saved_corrections
            )
            if unsaved or self._autosave.problem:
                continue
            self._kept.remove(key)
            for layer in list(self._viewer.layers):
                if tags.image_key(layer) == key:
                    self._viewer.layers.remove(layer)

    def _open(self, project: Project, key: str, *, ask: bool) -> None:
        from napari_spatial_embeddings.project import MissingImage

        try:
            layers = project_layers(project, key)
        except MissingImage as missing:
            if not self._locate(project, missing, ask=ask):
                return
            layers = project_layers(project, key)
        self._add_missing(key, layers)
        self._kept.append(key)

    def show_annotation(self, key: str) -> bool:
        """Show what the project has of the annotation of an image that is in the viewer.

        Of a frame of a time series, that of all its frames.

        Returns
        -------
        bool
            Whether there is an annotation layer now.
        """
        image = self._session.images.get(key)
        key, series = (key, None) if image is None else (image.layers_key, image.series)
        if tags.find_layer(self._viewer, "annotations", key) is None:
            self._autosave.flush()  # it may be on its way into the project
            project = self._session.project
            if project is None or not own_keys(project, key):
                return False
            if series is not None:
                where = transform(self._viewer, key, frames=True)
                layers = series_annotation_layers(project, series, where)
            else:
                layers = project_layers(project, key, image=False)
                for _, options, _ in layers:
                    options.update(self._images.transform(key))
            self._add_missing(key, layers)
        return tags.find_layer(self._viewer, "annotations", key) is not None

    def _add_missing(self, key: str, layers: Iterable[LayerTuple]) -> None:
        """Add layers of an image, but for those that are there though others were removed."""
        for layer in layers:
            tag = layer[1]["metadata"][tags.KEY]
            if tags.find_layer(self._viewer, tag.role, key) is None:
                add_layer(self._viewer, layer)

    def remove(self, key: str) -> None:
        """Remove an image from the project, with its annotation; its layer stays.

        Of a frame of a time series, all its frames.
        """
        image = self._session.images.get(key)
        key = key if image is None else image.layers_key
        if self._session.image == key:
            self._session.set_image(None)
        for layer in list(self._viewer.layers):
            if tags.image_key(layer) == key and tags.role_of(layer) != "image":
                self._viewer.layers.remove(layer)
        self._autosave.flush()  # the last strokes are written, and the image with them
        project = self._session.project
        self._images.forget(key)
        if project is not None:
            for own in own_keys(project, key):
                self._autosave.write(partial(project.remove_image, own))
            self._autosave.flush()
        self._images.changed.emit()

    def _locate(self, project: Project, missing: MissingImage, *, ask: bool) -> bool:
        """Ask where the file of an image is now; return whether the user knows."""
        found = self._project.dialogs.find_image(missing.path) if ask else None
        if found is None:
            self._session.say(str(missing), "warning")
            return False
        self._autosave.flush()
        project.locate(missing.key, found)
        self._images.changed.emit()
        return True
