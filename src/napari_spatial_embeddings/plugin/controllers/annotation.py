"""Annotations of the open images: watched while they are painted, counted and saved."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from napari.components import ViewerModel
from napari.layers import Labels, Shapes
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.config import BACKGROUND
from napari_spatial_embeddings.core.text import plural
from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.plugin.layers.frames import rename_in_frames
from napari_spatial_embeddings.plugin.layers.strokes import Strokes
from napari_spatial_embeddings.plugin.layers.tags import Role, image_key, tagged
from napari_spatial_embeddings.plugin.qt.connections import Connections
from napari_spatial_embeddings.plugin.state.annotation_count import (
    AnnotationCount,
    AnnotationTotals,
    count,
)
from napari_spatial_embeddings.plugin.state.open_image import OpenImage, Series
from napari_spatial_embeddings.plugin.state.session import Session
from napari_spatial_embeddings.plugin.tasks.save_annotation import rename_class

from .annotation_saving import AnnotationSaving
from .annotations.annotated_image import AnnotatedImage
from .annotations.annotation_counts import OpenCounts, ProjectCounts
from .annotations.tally import Tally
from .autosave import Autosave
from .images import ImageController
from .project_images import ProjectImages


class AnnotationController(QObject):
    """Watches, counts and saves the annotations; keeps the tool and the class that are chosen.

    Owner of the fields of `OpenImage` about annotations.

    Parameters
    ----------
    viewer : ViewerModel
    session : Session
    autosave : Autosave
    images : ImageController
    project_images : ProjectImages

    Attributes
    ----------
    each : bool
        Whether each stroke is a new object.
    class_name : str
        Class of the objects that are painted from now on.
    """

    changed = Signal()
    """Something is annotated or counted, or another tool or class is chosen."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        autosave: Autosave,
        images: ImageController,
        project_images: ProjectImages,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = viewer, session
        self._autosave, self._images, self._project_images = autosave, images, project_images
        self.each, self.class_name = True, session.classes[0]
        self._annotated: dict[str, AnnotatedImage] = {}
        self._classing = False
        self._view: tuple[Any, ...] = ()
        self._counts = OpenCounts(self._snapshot, self)
        self._counts.counted.connect(self._counted)
        self._counts.failed.connect(self._count_failed)
        self.project_counts = ProjectCounts(session, self)
        self.project_counts.changed.connect(self.changed)
        self._tally = Tally(self._annotated, self.project_counts, project_images.entries)
        self._connections = Connections()
        self._connections.add(images.changed, self._sync)
        self._connections.add(images.leaving_frame, self._leave_frame)
        self._connections.add(images.entered_frame, self._watch_layers)
        self._connections.add(session.classes_changed, self._classes_changed)
        self._connections.add(session.image_changed, self._tool_changed)
        self._connections.add(session.result_changed, self._result_changed)
        self._connections.add(viewer.layers.selection.events.active, self._tool_changed)
        self._saving = AnnotationSaving(
            viewer, session, autosave, project_images, self._annotated, self._counts.pending, self
        )
        self._sync()

    def close(self) -> None:
        """Disconnect from the layers."""
        self._connections.close()
        self._saving.close()
        self._counts.close()
        self.project_counts.close()
        for key in list(self._annotated):
            self._detach(key)

    # ------------------------------------------------------------------ queries

    @property
    def busy(self) -> bool:
        """Whether annotations are being counted."""
        return self._counts.busy or self.project_counts.busy

    def strokes(self, key: str | None) -> Strokes | None:
        """Return the strokes on an image; None before there is a layer for them."""
        annotated = self._annotated.get(key) if key else None
        return None if annotated is None else annotated.strokes

    def regions(self, key: str | None) -> Shapes | None:
        """Return the layer of an image's regions; None before there is one."""
        annotated = self._annotated.get(key) if key else None
        return None if annotated is None else annotated.record.regions

    @property
    def tool(self) -> str:
        """The tool in use: draw, background, erase, class, region, or none of them."""
        active = self._viewer.layers.selection.active
        strokes, regions = self.strokes(self._session.image), self.regions(self._session.image)
        if regions is not None and active is regions and regions.mode.startswith("add_"):
            return "region"
        return strokes.tool if strokes is not None and active is strokes.layer else ""

    def count(self, key: str | None) -> AnnotationCount | None:
        """Return how much of an image is annotated, open or not; None while it is unknown."""
        return self._tally.count(key)

    @property
    def totals(self) -> AnnotationTotals:
        """How much is annotated on all images, as far as it is counted."""
        return self._tally.totals

    def frames_annotated(self, series: Series) -> tuple[int, int]:
        """Return on how many frames of a series something is annotated, and the objects there."""
        return self._tally.frames(series)

    # ------------------------------------------------------------------ choices

    def set_each(self, each: bool) -> None:
        """Choose whether each stroke is a new object."""
        self.each = each
        for image in self._annotated.values():
            image.strokes.each = each

    def set_class(self, name: str) -> None:
        """Choose the class of the objects that are painted from now on."""
        self.class_name = name
        for image in self._annotated.values():
            image.strokes.class_name = name
            self._update_colormap(image)  # of the strokes to come
        self.changed.emit()

    def rename_class(self, old: str, new: str) -> None:
        """Give a class another name, wherever it is used.

        Raises
        ------
        InputError
            If the name cannot be used.
        """
        new = new.strip()
        if new == old:
            return
        if not new or new in self._session.classes or new == BACKGROUND:
            raise InputError(f"'{new}' cannot be the name of a class: it is empty or in use")
        for image in self._annotated.values():
            known = image.strokes.classes
            image.strokes.set_classes({k: new for k, name in known.items() if name == old})
            image.record.revision += 1
            rename_in_frames(image.strokes.layer, old, new)
        self.project_counts.rename_class(old, new)
        if self.class_name == old:
            self.set_class(new)
        names = tuple(new if name == old else name for name in self._session.classes)
        self._session.set_classes(names)
        project, annotated = self._session.project, set(self._annotated)
        if project is not None:
            self._autosave.write(partial(rename_class, project, annotated, old, new))

    def remove_class(self, name: str) -> None:
        """Remove a class.

        Raises
        ------
        InputError
            If it is the only one, or objects have it.
        """
        if len(self._session.classes) == 1:
            raise InputError("there must be one class at least")
        used = sum(found.objects.get(name, 0) for _, found in self._tally.all())
        if used:
            raise InputError(
                f"'{name}' is the class of {plural(used, 'object')}; give them another one first"
            )
        self._session.set_classes(tuple(x for x in self._session.classes if x != name))

    def learn_classes(self, names: Collection[str]) -> None:
        """Take over classes that come with a layer."""
        known = self._session.classes
        unused = len(known) == 1 and not any(found.total for _, found in self._tally.all())
        kept = known if not unused or not names or known[0] in names else ()
        new = (*kept, *(name for name in names if name not in kept))
        if new != known:
            self._session.set_classes(new)

    # ------------------------------------------------------------------- layers

    def _leave_frame(self, key: str) -> None:
        """Save the annotation of a frame that goes out of view; it stays in its layers."""
        image = self._annotated.get(key)
        if image is not None:
            if self._counts.pending(key):
                revision, what = image.snapshot(self._session.classes[0])
                image.set_count(revision, count(*what))
            if image.record.edited:
                self._saving.save(image)
            self._classing = image.strokes.classing
            self._detach(key)

    def _sync(self) -> None:
        self._watch_layers()
        self.changed.emit()

    def _watch_layers(self, *_: object) -> None:
        """Watch the annotation layers that are in the viewer now."""
        labels, shapes = self._by_image("annotations"), self._by_image("regions")
        for key, image in list(self._annotated.items()):
            opened = self._session.images.get(key)
            if labels.get(key) is not image.strokes.layer:
                if image.record.edited and opened is not None and image.fits:
                    self._saving.save(image)  # a layer that was deleted comes back as it was
                self._detach(key)
            elif opened not in (None, image.record):
                image.move_to(opened)
        for key in (labels.keys() - self._annotated.keys()) & self._session.images.keys():
            self._attach(self._session.images[key], labels[key])
        for key, image in self._annotated.items():
            if image.set_regions(shapes.get(key)):
                self._counts.request(key)

    def _by_image(self, role: Role) -> dict[str, Any]:
        return {str(image_key(layer)): layer for layer in tagged(self._viewer, role)}

    def _attach(self, record: OpenImage, layer: Labels) -> None:
        key = record.key
        image = self._annotated[key] = AnnotatedImage(record, layer, self)
        image.strokes.each, image.strokes.class_name = self.each, self.class_name
        image.strokes.classing = record.series is not None and self._classing
        image.edited.connect(self._edited)
        image.refreshed.connect(self._refreshed)
        image.tool_changed.connect(self.changed)
        names = dict.fromkeys(image.strokes.classes.values())
        self.learn_classes([name for name in names if name != BACKGROUND])
        self._update_colormap(image)
        self._view = self._in_view()
        if record.series is not None:
            self._take_over_frame(image)
        elif key in self._project_images:
            record.edited, record.saved_revision = False, record.revision
        else:
            record.edited = False
            record.revision += 1  # a sample's, or that of an earlier session
        self._counts.request(key)

    def _take_over_frame(self, image: AnnotatedImage) -> None:
        """Save a frame that comes into view only if something is annotated and not saved."""
        record = image.record
        unsaved = record.edited and record.dirty
        if not unsaved and (record.key in self._project_images or not image.strokes.labels.any()):
            record.saved_revision = record.revision

    def _detach(self, key: str) -> None:
        image = self._annotated.pop(key)
        if image.record.count is not None:
            self.project_counts.set_count(key, image.record.count, image.scribbled)
        image.close()

    def edit(self, key: str) -> None:
        """Note that the user changed the annotation of an image: it is to be counted and saved."""
        self._annotated[key].edit()

    def _edited(self, key: str) -> None:
        self._counts.request(key)
        self._update_colormap(self._annotated[key])
        self._autosave.schedule()
        self.changed.emit()

    def _refreshed(self, key: str) -> None:
        """Count again, unless another slice is in view, for which layers are refreshed as well."""
        before, self._view = self._view, self._in_view()
        if self._view == before:
            self._counts.request(key)

    def _in_view(self) -> tuple[Any, ...]:
        dims = self._viewer.dims
        return dims.current_step, dims.order, dims.ndisplay

    def _tool_changed(self, _event: object = None) -> None:
        self.changed.emit()

    def _classes_changed(self) -> None:
        if self.class_name not in self._session.classes:
            self.set_class(self._session.classes[0])
        for key, image in self._annotated.items():
            self._update_colormap(image)
            self._counts.request(key)
        self.changed.emit()

    def _result_changed(self, key: str) -> None:
        if key in self._annotated:
            self._update_colormap(self._annotated[key])

    def _update_colormap(self, image: AnnotatedImage) -> None:
        image.update_colormap(self._session.classes, self.class_name)

    # ------------------------------------------------------------------- counts

    def _snapshot(self, key: str) -> tuple[int, tuple[Any, ...]] | None:
        image = self._annotated.get(key)
        return None if image is None else image.snapshot(self._session.classes[0])

    def _counted(self, key: str, revision: int, found: AnnotationCount) -> None:
        if key in self._annotated:
            if self._annotated[key].set_count(revision, found):
                self._autosave.schedule()
            self.changed.emit()

    def _count_failed(self, problem: str) -> None:
        self._session.say(problem, "error")
