"""The annotation layers of all images in the viewer: watched, counted and saved."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Shapes
from qtpy.QtCore import QObject, Signal

from napari_spatial_embeddings.errors import InputError
from napari_spatial_embeddings.files.regions import KINDS
from napari_spatial_embeddings.plugin.layers import tags as _layers
from napari_spatial_embeddings.plugin.layers.annotation import drawn
from napari_spatial_embeddings.plugin.layers.class_colormap import Colouring
from napari_spatial_embeddings.plugin.layers.strokes import Strokes
from napari_spatial_embeddings.text import plural
from napari_spatial_embeddings.training.annotation import BACKGROUND

from .annotation_count import Counts, Drawn
from .annotation_saving import Keeping, rename_class

if TYPE_CHECKING:
    from .workspace import Workspace


class AnnotationLayers(QObject):
    """What people draw, on all images.

    Parameters
    ----------
    workspace : Workspace
    """

    changed = Signal()
    """Something is drawn, counted, or another tool is chosen."""

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.workspace, self.session = workspace, workspace.session
        self.counts: dict[str, Drawn] = {}
        self.each, self.class_name = True, self.session.classes[0]
        self._strokes: dict[str, Strokes] = {}
        self._regions: dict[str, Shapes] = {}
        self._colouring: dict[str, Colouring] = {}
        self._keeping = Keeping(workspace.project_images)
        self._seen: tuple[Any, ...] = ()
        self._counting = Counts(self._look, self)
        self._counting.counted.connect(self._counted)
        self._counting.failed.connect(lambda problem: self.session.say(problem, "error"))
        workspace.images_changed.connect(self._sync)
        workspace.at_pause.append(self._save)
        self.session.classes_changed.connect(self._classes_changed)
        self.session.project_changed.connect(self._project_changed)
        self._sync()

    def close(self) -> None:
        """Let go of the layers."""
        self.workspace.images_changed.disconnect(self._sync)
        self.workspace.at_pause.remove(self._save)
        self.session.classes_changed.disconnect(self._classes_changed)
        self.session.project_changed.disconnect(self._project_changed)
        self._counting.close()
        for key in list(self._strokes):
            self._detach(key)
        for key in list(self._regions):
            self._detach_regions(key)

    # ---------------------------------------------------------------- layers

    def strokes(self, key: str | None) -> Strokes | None:
        """Return what numbers the strokes on an image; None before there is a layer for them."""
        return self._strokes.get(key) if key else None

    def regions(self, key: str | None) -> Shapes | None:
        """Return the layer of an image's regions; None before there is one."""
        return self._regions.get(key) if key else None

    def set_each(self, each: bool) -> None:
        """Say whether each stroke is a new object."""
        self.each = each
        for strokes in self._strokes.values():
            strokes.each = each

    def set_class(self, name: str) -> None:
        """Choose the class of the objects that are drawn from now on."""
        self.class_name = name
        for key, strokes in self._strokes.items():
            strokes.class_name = name
            self._colour(key)  # those of the strokes to come
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
        if not new or new in self.session.classes or new == BACKGROUND:
            raise InputError(f"'{new}' cannot be the name of a class: it is empty or in use")
        for key, strokes in self._strokes.items():
            for label, name in strokes.classes.items():
                if name == old:
                    strokes.classes[label] = new
            self._keeping.changed(key)
        if self.class_name == old:
            self.set_class(new)
        names = tuple(new if name == old else name for name in self.session.classes)
        self.session.set_classes(names)
        project, open_now = self.session.project, set(self._strokes)
        if project is not None:
            self.workspace.write(partial(rename_class, project, open_now, old, new))

    def remove_class(self, name: str) -> None:
        """Remove a class.

        Raises
        ------
        InputError
            If it is the only one, or objects have it.
        """
        if len(self.session.classes) == 1:
            raise InputError("there must be one class at least")
        used = sum(drawn.objects.get(name, 0) for drawn in self.counts.values())
        if used:
            raise InputError(
                f"'{name}' is the class of {plural(used, 'object')}; give them another one first"
            )
        self.session.set_classes(tuple(x for x in self.session.classes if x != name))

    def learn(self, names: list[str]) -> None:
        """Take over classes that come with a layer."""
        known = self.session.classes
        unused = len(known) == 1 and not any(drawn.total for drawn in self.counts.values())
        kept = known if not unused or not names or known[0] in names else ()
        new = (*kept, *(name for name in names if name not in kept))
        if new != known:
            self.session.set_classes(new)

    # ---------------------------------------------------------------- events

    def _sync(self) -> None:
        """Watch the layers that are there now."""
        viewer = self.workspace.viewer
        labels = {str(_layers.image_key(x)): x for x in _layers.ours(viewer, "annotations")}
        shapes = {str(_layers.image_key(x)): x for x in _layers.ours(viewer, "regions")}
        for key in [k for k, s in self._strokes.items() if labels.get(k) is not s.layer]:
            if self.workspace.layer_of(key) is not None and self._keeping.touched(key):
                self._keep(key)  # a layer that was deleted comes back with all that was drawn
            self._detach(key)
        for key in [k for k, x in self._regions.items() if shapes.get(k) is not x]:
            self._detach_regions(key)
        for key in labels.keys() - self._strokes.keys():
            self._attach(key, labels[key])
        for key in shapes.keys() - self._regions.keys():
            self._regions[key] = shapes[key]
            shapes[key].events.data.connect(self._region_drawn)
            self._counting.request(key)
        self.changed.emit()

    def _attach(self, key: str, layer: Labels) -> None:
        known = list(dict.fromkeys(_layers.facts(layer)["classes"].values()))
        self.learn([name for name in known if name != BACKGROUND])
        strokes = self._strokes[key] = Strokes(layer, self)
        strokes.each, strokes.class_name = self.each, self.class_name
        strokes.changed.connect(partial(self.touch, key))
        strokes.tool_changed.connect(self.changed)
        layer.events.set_data.connect(self._refreshed)
        self._colouring[key] = Colouring(strokes)
        self._colour(key)
        if key in self.workspace.project_images:
            self._keeping.read(key)
        else:
            self._keeping.found(key)  # a sample's, or those of a session before
        self._counting.request(key)

    def _detach(self, key: str) -> None:
        strokes = self._strokes.pop(key)
        strokes.layer.events.set_data.disconnect(self._refreshed)
        strokes.close()
        strokes.deleteLater()
        self.counts.pop(key, None)
        del self._colouring[key]

    def _detach_regions(self, key: str) -> None:
        self._regions.pop(key).events.data.disconnect(self._region_drawn)

    def touch(self, key: str) -> None:
        """Note that a person did something to what is drawn on an image: count it, and save it."""
        self._keeping.changed(key)
        self._counting.request(key)
        if key in self._strokes:
            self._colour(key)
        self.workspace.touch()
        self.changed.emit()

    def _refreshed(self, event: Any) -> None:
        """See a layer drawn again: after an undo perhaps, unless another slice is shown."""
        dims = self.workspace.viewer.dims
        seen = (dims.current_step, dims.order, dims.ndisplay)
        if seen == self._seen:
            self._counting.request(str(_layers.image_key(event.source)))
        self._seen = seen

    def _region_drawn(self, event: Any) -> None:
        self.touch(str(_layers.image_key(event.source)))

    def _classes_changed(self) -> None:
        if self.class_name not in self.session.classes:
            self.set_class(self.session.classes[0])
        for key in self._strokes:
            self._colour(key)
            self._counting.request(key)
        self.changed.emit()

    def _project_changed(self) -> None:
        self._keeping.forget()

    def _colour(self, key: str) -> None:
        self._colouring[key].update(self.session.classes, self.class_name)

    # ---------------------------------------------------------------- counts

    def _look(self, key: str) -> tuple[Any, ...] | None:
        """Return what is counted on an image."""
        strokes, regions = self._strokes.get(key), self._regions.get(key)
        if strokes is None:
            return None
        marked = 0 if regions is None else sum(k in KINDS for k in regions.shape_type)
        return strokes.layer.data, dict(strokes.classes), self.session.classes[0], marked

    def _counted(self, key: str, drawn: Drawn) -> None:
        if key in self._strokes:
            before = self.counts.get(key)
            if before is not None and before.digest != drawn.digest:
                self._keeping.changed(key)
                self.workspace.touch()
            self.counts[key] = drawn
            self.changed.emit()

    # ---------------------------------------------------------------- saving

    def _save(self) -> None:
        for key in self._strokes:
            self._keep(key)

    def _keep(self, key: str) -> None:
        layer, regions = self._strokes[key].layer, self._regions.get(key)
        known = key in self.workspace.project_images
        # Neither a layer alone makes a project, nor one that nobody has drawn in.
        mine = self.session.project is not None or self._keeping.touched(key)
        begun = bool(regions is not None and regions.nshapes) or np.any(layer.data)
        if known or (mine and begun):
            with self.workspace.saving():
                self._keeping.keep(key, partial(drawn, layer, regions))
