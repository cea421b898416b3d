"""Import of the corrections of all images into their annotations, at once."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.annotation_actions import AnnotationActions
from napari_spatial_embeddings.plugin.controllers.autosave import Autosave
from napari_spatial_embeddings.plugin.qt.workers import Worker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.added_objects import (
    Addition,
    AnnotationState,
    CorrectionCount,
)
from napari_spatial_embeddings.plugin.tasks.all_corrections import (
    Read,
    Stored,
    add_to_layers,
    add_to_project,
    saved,
)


class AllCorrections(QObject):
    """Adds the corrections of all images to their annotations, so that they are trained on.

    Those of images with an annotation layer go into that, with undo; those of the others into the
    project, by the thread that writes it.

    Parameters
    ----------
    session : Session
    autosave : Autosave
    annotation : AnnotationController
    actions : AnnotationActions
        Makes the annotation layer of the current image, if there is none yet.
    """

    _stored = Signal(object)

    def __init__(
        self,
        session: Session,
        autosave: Autosave,
        annotation: AnnotationController,
        actions: AnnotationActions,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._autosave = session, autosave
        self._annotation, self._actions = annotation, actions
        self._worker: Worker | None = None
        self._total = CorrectionCount(0)
        self._names: tuple[str, ...] = ()
        self._sources: dict[str, Read] = {}
        self._others: dict[str, Read] = {}
        self._painted: list[str] = []
        self._stored.connect(self._end)

    def close(self) -> None:
        """Drop what is under way."""
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None

    @property
    def busy(self) -> bool:
        """Whether corrections are being added."""
        return self._worker is not None

    def images(self) -> list[str]:
        """Return the keys of the images that are corrected, open or not."""
        opened, project = self._session.images, self._session.project
        found = [key for key, image in opened.items() if _corrected(image)]
        for entry in () if project is None else project.card.images:
            image = opened.get(entry.key)
            unknown = image is None or not image.corrections_loaded
            if unknown and project is not None and project.corrected(entry.key):
                found.append(entry.key)
        return found

    def add(self) -> None:
        """Add the corrections of all images.

        Raises
        ------
        InputError
            If no image is corrected.
        """
        keys, session = self.images(), self._session
        if not keys:
            raise InputError("nothing is corrected yet: accept, correct or delete some objects")
        if self.busy:
            return
        if session.image in keys:
            self._actions.strokes_in_background()
        self._autosave.save_pending()  # images that were corrected are in the project, or will be
        self._total, self._names = CorrectionCount(0), self._classes()
        self._sources = {key: self._source(key) for key in keys}
        drawn = [key for key in keys if self._annotation.strokes(key) is not None]
        self._others = {key: self._sources[key] for key in keys if key not in drawn}
        self._session.say(f"Looking through {plural(len(keys), 'corrected image')} …")
        self._look_through(drawn)

    def _look_through(self, keys: Sequence[str]) -> None:
        """Have the worker find what is to be added to annotation layers."""
        self._painted = []
        layers = {
            key: (AnnotationState(strokes.labels, strokes.next, strokes.background), read)
            for key, read in self._sources.items()
            if key in keys and (strokes := self._annotation.strokes(key)) is not None
        }
        names = self._names
        self._worker = worker = Worker(lambda: add_to_layers(layers, names), self)
        worker.reported.connect(self._add)
        worker.ended.connect(self._write)
        worker.failed.connect(self._fail)
        worker.start()

    def _classes(self) -> tuple[str, ...]:
        results = self._session.results.values()
        several = (result.classes for result in results if len(result.classes) > 1)
        return next(several, self._session.classes)

    def _source(self, key: str) -> Read:
        image, project = self._session.images.get(key), self._session.project
        if image is not None and image.corrections_loaded and image.corrections is not None:
            corrections, result = image.corrections, image.result
            if result is not None and result.corrections is corrections:
                instances = result.instances
                return lambda: (instances, corrections)
            return lambda: (corrections.instances(), corrections)
        return lambda: None if project is None else saved(project, key)

    def _add(self, report: tuple[str, Addition]) -> None:
        """Add to an annotation layer; where it was painted in meanwhile, look once more."""
        key, new = report
        strokes = self._annotation.strokes(key)
        if self.sender() is not self._worker or strokes is None:
            return  # the annotation was closed
        if not new.fits(strokes.labels, strokes.next):
            self._painted.append(key)
            return
        self._annotation.learn_classes(self._names)
        strokes.add(new.box, new.before, new.after, new.classes)
        self._total += new.count or CorrectionCount(0)

    def _write(self, _last: object) -> None:
        """Add to the annotations that are in the project only."""
        project, others, names = self._session.project, self._others, self._names
        if self.sender() is not self._worker:
            return
        if self._painted:
            self._look_through(self._painted)
            return
        if project is None or not others:
            self._end([])
            return

        def write() -> None:
            found: list[Stored] = []
            try:
                found.extend(add_to_project(project, others, names))
            finally:
                self._stored.emit(found)

        self._autosave.write(write)

    def _end(self, stored: list[Stored]) -> None:
        if self._worker is None:
            return  # the dock was closed
        self._worker, self._sources, self._others = None, {}, {}
        counts = self._annotation.project_counts
        for one in stored:
            counts.set_count(one.key, one.annotated, one.scribbled)
            self._actions.reload_frame(one.key)
            self._total += one.added
        if stored:
            counts.changed.emit()
        total = self._total
        self._session.say(
            total.text if total.any else "All corrections are among the annotations already."
        )

    def _fail(self, problem: str) -> None:
        if self.sender() is self._worker:
            self._worker, self._sources, self._others = None, {}, {}
            self._session.say(problem, "error")


def _corrected(image: OpenImage) -> bool:
    return image.corrections is not None and bool(image.corrections.labels.any())
