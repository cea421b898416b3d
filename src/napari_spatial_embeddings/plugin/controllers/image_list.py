"""The list of images: those of the project, and those that are open and not in it yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.names import series_key
from napari_spatial_embeddings.plugin.layers import tags
from napari_spatial_embeddings.plugin.layers.opened.file_axes import source_path
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.session import Session

from .autosave import Autosave
from .images import ImageController
from .listing.listed_image import ListedImage
from .listing.project_rows import ProjectRows
from .open_images.recognition import same_path
from .project import ProjectController
from .project_images import TRIED, ProjectImages

if TYPE_CHECKING:
    from napari_spatial_embeddings.core.image_data import ImageData
    from napari_spatial_embeddings.files import Position
    from napari_spatial_embeddings.files.collections.search import FoundImages
    from napari_spatial_embeddings.plugin.tasks.predict import ImageToPredict
    from napari_spatial_embeddings.project import Project


class ListedImages(QObject):
    """Lists the images that are predicted and trained on, and adds files to them.

    Parameters
    ----------
    session : Session
    images : ImageController
    autosave : Autosave
    project : ProjectController
    project_images : ProjectImages
    """

    saved = Signal()
    """What is in the project was written."""
    annotations_dropped = Signal(list)
    """Paths of files that hold annotations of images."""

    def __init__(
        self,
        session: Session,
        images: ImageController,
        autosave: Autosave,
        project: ProjectController,
        project_images: ProjectImages,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._images, self._autosave = session, images, autosave
        self._project, self._project_images = project, project_images
        self._added: list[tuple[list[str], int]] = []
        self._finders: list[Worker] = []
        self._rows = ProjectRows()
        self._connections = Connections()
        self._connections.add(autosave.saved, self._report_added)

    def close(self) -> None:
        """Disconnect from the autosave, and add nothing any more."""
        self._connections.close()
        for finder in self._finders:
            finder.cancel()
        self._finders.clear()

    def all(self) -> list[ListedImage]:
        """Return the images of the project, then the others that are open.

        Layers that are channels of another image are none of their own.
        """
        rows, layers = self._project_rows(), self._images.layers()
        found = list(rows.rows)
        for key, record in self._session.images.items():
            at = rows.places.get(series_key(key))
            if at is not None and record.in_view:
                layer = record.layer
                found[at] = replace(found[at], key=record.key, name=layer.name, layer=layer)
        channels = {i for x in layers if (tag := tags.tag_of(x)) is not None for i in tag.channels}
        for layer in layers:
            key = tags.image_key(layer) or ""
            new = series_key(key) not in rows.places and str(layer.unique_id) not in channels
            if new and not (not key and self._is_file_of_entry(layer)):
                found.append(ListedImage(key, layer.name, layer))
        return found

    def _project_rows(self) -> ProjectRows:
        entries = self._project_images.entries()
        if entries is not self._rows.entries:
            self._rows = ProjectRows.of(entries)
        return self._rows

    def _is_file_of_entry(self, layer: Image) -> bool:
        """Whether a layer shows the file of an image of the project, which is listed already."""
        project, path = self._session.project, source_path(layer)
        if project is None or path is None:
            return False
        like = self._project_rows().files.get(path.name, ())
        return any(same_path(project.folder / own, path) for own in like)

    def choose(self, image: ListedImage) -> None:
        """Make an image the current one; it is opened if it is not in the viewer."""
        if image.layer is not None:
            self._images.choose(image.layer)
        else:
            self._project_images.show(image.key)

    def remove(self, key: str) -> None:
        """Remove an image from the project, with its annotation; its layer stays."""
        self._project_images.remove(key)

    @property
    def folder(self) -> Path:
        """Where files to be added are likely to be: beside the current image."""
        layer = self._images.layer
        path = None if layer is None else source_path(layer)
        return Path.home() if path is None else path.parent

    def step(self, by: int) -> None:
        """Make another image of the list the current one; those that cannot be opened are skipped.

        Parameters
        ----------
        by : int
            1 for the next image, -1 for the one before.

        Raises
        ------
        InputError
            If there is none.
        """
        listed, current = self.all(), self._session.image
        at = [n for n, image in enumerate(listed) if image.has(current)]
        here = at[0] if at else -1 if by > 0 else len(listed)
        if not 0 <= here + by < len(listed):
            raise InputError(f"this is the {'last' if by > 0 else 'first'} image")
        for image in listed[here + by :: by][:TRIED]:
            with self._session.errors_as_messages():
                self.choose(image)
            if self._session.image != current:
                return

    # ------------------------------------------------------------------- adding

    def add(self, paths: Iterable[Path], pattern: str = "*") -> None:
        """Add files, folders and plates to the project; none is read before it is needed.

        The project is created if there is none, and images that were worked on come first in it.
        The first file is opened if no image is chosen. They are searched for in a worker: of each
        TIFF the metadata are read, as several may be parts of one image, or one hold several.

        Parameters
        ----------
        paths : iterable of path
        pattern : str
            As in `files.find_images`.
        """
        from napari_spatial_embeddings.files.collections.search import find

        wanted = list(paths)
        finder = Worker(lambda: find(wanted, pattern), self)
        self._finders.append(finder)
        finder.reported.connect(self._found)
        finder.ended.connect(lambda _last: self._forget(finder))
        finder.failed.connect(lambda problem: self._search_failed(finder, problem))
        finder.start()

    def offer(self, paths: Sequence[Path]) -> None:
        """Add what was dropped or picked; of a folder of files, the user chooses which.

        Files of annotations are no images.
        """
        from napari_spatial_embeddings.files.annotations.sources import may_be_annotations
        from napari_spatial_embeddings.files.collections.search import look, needs_pattern

        if annotations := [path for path in paths if may_be_annotations(path)]:
            self.annotations_dropped.emit(annotations)
            paths = [path for path in paths if path not in annotations]

        with self._session.errors_as_messages():
            folders = [path for path in paths if needs_pattern(path)]
            if others := [path for path in paths if path not in folders]:
                self.add(others)
            for folder in folders:
                self._project.dialogs.which_files(
                    folder, partial(look, folder), partial(self.add, [folder])
                )

    @property
    def busy(self) -> bool:
        """Whether files are being searched for."""
        return bool(self._finders)

    def _forget(self, finder: Worker) -> None:
        self._finders.remove(finder)

    def _search_failed(self, finder: Worker, problem: str) -> None:
        self._forget(finder)
        self._session.say(problem, "error")

    def _found(self, found: FoundImages) -> None:
        if found.images is None:
            if found.count:
                self._session.say(f"Looking for images: {found.count:,} found")
            return
        with self._session.errors_as_messages():
            self._add(found.images)

    def _add(self, found: list[Position]) -> None:
        project = self._project.ensure()
        home = project.folder.resolve()  # results are no images
        found = [one for one in found if home not in one.path.resolve().parents]
        for image in self.all():
            if image.layer is not None and image.key:
                self._to_predict(image)

        def write() -> None:
            before = len(project.card.images)
            keys = [entry.key for entry in project.add_files(found)]
            self._added.append((keys, len(project.card.images) - before))

        self._autosave.write(write)
        if self._session.image is None:  # nothing large is being written
            self._autosave.flush()

    def _report_added(self) -> None:
        """Show what was added, once it is written."""
        self.saved.emit()
        while self._added:
            keys, new = self._added.pop(0)
            known = len(set(keys)) - new
            there = f"; {known} {'was' if known == 1 else 'were'} in it already" if known else ""
            self._session.say(f"Added {plural(new, 'image')} to the project{there}.")
            self._images.changed.emit()
            if self._session.image is None:
                self._project_images.show_first(keys)

    # --------------------------------------------------------------- predicting

    def to_predict(self) -> tuple[Project, list[ImageToPredict], Callable[[], object]]:
        """Have all images in the project, which is created if there is none.

        Returns
        -------
        project : Project
        images : list of ImageToPredict
        added : callable
            Waits, in a worker, until all of them are in the project's folder.

        Raises
        ------
        InputError, Failure
            If there is no image, or the project cannot be created.
        """
        listed = self.all()
        if not listed:
            raise InputError("there is no image yet: open one, or add images under Data")
        project = self._project.ensure()
        images = [self._to_predict(image) for image in listed]
        return project, images, self._autosave.barrier()

    def readers(self) -> list[Callable[[], ImageData]]:
        """Return functions that open the images but the current one, in any thread.

        Those that were not chosen yet, and are not in the project, are left out.
        """
        from napari_spatial_embeddings.project.frames import read_whole

        project, current = self._session.project, self._session.image
        found: list[Callable[[], ImageData]] = []
        for image in self.all():
            if not image.key or image.has(current):
                continue
            record = self._session.images.get(image.key)
            if image.layer is not None and record is not None and record.series is None:
                with suppress(InputError):
                    data = self._images.image_data(image.key)
                    found.append(partial(_as_it_is, data))
            elif project is not None and image.saved:
                found.append(partial(read_whole, project, image.key))
        return found

    def _to_predict(self, image: ListedImage) -> ImageToPredict:
        from napari_spatial_embeddings.plugin.tasks.predict import ImageToPredict

        layer, name = image.layer, image.name
        if layer is None:
            return ImageToPredict(image.key, name, frames=bool(image.frames))
        key = image.id
        try:
            key = self._images.register(layer)
            data = self._images.image_data(key)
            if (series := self._session.images[key].series) is not None:
                source = source_path(layer)
                return ImageToPredict(key, name, series.image, frames=True, source=source)
            if data.large and self._has_no_file(key):
                problem = "it is large and no file of its own: choose it, and press Whole image"
                return ImageToPredict(key, name, problem=problem)
        except InputError as error:
            return ImageToPredict(key, name, problem=str(error))
        self._project_images.add(key)
        return ImageToPredict(key, name, None if data.large else data)

    def _has_no_file(self, key: str) -> bool:
        """Whether no single file has the pixels of an open image, which would be copied."""
        project = self._session.project
        if project is not None and project.card.find(key) is not None:
            return False
        layers, _ = self._images.channel_layers(key)
        return len(layers) != 1 or source_path(layers[0]) is None


def _as_it_is(image: ImageData) -> ImageData:
    return image
