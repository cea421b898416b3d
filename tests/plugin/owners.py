"""The controllers of images, project and annotations, without a window."""

from __future__ import annotations

from dataclasses import dataclass

from napari.components import ViewerModel

from napari_spatial_embeddings.plugin.controllers.annotation import AnnotationController
from napari_spatial_embeddings.plugin.controllers.annotation_actions import AnnotationActions
from napari_spatial_embeddings.plugin.controllers.autosave import Autosave
from napari_spatial_embeddings.plugin.controllers.images import ImageController
from napari_spatial_embeddings.plugin.controllers.project import ProjectController
from napari_spatial_embeddings.plugin.controllers.project_images import ProjectImages
from napari_spatial_embeddings.plugin.controllers.tools.object_import import ObjectImport
from napari_spatial_embeddings.plugin.state.open_image import OpenImage
from napari_spatial_embeddings.plugin.state.session import Session


@dataclass
class Owners:
    """Controllers that are connected as in the dock."""

    viewer: ViewerModel
    session: Session
    images: ImageController
    autosave: Autosave
    project: ProjectController
    project_images: ProjectImages
    annotation: AnnotationController
    actions: AnnotationActions
    imports: ObjectImport
    messages: list[str]

    @property
    def current(self) -> OpenImage:
        """The current image's record."""
        assert self.session.current is not None
        return self.session.current

    def close(self) -> None:
        """Close as the dock does."""
        self.autosave.flush()
        for controller in (
            self.imports,
            self.annotation,
            self.project_images,
            self.autosave,
            self.project,
            self.images,
        ):
            controller.close()


def make_owners(viewer: ViewerModel) -> Owners:
    """Build the controllers for a viewer."""
    session, messages = Session(), list[str]()
    session.message.connect(lambda sentence, _kind: messages.append(sentence))
    images, autosave = ImageController(viewer, session), Autosave(session)
    images.leaving.connect(autosave.save_pending)
    project = ProjectController(viewer, session, autosave, images)
    project_images = ProjectImages(viewer, session, autosave, images, project)
    annotation = AnnotationController(viewer, session, autosave, images, project_images)
    actions = AnnotationActions(viewer, session, images, project_images, annotation)
    imports = ObjectImport(viewer, session, annotation, actions)
    return Owners(
        viewer,
        session,
        images,
        autosave,
        project,
        project_images,
        annotation,
        actions,
        imports,
        messages,
    )
