"""Saving of annotations: of those in view, and of frames whose saving failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from napari.components import ViewerModel
from qtpy.QtCore import QObject

from napari_spatial_embeddings.plugin.layers.annotation import annotation_of_frame
from napari_spatial_embeddings.plugin.layers.tags import find_layer
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.save_annotation import write_annotation

from .annotations.annotated_image import AnnotatedImage
from .autosave import Autosave
from .project_images import ProjectImages


class AnnotationSaving(QObject):
    """Queues the writing of what is annotated and not in the project, for `AnnotationController`.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    autosave : Autosave
    project_images : ProjectImages
    annotated : mapping of AnnotatedImage
        Those whose layers are watched, by key.
    pending : callable
        Returns whether a newer count of an image is on its way.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        autosave: Autosave,
        project_images: ProjectImages,
        annotated: Mapping[str, AnnotatedImage],
        pending: Callable[[str], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._autosave = viewer, session, autosave
        self._project_images, self._annotated, self._pending = project_images, annotated, pending
        self._connections = Connections()
        self._connections.add(session.project_changed, self._forget_saved)
        self._connections.add(autosave.saved, self._saved)
        autosave.add_source(self._save)

    def close(self) -> None:
        """Disconnect from the session."""
        self._connections.close()

    def save(self, image: AnnotatedImage) -> None:
        """Queue the writing of an annotation, if it is dirty.

        Neither a layer alone creates a project, nor one that the user did not paint in.
        """
        key, record = image.key, image.record
        wanted = record.edited or self._session.project is not None
        count = record.count
        begun = wanted and (count is None or self._pending(key) or count.any)
        if not record.dirty or not (begun or key in self._project_images):
            return
        if self._project_images.save(key, partial(write_annotation, key, image.annotation())):
            record.saved_revision = record.revision  # until it turns out that it failed

    def _save(self) -> None:
        for image in list(self._annotated.values()):
            self.save(image)
        for record in list(self._session.images.values()):
            if not record.in_view and record.edited and record.dirty:
                self._save_frame(record)

    def _save_frame(self, record: OpenImage) -> None:
        """Queue the writing of a frame out of view, whose last writing failed or went elsewhere."""
        key = record.key
        layer = find_layer(self._viewer, "annotations", record.layers_key)
        if layer is None:
            return
        regions = find_layer(self._viewer, "regions", record.layers_key)
        found = annotation_of_frame(layer, regions, record.frame)
        if self._project_images.save(key, partial(write_annotation, key, found)):
            record.saved_revision = record.revision

    def _saved(self) -> None:
        if self._autosave.problem:
            self._forget_saved()

    def _forget_saved(self) -> None:
        """Have all annotations saved again: in another project, or after a failure."""
        annotated = [image.record for image in self._annotated.values()]
        for record in (*self._session.images.values(), *annotated):
            record.saved_revision = None
