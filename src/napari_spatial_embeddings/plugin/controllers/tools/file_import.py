"""Import of files of annotations: into the annotations, or as results to correct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from napari.components import ViewerModel
from qtpy.QtCore import QObject

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.annotations.target import Target
from napari_spatial_embeddings.plugin.controllers.annotation_actions import AnnotationActions
from napari_spatial_embeddings.plugin.controllers.correction import CorrectionController
from napari_spatial_embeddings.plugin.controllers.image_list import ListedImages
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.project import ProjectController
from napari_spatial_embeddings.plugin.layers.tags import tag_of
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.qt.workers import LatestWorker
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.importing.annotation import imported
from napari_spatial_embeddings.plugin.tasks.importing.reading import (
    ReadAnnotations,
    ReadRequest,
    counted,
    read_annotations,
)
from napari_spatial_embeddings.plugin.tasks.importing.results import empty_result, lock

from .object_import import ObjectImport
from .series_import import SeriesImport

Purpose = Literal["annotations", "every object", "results"]
"""What imported objects are: annotations, of some or of all objects, or results to correct."""


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """Files that are read for an open image."""

    image: OpenImage
    purpose: Purpose
    read: ReadRequest

    def run(self) -> ReadAnnotations:
        """Read them; runs in a thread."""
        return read_annotations(self.read)


class FileImport(QObject):
    """Adds what other programs annotated to the current image.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    images : ImageController
    project : ProjectController
        Asks for files.
    listed : ListedImages
        Where files are dropped.
    actions : AnnotationActions
    objects : ObjectImport
        Adds objects to an annotation.
    series : SeriesImport
        The same for all frames of a time series.
    correction : CorrectionController
    """

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        images: ImageController,
        project: ProjectController,
        listed: ListedImages,
        actions: AnnotationActions,
        objects: ObjectImport,
        series: SeriesImport,
        correction: CorrectionController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._images = viewer, session, images
        self._project, self._listed, self._actions = project, listed, actions
        self._objects, self._series, self._correction = objects, series, correction
        self._worker = LatestWorker(_Request.run, self)
        self._worker.done.connect(self._take)
        self._worker.failed.connect(partial(session.say, kind="error"))
        self._connections = Connections()
        self._connections.add(listed.annotations_dropped, self._dropped)

    def close(self) -> None:
        """Drop what is under way."""
        self._connections.close()
        self._worker.close()

    @property
    def busy(self) -> bool:
        """Whether a file is being read."""
        return self._worker.busy

    def ask(self, purpose: Purpose) -> None:
        """Ask for files, and import them.

        Raises
        ------
        InputError
            If there is no image to import them for.
        """
        self._check_image()
        if paths := self._project.dialogs.import_files(self._listed.folder):
            self.read(paths, purpose)

    def read(self, paths: Sequence[Path], purpose: Purpose) -> None:
        """Read files in a worker, and add what they hold to the current image.

        Raises
        ------
        InputError
            If there is no image, or it cannot be used; what is found out later is a message.
        """
        record = self._check_image()
        image, series = self._images.image_data(), record.series
        frames = None if series is None else series.frames
        target = Target(
            image.name,
            image.shape,
            frames,
            image.channels,
            image.pixel_size,
            image.unit,
            image.start,
        )
        request = ReadRequest(tuple(paths), target, None if series is None else record.frame)
        self._session.say(f"Reading {paths[0].name} …", holds=lambda: self.busy)
        self._worker.request(_Request(record, purpose, request))

    def _dropped(self, paths: list[Path]) -> None:
        with self._session.errors_as_messages():
            self.read(paths, "annotations")

    def _check_image(self) -> OpenImage:
        record = self._session.current
        if record is None:
            raise InputError("there is no image to import for: open one, and choose it under Data")
        if self._images.problem:
            raise InputError(self._images.problem)
        self._images.enter_view(all_seen=False)
        return self._session.current or record

    # ------------------------------------------------------------------- taking

    def _take(self, request: _Request, found: ReadAnnotations) -> None:
        if self._session.current is not request.image:
            name = request.read.target.name
            self._session.say(f"{found.name} was not imported, as {name} was left", "warning")
            return
        with self._session.errors_as_messages():
            if request.purpose == "results":
                self._correct(request.image, found)
            elif found.frames is not None:
                self._series.use_labels(found.frames.labels, found.frames.classes, found.name)
            else:
                self._annotate(found, complete=request.purpose == "every object")

    def _annotate(self, found: ReadAnnotations, *, complete: bool) -> None:
        strokes = self._actions.begin()
        tag = tag_of(strokes.layer)
        new = found.found
        scribbled = tag is not None and tag.scribbled
        work = partial(
            imported,
            found=new,
            name=found.name,
            class_name=strokes.class_name,
            scribbled=scribbled,
        )

        def added() -> None:
            if new.scribbled != scribbled:
                self._actions.set_scribbled(new.scribbled)
            if complete:
                whole = tuple(slice(0, n) for n in new.labels.shape)
                self._actions.add_region(whole)

        self._objects.add_from_elsewhere(strokes, work, added)

    def _correct(self, image: OpenImage, found: ReadAnnotations) -> None:
        new = found.found
        if new.scribbled:
            raise InputError(f"{found.name} holds points, which are no results to correct")
        if image.result is None:
            named = tuple(dict.fromkeys(new.classes.values()))
            known = self._session.classes
            classes = named if named and not set(named) <= set(known) else known
            assert image.image is not None
            settings = self._session.clustering
            made = empty_result(new, image.image.spacing, classes, settings)
            self._session.set_result(image.key, made)
        assert image.result is not None
        text = counted(new.objects, found.name, "taken as results to correct", new.notes)
        change = partial(lock, found=new, classes=image.result.classes)
        self._correction.do(change, message=text)
